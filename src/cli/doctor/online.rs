//! What only WeCom can tell: whether its server takes the secret, whom it records, what time it is there, and whether the
//! SDK gets an answer. Asked with calls that read; nothing is stored, no cursor moves, no token is kept.

use super::{Finding, Status};
use crate::{
    cli::{context::Context, outcome::Failure, render},
    config::Company,
    directory::{self, Error, Obstacle, rows::msgaudit::GetPermitUserList},
    ids::Seq,
    source::Puller,
};

/// Seconds between WeCom's clock and ours that do no harm.
const CLOCK_FINE: i64 = 60;
/// Seconds from which on callbacks are refused, and TLS is at risk.
const CLOCK_BAD: i64 = 300;

pub(super) fn look(context: &Context, runtime: &tokio::runtime::Runtime) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for company in context.companies(None)? {
        if company.secret.is_some() {
            findings.extend(runtime.block_on(api(context, company)));
        } else {
            findings.push(Finding::good(
                format!("token ({})", company.name),
                "not asked for: the records of this company are made up, and it has no secret",
            ));
        }
        findings.push(runtime.block_on(pull(context, company)));
    }
    Ok(findings)
}

/// The server API: the way there, the token, the members, the clock.
async fn api(context: &Context, company: &Company) -> Vec<Finding> {
    let label = |what: &str| format!("{what} ({})", company.name);
    let unset = |failure: Failure| {
        vec![
            Finding::bad(
                &label("token"),
                "not asked for",
                failure.to_string(),
                "correct this first",
            )
            .endangering(),
        ]
    };
    let (client, options) = match context.directory_alone(company) {
        Ok(both) => both,
        Err(failure) => return unset(failure),
    };
    if let Some(obstacle) = directory::obstacle(&options).await {
        return vec![in_the_way(&label("route"), &options, &obstacle).endangering()];
    }
    let mut findings = Vec::new();
    let answer = client.call(&GetPermitUserList::default()).await;
    match answer {
        Ok(list) => {
            findings.push(Finding::good(label("route"), way(&options)));
            findings.push(Finding::good(label("token"), "WeCom gave one"));
            let members = list.ids.len();
            findings.push(if members > 0 {
                Finding::good(
                    label("permitted members"),
                    render::number(members as u64).to_string(),
                )
            } else {
                Finding::warning(
                    &label("permitted members"),
                    "none",
                    "WeCom records nobody's conversations: no member has a seat of 会话内容存档",
                    "choose members on the page 会话内容存档 of the admin console",
                )
                .endangering()
            });
        }
        Err(error) => findings.extend(refused(&label, &options, &error)),
    }
    findings.extend(clock(&label("WeCom's clock")));
    findings
}

fn way(options: &directory::Options) -> String {
    match &options.proxy {
        Some(proxy) => format!("{} answers, through {proxy}", options.host),
        None => format!("{} answers", options.host),
    }
}

/// A step of the way to WeCom that cannot be made.
fn in_the_way(check: &str, options: &directory::Options, obstacle: &Obstacle) -> Finding {
    let proxy = options.proxy.as_deref().unwrap_or_default();
    let (cause, fix) = match obstacle {
        Obstacle::ProxyName(why) => (
            format!("DNS: the proxy's name is not known ({why})"),
            "correct api.proxy or proxy of the company, or this machine's DNS",
        ),
        Obstacle::ProxyConnection(why) => (
            format!("the proxy takes no connection ({why})"),
            "start the proxy, or correct api.proxy or proxy of the company",
        ),
        Obstacle::ProxySilent(seconds) => (
            format!("the proxy says nothing for {seconds} s"),
            "look at the proxy, and at firewalls on the way to it",
        ),
        Obstacle::ProxyCredentials => (
            "the proxy wants credentials (HTTP status 407), and none are configured".to_owned(),
            "name a file with user:password in proxy_credentials_file of the company",
        ),
        Obstacle::ProxyRefusal(status) => (
            format!("the proxy does not connect to WeCom (HTTP status {status})"),
            "have the proxy's rules allow qyapi.weixin.qq.com:443",
        ),
        Obstacle::NoProxy => (
            "what answers at the proxy's address is no HTTP proxy".to_owned(),
            "correct scheme and port of api.proxy or proxy of the company (http://, socks5://)",
        ),
        Obstacle::Name(why) => (
            format!("DNS: WeCom's name is not known ({why})"),
            "correct this machine's DNS (/etc/resolv.conf), or api.host; behind a proxy, set proxy of the company",
        ),
        Obstacle::Connection(why) => (
            format!("no connection to WeCom ({why})"),
            "allow this machine to reach it on port 443, or set proxy of the company",
        ),
        Obstacle::Silent(seconds) => (
            format!("no connection to WeCom within {seconds} s, as where a firewall drops it"),
            "allow this machine to reach it on port 443, or set proxy of the company",
        ),
        _ => (
            "api.host or the proxy is no address".to_owned(),
            "correct api.host, api.proxy or proxy of the company",
        ),
    };
    let value = match proxy {
        "" => format!("no way to {}", options.host),
        proxy => format!("no way to {} through {proxy}", options.host),
    };
    Finding::bad(check, value, cause, fix)
}

/// A call that brought no list: of the way, of the token, or of the right to it.
fn refused(label: &dyn Fn(&str) -> String, options: &directory::Options, error: &Error) -> Vec<Finding> {
    let cause = error.to_string();
    let bad = |check: &str, value: &str, fix: String| {
        Finding::bad(&label(check), value, cause.clone(), fix).endangering()
    };
    match error {
        Error::Unreachable { why, .. } if is_of_tls(why) => vec![bad(
            "route",
            "TLS fails",
            "if a firewall of your own opens TLS, name its certificate in api.root_ca; otherwise check this machine's \
             clock, and that api.host is WeCom's"
                .to_owned(),
        )],
        Error::Unreachable { why, .. } if why.contains("407") || why.contains("proxy auth") => {
            vec![proxy_credentials(label, &cause)]
        }
        Error::Status { status: 407, .. } => vec![proxy_credentials(label, &cause)],
        Error::Unreachable { why, .. } if why.contains("too long") => vec![bad(
            "route",
            "no answer in time",
            format!(
                "a connection can be made and nothing comes back: look at the proxy and the firewall; {} s are allowed \
                 (api.timeout_seconds)",
                options.timeout.as_secs()
            ),
        )],
        Error::Unreachable { .. } | Error::Status { .. } | Error::Torn { .. } => vec![bad(
            "route",
            "something on the way answers instead of WeCom",
            "check api.host, and the proxy or gateway between here and WeCom".to_owned(),
        )],
        error => {
            let fix = error.advice().unwrap_or("look the code up on WeCom's page of error codes").to_owned();
            if error.is_of_token() || error.code().is_some_and(is_of_secret) {
                return vec![bad("token", "refused", fix)];
            }
            vec![
                Finding::good(label("token"), "WeCom gave one"),
                bad("permitted members", "refused", fix),
            ]
        }
    }
}

fn proxy_credentials(label: &dyn Fn(&str) -> String, cause: &str) -> Finding {
    Finding::bad(
        &label("route"),
        "the proxy does not let us through",
        cause,
        "HTTP status 407: correct user and password in the file that proxy_credentials_file names, each part \
         percent-encoded",
    )
    .endangering()
}

/// Codes of the token call: secret or corpid.
fn is_of_secret(code: i64) -> bool {
    matches!(code, 40001 | 40013 | 40091 | 41002 | 41004)
}

fn is_of_tls(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    [
        "certificate",
        "tls",
        "handshake",
        "unknownissuer",
        "received corrupt message",
        "invalid peer",
    ]
    .iter()
    .any(|word| why.contains(word))
}

/// The `Date` of the answer that just came beside the clock of this machine.
fn clock(check: &str) -> Option<Finding> {
    let seen = directory::server_clock()?;
    let ahead = seen.ahead_ms / 1000;
    let value = format!("WeCom's is {ahead} s ahead of this machine's (negative: behind)");
    Some(if ahead.abs() <= CLOCK_FINE {
        Finding::good(check, value)
    } else {
        Finding {
            status: match ahead.abs() >= CLOCK_BAD {
                true => Status::Bad,
                false => Status::Warning,
            },
            ..Finding::bad(
                check,
                value,
                "this machine's clock is off",
                "set it by NTP: callbacks further off than callback.window_seconds are refused",
            )
        }
    })
}

/// One record through the SDK, thrown away.
async fn pull(context: &Context, company: &Company) -> Finding {
    let check = format!("one pull ({})", company.name);
    let cursor = match cursor(context, company) {
        Ok(cursor) => cursor,
        Err(failure) => {
            return Finding::bad(
                &check,
                "not tried",
                failure.to_string(),
                "see the archive's findings",
            );
        }
    };
    let options = match context.source(company) {
        Ok(options) => options,
        Err(failure) => {
            return Finding::bad(&check, "not tried", failure.to_string(), "correct this first")
                .endangering();
        }
    };
    let pulled = async {
        let mut puller = Puller::start(&options).await?;
        let page = puller.page(cursor, 1).await;
        puller.close().await;
        page
    };
    match pulled.await {
        Ok(page) if page.torn => Finding::bad(
            &check,
            format!("WeCom's answer behind seq {cursor} cannot be read"),
            "it is cut off, or no answer of WeCom's",
            "try again; if it stays, take another build of the SDK, and look at the proxy",
        )
        .endangering(),
        Ok(page) => Finding::good(
            check,
            format!(
                "WeCom answered with {} record(s) behind seq {cursor}; at most one was asked for, and none was kept",
                page.records.len() + page.strays.len()
            ),
        ),
        Err(error) => {
            let hint = error.hint().to_owned();
            Finding::bad(&check, "failed", error.to_string(), hint).endangering()
        }
    }
}

/// Where the archive stands; the beginning when there is none.
fn cursor(context: &Context, company: &Company) -> Result<Seq, Failure> {
    if !context.database().exists() {
        return Ok(Seq(0));
    }
    let reader = context.reader()?;
    Ok(match reader.company_id(&company.name)? {
        Some(id) => reader.cursor(id)?,
        None => Seq(0),
    })
}
