//! `shiguan api NAME`: one call of WeCom's server API by name, for finding out what a secret may do and what is answered.
//!
//! What goes out is checked against the declared request, what comes back is printed as it came, except that tokens and
//! other secrets are covered.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use clap::ValueEnum;
use serde_json::{Map, Value};

use super::{
    Global,
    context::{Context, Quiet},
    out::{self, Page},
    outcome::{Exit, Failure},
};
use crate::directory::{
    self, Body, Client, Entry, Method, Paging, Row, TokenKind, Upload, lost, masked, rows,
};

/// Arguments of `api`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The call, e.g. get_permit_user_list, or its id, e.g. MA-1
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Its fields as a JSON object; @FILE reads them from a file, - from standard input (secrets belong there, since
    /// command lines can be seen by others)
    #[arg(long, value_name = "BODY")]
    json: Option<String>,
    /// List every call: name, method, path, token, page of the documentation, Chinese name
    #[arg(long)]
    list: bool,
    /// The company whose secrets are used, when there are several
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// Use the token of another secret than the call's own
    #[arg(long, value_name = "SECRET")]
    token: Option<Token>,
    /// For get_jsapi_ticket and get_agent_ticket: sign this page's address with the ticket, instead of showing the answer
    #[arg(long, value_name = "URL", conflicts_with_all = ["all", "token", "json"])]
    sign: Option<String>,
    /// Follow the pages to the end; one JSON line per page
    #[arg(long)]
    all: bool,
    /// The file to upload, for calls that take one
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where to put the file that is answered; it must not be there yet
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A secret of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Token {
    /// 会话内容存档
    Archive,
    /// The own app
    App,
    /// 通讯录同步
    Contact,
}

impl From<Token> for TokenKind {
    fn from(token: Token) -> Self {
        match token {
            Token::Archive => Self::Archive,
            Token::App => Self::App,
            Token::Contact => Self::Contact,
        }
    }
}

pub(super) fn run(global: &Global, args: &Args) -> Result<Exit, Failure> {
    if args.list {
        return list();
    }
    let name = args.name.as_deref().unwrap_or_default();
    let Some(entry) = rows::find(name) else {
        let near = rows::rows()
            .map(|row| row.name)
            .filter(|known| strsim::jaro_winkler(known, name) > 0.85)
            .collect::<Vec<_>>();
        let hint = match near[..] {
            [] => "`shiguan api --list` lists them".to_owned(),
            _ => format!(
                "did you mean {}? `shiguan api --list` lists all",
                near.join(" or ")
            ),
        };
        return Err(Failure::usage(format!("no call `{name}`")).hint(hint));
    };
    let context = Context::begin(global, Quiet::Warnings)?;
    let company = match (&context.companies(args.company.as_deref())?[..], &args.company) {
        ([only], _) => *only,
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|company| company.name.as_str()).collect();
            return Err(Failure::usage("several companies are configured")
                .hint(format!("choose one with --company: {}", names.join(", "))));
        }
    };
    if let Some(url) = &args.sign {
        let client = context.directory(company)?;
        context.runtime()?.block_on(sign(&client, entry.row, url))?;
        return Ok(Exit::Well);
    }
    let mut fields = fields(args.json.as_deref())?;
    if entry.row.name == "get_token" {
        // So that nobody has to write the secret down once more.
        for (field, value) in [
            ("corpid", company.corpid.clone()),
            ("corpsecret", context.secret(company)?.expose().to_owned()),
        ] {
            fields.entry(field).or_insert(Value::String(value));
        }
    }
    let fields = checked(entry, Value::Object(fields))?;
    let client = context.directory(company)?;
    context
        .runtime()?
        .block_on(call(&client, entry.row, &fields, args))?;
    Ok(Exit::Well)
}

/// What a page needs for `wx.config` or `agentConfig`; the ticket itself stays here.
async fn sign(client: &Client, row: &'static Row, url: &str) -> Result<(), Failure> {
    let agent = match row.name {
        "get_jsapi_ticket" => false,
        "get_agent_ticket" => true,
        other => {
            return Err(Failure::usage(format!("{other} brings no ticket to sign with"))
                .hint("--sign goes with get_jsapi_ticket and get_agent_ticket"));
        }
    };
    let ticket = client.ticket(agent).await?;
    let nonce = format!("{:016x}", rand::random::<u64>());
    let timestamp = crate::ids::Millis::now().0 / 1000;
    let signature = directory::page_signature(&ticket, &nonce, timestamp, url);
    print(
        &serde_json::json!({"url": url, "noncestr": nonce, "timestamp": timestamp, "signature": signature}),
        true,
    )
}

async fn call(client: &Client, row: &'static Row, fields: &Value, args: &Args) -> Result<(), Failure> {
    if row.body == Body::Binary {
        return download(client, row, fields, args).await;
    }
    if row.upload {
        let Some(path) = &args.file else {
            return Err(
                Failure::usage(format!("{} uploads a file", row.name)).hint("name it with --file FILE")
            );
        };
        let upload = Upload {
            filename: path
                .file_name()
                .map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned()),
            content_type: "application/octet-stream".to_owned(),
            bytes: std::fs::read(path)
                .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?,
        };
        return print(&client.upload_row(row, fields, &upload).await?, true);
    }
    let kind = args.token.map(TokenKind::from);
    if !args.all {
        return print(&client.call_row_as(row, fields, kind).await?, true);
    }
    if row.paging == Paging::None {
        return Err(Failure::usage(format!(
            "{} has no pages; leave --all away",
            row.name
        )));
    }
    let mut pages = client.row_pages(row, fields, kind);
    while let Some(page) = pages.next_raw().await? {
        print(&page, false)?;
    }
    Ok(())
}

async fn download(client: &Client, row: &'static Row, fields: &Value, args: &Args) -> Result<(), Failure> {
    let Some(path) = &args.output else {
        return Err(
            Failure::usage(format!("{} answers a file", row.name)).hint("say where with --output FILE")
        );
    };
    let mut download = client.download(row, fields, None).await?;
    let cannot = |error: std::io::Error| Failure::run(format!("cannot write {}: {error}", path.display()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(cannot)?;
    let mut length = 0_u64;
    while let Some(piece) = download.piece().await? {
        file.write_all(&piece).map_err(cannot)?;
        length += piece.len() as u64;
    }
    file.sync_all().map_err(cannot)?;
    let kind = download.content_type().unwrap_or("unknown").to_owned();
    print(
        &serde_json::json!({"file": path.display().to_string(), "bytes": length, "content_type": kind}),
        true,
    )
}

fn print(value: &Value, wide: bool) -> Result<(), Failure> {
    let value = masked(value);
    let mut out = Page::begin();
    match wide && out::to_terminal() {
        true => out.json_pretty(&value),
        false => out.json(&value),
    }
}

/// The object that was typed, or read.
fn fields(given: Option<&str>) -> Result<Map<String, Value>, Failure> {
    let text = match given {
        None => return Ok(Map::new()),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        Some(given) => match given.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("cannot read {file}: {error}")))?,
            None => given.to_owned(),
        },
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Failure::usage(
            "--json takes a JSON object, e.g. '{\"userid\":\"zhangsan\"}'",
        )),
        Err(error) => Err(Failure::usage(format!("--json is no JSON: {error}"))),
    }
}

/// What will be sent: nothing that is not declared, and everything that must be there.
fn checked(entry: &Entry, fields: Value) -> Result<Value, Failure> {
    let row = entry.row;
    let written = (entry.request)(&fields).unwrap_or_default();
    let strange = lost(&fields, &written);
    if !strange.is_empty() {
        return Err(Failure::usage(format!(
            "{} has no such field, or not of this kind: {}",
            row.name,
            strange.join(", ")
        ))
        .hint(page(row)));
    }
    let missing: Vec<&str> = written
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| fields.get(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(Failure::usage(format!("{} needs {}", row.name, missing.join(", "))).hint(page(row)));
    }
    Ok(written)
}

fn page(row: &Row) -> String {
    if row.page.starts_with(|first: char| first.is_ascii_digit()) {
        let id = row.page.split(' ').next().unwrap_or_default();
        format!("its fields: https://developer.work.weixin.qq.com/document/path/{id}")
    } else {
        format!("its documentation: {}", row.page)
    }
}

fn token_word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::None => "none",
        TokenKind::Archive => "archive",
        TokenKind::App => "app",
        TokenKind::Contact => "contact",
        TokenKind::Suite => "suite",
        TokenKind::Component => "component",
        TokenKind::Listener => "listener",
    }
}

fn list() -> Result<Exit, Failure> {
    let mut out = Page::begin();
    let width = rows::rows().map(|row| row.name.len()).max().unwrap_or(0);
    for row in rows::rows() {
        let method = match row.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        out.sentence(format_args!(
            "{:<6} {:<width$}  {method:<4}  {:<9}  {}  {}  {}",
            row.id,
            row.name,
            token_word(row.token),
            row.page,
            row.chinese,
            row.path,
        ))?;
    }
    Ok(Exit::Well)
}

impl From<directory::Error> for Failure {
    fn from(error: directory::Error) -> Self {
        let advice = error.advice();
        let failure = match error {
            directory::Error::NoCredential { .. }
            | directory::Error::Misused { .. }
            | directory::Error::Options(_) => Self::usage(error),
            _ => Self::run(error),
        };
        match advice {
            Some(advice) => failure.hint(advice),
            None => failure,
        }
    }
}
