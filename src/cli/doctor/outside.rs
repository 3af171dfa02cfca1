//! What comes from outside and what goes there: callbacks and alerts. Nothing is sent, nobody is called.

use std::{io::ErrorKind, net::TcpListener, sync::Arc};

use super::{Finding, Status};
use crate::cli::{alert, context::Context, outcome::Failure};

pub(super) fn look(context: &Context) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    findings.extend(door(context));
    for company in context.companies(None)? {
        if company.callback.is_some() {
            let check = format!("callback ({})", company.name);
            findings.push(match context.door(company, Arc::default()) {
                Ok(_) => Finding::good(
                    check,
                    format!(
                        "token and EncodingAESKey are of the right form; path /callback/{}",
                        company.name
                    ),
                ),
                Err(failure) => Finding::bad(
                    &check,
                    "cannot be used",
                    failure.to_string(),
                    "copy Token and EncodingAESKey again from the callback's page in the admin console",
                ),
            });
            findings.extend(delay(context, &company.name)?);
        }
    }
    if context.config.alert.targets.is_empty() {
        findings.push(Finding::warning(
            "alerts",
            "nobody is told",
            "no [alert.to.NAME] is configured",
            "add one, so that somebody hears when pulls fail; then: shiguan alert test",
        ));
    }
    for target in &context.config.alert.targets {
        let check = format!("alerts ({})", target.name);
        findings.push(match alert::check(context, target) {
            Ok(()) => Finding::good(
                check,
                "configured, its secret can be read; shiguan alert test sends a message",
            ),
            Err(failure) => Finding::bad(
                &check,
                "cannot be used",
                failure.to_string(),
                "correct the target's section; then: shiguan alert test",
            ),
        });
    }
    Ok(findings)
}

/// Can the address be listened at?
fn door(context: &Context) -> Option<Finding> {
    let address = context.config.callback.listen?;
    Some(match TcpListener::bind(address) {
        Ok(_) => Finding::good("callback.listen", format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Finding::warning(
            "callback.listen",
            format!("{address} is taken"),
            "by `shiguan run`, which is fine, or by another program",
            format!("see who listens: ss -ltnp 'sport = :{}'", address.port()),
        ),
        Err(error) => Finding::bad(
            "callback.listen",
            address.to_string(),
            error.to_string(),
            "set it to an address of this machine",
        ),
    })
}

/// How far this machine's clock is from WeCom's, as far as the last event tells. Events that are too far off are refused.
fn delay(context: &Context, company: &str) -> Result<Option<Finding>, Failure> {
    // What is wrong with its place is a finding of its own.
    if !context.database().exists() || context.check_place().is_err() {
        return Ok(None);
    }
    let reader = context.reader()?;
    let Some(id) = reader.company_id(company)? else {
        return Ok(None);
    };
    let Some(delay_ms) = reader.event_delay(id)? else {
        return Ok(None);
    };
    let window = i64::from(context.config.callback.window_seconds);
    let seconds = delay_ms / 1000;
    let check = format!("callback clock ({company})");
    let value = format!("the last event came {seconds} s after WeCom's time; {window} s are tolerated");
    Ok(Some(if seconds.abs() * 2 <= window {
        Finding::good(check, value)
    } else {
        Finding {
            status: Status::Warning,
            ..Finding::bad(
                &check,
                value,
                "this machine's clock is off, or events travel slowly",
                "set the clock by NTP; events further off than that are refused",
            )
        }
    }))
}
