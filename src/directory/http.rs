//! The one place that calls out: an address, a body, an answer, bounded in time and size.
//!
//! Addresses here hold tokens and secrets. None of them leaves this file: errors name the row and the host, logs the
//! row, the status and how long it took.
//!
//! Must not know: tokens' lives, retries, limits.

use std::{sync::Arc, time::Duration};

use reqwest::{Response, StatusCode, Url, header};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;

use super::{
    date,
    error::Error,
    masks,
    row::{Body, Method, Row},
};
use crate::{ids::Millis, secret::Secret};

/// The platform's host.
pub const HOST: &str = "https://qyapi.weixin.qq.com";
/// The host of the few rows that are not WeCom's own.
pub const WEIXIN_HOST: &str = "https://api.weixin.qq.com";

/// How to reach the platform.
#[derive(Debug, Clone)]
pub struct Options {
    /// In place of [`HOST`]: a gateway, a test server. Scheme and host, with or without `/` at the end.
    pub host: String,
    /// In place of [`WEIXIN_HOST`].
    pub weixin_host: String,
    /// `http`, `https`, `socks5` or `socks5h`; none means direct, whatever the environment says.
    pub proxy: Option<String>,
    /// `user:password` of the proxy, each percent-encoded.
    pub proxy_credentials: Option<Secret>,
    /// Further roots of trust, as PEM.
    pub root_ca: Option<Vec<u8>>,
    /// For making a connection.
    pub connect_timeout: Duration,
    /// For a whole call.
    pub timeout: Duration,
    /// Between two pieces of a download, and for a whole upload.
    pub transfer_timeout: Duration,
    /// `User-Agent`.
    pub user_agent: String,
    /// Bytes of the largest JSON answer.
    pub largest_answer: usize,
    /// Fetch another token so long before the end of the last, or half its life if that is shorter.
    pub token_margin: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: HOST.to_owned(),
            weixin_host: WEIXIN_HOST.to_owned(),
            proxy: None,
            proxy_credentials: None,
            root_ca: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            transfer_timeout: Duration::from_secs(300),
            user_agent: concat!("shiguan/", env!("CARGO_PKG_VERSION")).to_owned(),
            largest_answer: 64 * 1024 * 1024,
            token_margin: Duration::from_secs(300),
        }
    }
}

/// A file on its way to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name, which may be Chinese.
    pub filename: String,
    /// E.g. `image/png`.
    pub content_type: String,
    /// Its content, at most 20 MB for the platform.
    pub bytes: Vec<u8>,
}

/// Bytes of a file to download, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First.
    pub from: u64,
    /// Last.
    pub to: u64,
}

/// One request, complete but for the token.
pub(super) struct Asking<'a> {
    pub(super) row: &'static Row,
    pub(super) fields: &'a Value,
    pub(super) token: Option<&'a Secret>,
    pub(super) upload: Option<&'a Upload>,
    pub(super) range: Option<Range>,
}

/// What came back.
pub(super) enum Answered {
    Json { status: u16, value: Value },
    Bytes(Response),
}

/// The connection.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    options: Options,
    host: Url,
    weixin_host: Url,
}

impl Http {
    pub(super) fn new(options: Options) -> Result<Self, Error> {
        let client = client(&options)?;
        Ok(Self {
            client,
            host: base("api.host", &options.host)?,
            weixin_host: base("the other host", &options.weixin_host)?,
            options,
        })
    }

    pub(super) fn host(&self) -> &str {
        self.host.as_str()
    }

    pub(super) async fn ask(&self, asking: Asking<'_>) -> Result<Answered, Error> {
        let row = asking.row;
        let began = std::time::Instant::now();
        let answered = self.ask_silently(&asking).await;
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &answered {
            Ok(Answered::Json { status, value }) => {
                let code = value.get("errcode").and_then(Value::as_i64).unwrap_or(0);
                tracing::debug!(api = row.name, status, code, milliseconds, "called");
            }
            Ok(Answered::Bytes(response)) => {
                tracing::debug!(
                    api = row.name,
                    status = response.status().as_u16(),
                    milliseconds,
                    "called"
                );
            }
            Err(error) => tracing::debug!(api = row.name, %error, milliseconds, "called in vain"),
        }
        answered
    }

    async fn ask_silently(&self, asking: &Asking<'_>) -> Result<Answered, Error> {
        let row = asking.row;
        let (address, body) = self.address(asking);
        let host = format!(
            "{}:{}",
            address.host_str().unwrap_or_default(),
            address.port_or_known_default().unwrap_or_default()
        );
        let mut request = match row.method {
            Method::Get => self.client.get(address),
            Method::Post => self.client.post(address),
        };
        match (asking.upload, row.method) {
            (Some(upload), _) => {
                let (kind, bytes) = multipart(upload);
                request = request
                    .header(header::CONTENT_TYPE, kind)
                    .body(bytes)
                    .timeout(self.options.transfer_timeout);
            }
            (None, Method::Post) => {
                request = request
                    .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
                    .body(body.to_string())
                    .timeout(self.options.timeout);
            }
            // A download may take long; each of its pieces may not.
            (None, Method::Get) if row.body == Body::Binary => {}
            (None, Method::Get) => request = request.timeout(self.options.timeout),
        }
        if let Some(range) = asking.range {
            request = request.header(header::RANGE, format!("bytes={}-{}", range.from, range.to));
        }
        let unreachable = |error: reqwest::Error| {
            let sent = !error.is_connect() && !error.is_builder();
            Error::Unreachable {
                api: row.name,
                host: host.clone(),
                why: self.told(error, asking),
                sent,
            }
        };
        let sending = request.send();
        let response = if row.body == Body::Binary {
            tokio::time::timeout(self.options.timeout, sending)
                .await
                .map_err(|_| Error::Unreachable {
                    api: row.name,
                    host: host.clone(),
                    why: "it took too long".to_owned(),
                    sent: true,
                })?
        } else {
            sending.await
        }
        .map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            date::note(response.headers(), Millis::now());
        }
        if row.body == Body::Binary && status.is_success() && !is_text(&response) {
            return Ok(Answered::Bytes(response));
        }
        self.json(asking, response, status).await
    }

    async fn json(
        &self,
        asking: &Asking<'_>,
        mut response: Response,
        status: StatusCode,
    ) -> Result<Answered, Error> {
        let api = asking.row.name;
        let limit = self.options.largest_answer;
        let mut bytes = Vec::new();
        loop {
            let piece = response.chunk().await.map_err(|error| Error::Torn {
                api,
                why: self.told(error, asking),
            })?;
            let Some(piece) = piece else { break };
            if bytes.len() + piece.len() > limit {
                return Err(Error::TooLarge { api, limit });
            }
            bytes.extend_from_slice(&piece);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        match serde_json::from_slice(bytes) {
            // A number or a text is no API answer, whatever wrote it.
            Ok(value @ Value::Object(_)) if status.is_success() || value.get("errcode").is_some() => {
                Ok(Answered::Json {
                    status: status.as_u16(),
                    value,
                })
            }
            _ if !status.is_success() => Err(Error::Status {
                api,
                status: status.as_u16(),
            }),
            Ok(_) => Err(Error::Torn {
                api,
                why: "JSON, but no object".to_owned(),
            }),
            // The parser's message tells a place, never the content.
            Err(error) => Err(Error::Torn {
                api,
                why: format!("no JSON: {error}"),
            }),
        }
    }

    /// The address with everything in it, and the fields that are left for the body.
    fn address(&self, asking: &Asking<'_>) -> (Url, Value) {
        let row = asking.row;
        let mut address = match row.bare_path().strip_prefix(WEIXIN_HOST) {
            Some(path) => under(&self.weixin_host, path),
            None => under(&self.host, row.bare_path()),
        };
        let mut fields = asking.fields.as_object().cloned().unwrap_or_default();
        {
            let mut query = address.query_pairs_mut();
            for (name, fixed) in row.named_parameters() {
                match (fixed, fields.remove(name)) {
                    (Some(value), _) => query.append_pair(name, value),
                    (None, Some(value)) => query.append_pair(name, &plain(&value)),
                    (None, None) => &mut query,
                };
            }
            if row.method == Method::Get {
                for (name, value) in &fields {
                    query.append_pair(name, &plain(value));
                }
            }
            if let (Some(name), Some(token)) = (row.token_parameter(), asking.token) {
                query.append_pair(name, token.expose());
            }
        }
        if address.query() == Some("") {
            address.set_query(None);
        }
        (address, Value::Object(fields))
    }

    /// What a connection's error says, without the address and without anything secret.
    fn told(&self, error: reqwest::Error, asking: &Asking<'_>) -> String {
        if error.is_timeout() {
            return "it took too long".to_owned();
        }
        let mut secrets = masks::secrets(asking.fields);
        secrets.extend(asking.token.cloned());
        secrets.extend(self.options.proxy_credentials.clone());
        masks::scrub(&chain(&error.without_url()), &secrets)
    }

    /// The next piece of a download.
    pub(super) async fn piece(
        &self,
        row: &'static Row,
        response: &mut Response,
    ) -> Result<Option<Vec<u8>>, Error> {
        let torn = |why: String| Error::Torn { api: row.name, why };
        match tokio::time::timeout(self.options.transfer_timeout, response.chunk()).await {
            Err(_) => Err(torn("nothing came for too long".to_owned())),
            Ok(Err(error)) => Err(torn(chain(&error.without_url()))),
            Ok(Ok(piece)) => Ok(piece.map(|piece| piece.to_vec())),
        }
    }
}

/// A client with the route, the roots and the name of these options.
pub(super) fn client(options: &Options) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(options.root_ca.as_deref())?)
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        // The route is what the configuration says, not what the environment holds.
        .no_proxy();
    if let Some(address) = &options.proxy {
        let address = if address.contains("://") {
            address.clone()
        } else {
            format!("http://{address}")
        };
        let mut proxy = reqwest::Proxy::all(address)
            .map_err(|_| Error::Options("the proxy of the API is no address of one".to_owned()))?;
        if let Some(credentials) = &options.proxy_credentials {
            let (user, password) = credentials.expose().split_once(':').ok_or_else(|| {
                Error::Options("the proxy's credentials are not of the form user:password".to_owned())
            })?;
            proxy = proxy.basic_auth(&percent_decoded(user), &percent_decoded(password));
        }
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| {
        Error::Options(format!(
            "cannot make an HTTP client: {}",
            chain(&error.without_url())
        ))
    })
}

/// Errors of the platform are JSON also where a file was asked for; the status is 200 all the same.
fn is_text(response: &Response) -> bool {
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let named = response.headers().contains_key(header::CONTENT_DISPOSITION);
    kind.starts_with("application/json") || (kind.starts_with("text/") && !named)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The path below a base that may have a path of its own.
fn under(base: &Url, path: &str) -> Url {
    let mut address = base.clone();
    address.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    address
}

fn base(name: &str, text: &str) -> Result<Url, Error> {
    Url::parse(text)
        .ok()
        .filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        })
        .ok_or_else(|| Error::Options(format!("{name} is no address such as {HOST}")))
}

fn tls(root_ca: Option<&[u8]>) -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = root_ca {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            certificate
                .ok()
                .and_then(|certificate| roots.add(certificate).ok())
                .ok_or_else(|| {
                    Error::Options("api.root_ca holds something that is no certificate".to_owned())
                })?;
        }
        if roots.len() == before {
            return Err(Error::Options(
                "api.root_ca holds no certificate in PEM form".to_owned(),
            ));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // The safe versions are 1.2 and 1.3; the platform warns about older ones.
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Options(format!("cannot set TLS up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A form with the one part `media` (wecom-api MD-1). The name goes as UTF-8, with quotes and line ends spelt out.
fn multipart(upload: &Upload) -> (String, Vec<u8>) {
    let boundary = format!("shiguan-{:032x}", rand::random::<u128>());
    let tame = |text: &str| text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"media\"; filename=\"{}\"; filelength={}\r\n\
         Content-Type: {}\r\n\r\n",
        tame(&upload.filename),
        upload.bytes.len(),
        tame(&upload.content_type)
    )
    .into_bytes();
    body.extend_from_slice(&upload.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}
