//! One call, from request to answer: token, place, sending, and what to do about what came back.
//!
//! What is repeated, and how often, stands here alone (token-and-errors §2): a token that ended once; busy, lost and
//! torn answers three times and only where the row says that repeating is safe; 45033 three times after a pause.
//!
//! Must not know: what answers are used for.

use std::{pin::Pin, sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{
    access::{Access, Credential},
    clock::{Clock, WallClock},
    codes::{self, Class},
    error::{Error, Refusal},
    http::{Answered, Asking, Http, Options, Range, Upload},
    limits::Limiter,
    masks,
    row::{Endpoint, Row, TokenKind},
    rows::{tickets, token as token_rows},
    tokens::{MemoryShelf, TokenHealth, TokenKey, TokenShelf, Tokens},
    wire::Wire,
};
use crate::{ids::Millis, secret::Secret};

/// Further tries of what may be repeated (official advice: at most three).
const TRIES: u32 = 3;
/// The first pause before a further try; it doubles.
const PAUSE_MS: u64 = 1000;
/// Background refresh: pauses after failures, and the shortest pause at all.
const REFRESH_MS: (u64, u64) = (500, 60_000);
const REFRESH_LEAST_MS: i64 = 5_000;

/// Calls for one company. Cheap to clone; clones share tokens, limits and connections.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    access: Access,
    tokens: Tokens,
    limiter: Limiter,
    clock: Arc<dyn Clock>,
}

/// A file on its way here.
#[derive(Debug)]
pub struct Download {
    row: &'static Row,
    response: reqwest::Response,
    client: Client,
}

/// Everything of a call that is no field.
#[derive(Default)]
struct Extra<'a> {
    upload: Option<&'a Upload>,
    range: Option<Range>,
    /// Another token than the row's.
    kind: Option<TokenKind>,
}

impl Client {
    /// With tokens of this process only, and the clock of this machine.
    pub fn new(options: Options, access: Access) -> Result<Self, Error> {
        Self::with(
            options,
            access,
            Arc::new(MemoryShelf::default()),
            Arc::new(WallClock::default()),
        )
    }

    /// With a shelf that other processes share, and any clock.
    pub fn with(
        options: Options,
        access: Access,
        shelf: Arc<dyn TokenShelf>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let tokens = Tokens::new(shelf, Arc::clone(&clock), options.token_margin);
        Ok(Self(Arc::new(Inner {
            http: Http::new(options)?,
            access,
            tokens,
            limiter: Limiter::default(),
            clock,
        })))
    }

    /// Makes one call.
    pub async fn call<E: Endpoint>(&self, request: &E) -> Result<E::Answer, Error> {
        let answer = self
            .call_row(E::ROW, &request.write().unwrap_or_default())
            .await?;
        Ok(typed(answer))
    }

    /// Makes one call of any row, with the fields of its request; answers as it came.
    pub async fn call_row(&self, row: &'static Row, fields: &Value) -> Result<Value, Error> {
        self.call_row_as(row, fields, None).await
    }

    /// As [`Client::call_row`], with another token than the row's own: for finding out what a secret may do.
    pub async fn call_row_as(
        &self,
        row: &'static Row,
        fields: &Value,
        kind: Option<TokenKind>,
    ) -> Result<Value, Error> {
        if row.upload {
            return Err(misused(row, "a file goes along with this call; use `upload`"));
        }
        let extra = Extra {
            kind,
            ..Extra::default()
        };
        self.json(row, fields, &extra).await
    }

    /// Makes one call that a file goes along with.
    pub async fn upload<E: Endpoint>(&self, request: &E, file: &Upload) -> Result<E::Answer, Error> {
        let fields = request.write().unwrap_or_default();
        let answer = self.upload_row(E::ROW, &fields, file).await?;
        Ok(typed(answer))
    }

    /// As [`Client::upload`], of any row.
    pub async fn upload_row(&self, row: &'static Row, fields: &Value, file: &Upload) -> Result<Value, Error> {
        if !row.upload {
            return Err(misused(row, "no file goes along with this call; use `call`"));
        }
        let extra = Extra {
            upload: Some(file),
            ..Extra::default()
        };
        self.json(row, fields, &extra).await
    }

    /// Opens a download; the content comes by [`Download::piece`] and is never whole in memory.
    pub async fn download(
        &self,
        row: &'static Row,
        fields: &Value,
        range: Option<Range>,
    ) -> Result<Download, Error> {
        let extra = Extra {
            range,
            ..Extra::default()
        };
        match self.make(row, fields, &extra).await? {
            Answered::Bytes(response) => Ok(Download {
                row,
                response,
                client: self.clone(),
            }),
            Answered::Json { .. } => Err(misused(row, "this call answers JSON; use `call`")),
        }
    }

    /// A ticket for pages inside WeCom, kept as tokens are; `agent` for `agentConfig`.
    pub async fn ticket(&self, agent: bool) -> Result<Secret, Error> {
        let app = self.token(tickets::GetJsapiTicket::ROW, TokenKind::App).await?;
        let row = if agent {
            tickets::GetAgentTicket::ROW
        } else {
            tickets::GetJsapiTicket::ROW
        };
        // A ticket belongs to the app, not to the token of the hour.
        let who = &self.0.access.corpid;
        let key = match self.0.access.credential(TokenKind::App) {
            Some(Credential::Secret(secret)) => TokenKey::of(self.0.http.host(), row.name, who, secret),
            _ => TokenKey::of(self.0.http.host(), row.name, who, &app),
        };
        self.0
            .tokens
            .obtain(row.name, &key, || async {
                let ticket = if agent {
                    self.call(&tickets::GetAgentTicket::new("agent_config")).await?
                } else {
                    self.call(&tickets::GetJsapiTicket::new()).await?
                };
                Ok((ticket.ticket, ticket.expires_in))
            })
            .await
    }

    /// The stable token of an official account or mini program, kept as tokens are.
    pub async fn stable_token(&self, appid: &str, secret: &Secret) -> Result<Secret, Error> {
        let row = token_rows::MpStableToken::ROW;
        let key = TokenKey::of(self.0.http.host(), row.name, appid, secret);
        self.0
            .tokens
            .obtain(row.name, &key, || async {
                let request = token_rows::MpStableToken::new("client_credential", appid, secret.clone());
                let made = self.call(&request).await?;
                nonempty(row, made.access_token, made.expires_in)
            })
            .await
    }

    /// What is known of the credential of that kind.
    pub fn health(&self, kind: TokenKind) -> Option<TokenHealth> {
        let credential = self.0.access.credential(kind)?;
        Some(self.0.tokens.health(&self.key(credential)?))
    }

    /// Fetches every configured token ahead of its end, for as long as it is polled; dropping it stops it at once. A
    /// failure is tried again with growing pauses and shows in [`Client::health`]; it never ends by itself.
    pub async fn keep_fresh(&self) {
        let kinds: Vec<TokenKind> = self.0.access.kinds().collect();
        let mut failures = vec![0_u32; kinds.len()];
        let mut due = vec![self.0.clock.now(); kinds.len()];
        while let Some(next) = (0..kinds.len()).min_by_key(|at| due[*at]) {
            let now = self.0.clock.now();
            let pause = u64::try_from(due[next].0 - now.0).unwrap_or(0);
            if pause > 0 {
                self.0.clock.sleep(Duration::from_millis(pause)).await;
            }
            let asked = self.token(token_rows::GetToken::ROW, kinds[next]).await;
            let now = self.0.clock.now();
            let health = self.health(kinds[next]).unwrap_or_default();
            // An old token that is still served hides the failure from callers, not from us.
            let failed = asked.err().or(health.failed.map(|(_, error)| error));
            due[next] = match failed {
                None => {
                    failures[next] = 0;
                    let fresh = health.fresh_until.unwrap_or(now).0;
                    Millis(fresh.max(now.0 + REFRESH_LEAST_MS))
                }
                Some(error) => {
                    let grown = REFRESH_MS.0.saturating_mul(1 << failures[next].min(20));
                    failures[next] += 1;
                    let pause = jittered(grown.min(REFRESH_MS.1));
                    let rest = error
                        .retry_after()
                        .filter(|_| matches!(error, Error::Credential { .. }));
                    let pause = pause.max(rest.unwrap_or(0) * 1000);
                    tracing::warn!(%error, pause_ms = pause, "cannot refresh a token; trying again");
                    Millis(now.0 + i64::try_from(pause).unwrap_or(60_000))
                }
            };
        }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    async fn json(&self, row: &'static Row, fields: &Value, extra: &Extra<'_>) -> Result<Value, Error> {
        match self.make(row, fields, extra).await? {
            Answered::Json { value, .. } => Ok(value),
            Answered::Bytes(_) => Err(misused(row, "this call answers a file; use `download`")),
        }
    }

    /// One call and its repetitions.
    async fn make(&self, row: &'static Row, fields: &Value, extra: &Extra<'_>) -> Result<Answered, Error> {
        let kind = extra
            .kind
            .filter(|_| row.token_parameter().is_some())
            .unwrap_or(row.token);
        if kind == TokenKind::Listener {
            return Err(misused(
                row,
                "the platform calls this one; our listener answers it",
            ));
        }
        let repeatable = may_repeat(row, fields);
        let scope = self.scope(row, kind, fields);
        let (mut tries, mut refreshed) = (0, false);
        loop {
            let token = match row.token_parameter() {
                // A failure to get a token is the call's failure; never an empty token, never a success.
                Some(_) => Some(self.token(row, kind).await?),
                None => None,
            };
            let pass = self.0.limiter.enter(&scope, row, self.clock()).await?;
            let asking = Asking {
                row,
                fields,
                token: token.as_ref(),
                upload: extra.upload,
                range: extra.range,
            };
            let answered = self.0.http.ask(asking).await;
            let error = match answered.and_then(|answered| judged(row, answered, fields, token.as_ref())) {
                Ok(answered) => {
                    pass.went_well();
                    return Ok(answered);
                }
                Err(error) => error,
            };
            let pause = match &error {
                Error::Refused(refusal) => {
                    let ended = refusal.class() == Class::Token || refusal.code == 40001;
                    match refusal.class() {
                        _ if ended && !refreshed && token.is_some() => {
                            refreshed = true;
                            self.drop_token(kind, token.as_ref());
                            continue;
                        }
                        Class::Rate => {
                            let until = pass.too_often(self.clock().now(), None);
                            tracing::warn!(
                                api = row.name,
                                until = until.0,
                                "WeCom limits this call; it rests"
                            );
                            None
                        }
                        Class::Parallel => {
                            pass.too_many_at_once();
                            // The platform refused before it did anything, so this is safe for every row.
                            (tries < TRIES).then(|| jittered(1000 + 1000 * u64::from(tries)))
                        }
                        Class::Busy if repeatable => backoff(tries),
                        Class::Later if refusal.code == 6000 && repeatable => {
                            backoff(tries).map(|ms| ms + 2000)
                        }
                        _ => None,
                    }
                }
                Error::Status { status: 429, .. } => {
                    pass.too_often(self.clock().now(), None);
                    None
                }
                // What never left may go again whatever it is.
                Error::Unreachable { sent: false, .. } => backoff(tries),
                Error::Unreachable { .. } | Error::Torn { .. } if repeatable => backoff(tries),
                Error::Status { status, .. } if *status >= 500 && repeatable => backoff(tries),
                _ => None,
            };
            // The place is free while we wait.
            drop(pass);
            let Some(pause) = pause else { return Err(error) };
            tries += 1;
            tracing::debug!(api = row.name, %error, pause_ms = pause, "trying again");
            self.0.clock.sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Whose limits a call counts for.
    fn scope(&self, row: &Row, kind: TokenKind, fields: &Value) -> String {
        match (kind, fields.get("key").and_then(Value::as_str)) {
            // Robots are limited one by one.
            (TokenKind::None, Some(key)) => TokenKey::of(self.0.http.host(), row.name, "", &Secret::new(key))
                .as_str()
                .to_owned(),
            _ => self.0.access.corpid.clone(),
        }
    }

    fn key(&self, credential: &Credential) -> Option<TokenKey> {
        let corpid = &self.0.access.corpid;
        let host = self.0.http.host();
        match credential {
            Credential::Secret(secret) => Some(TokenKey::of(host, "get_token", corpid, secret)),
            Credential::Suite { suite_id, secret, .. } => {
                Some(TokenKey::of(host, "get_suite_token", suite_id, secret))
            }
            Credential::Authorised { permanent_code } => {
                Some(TokenKey::of(host, "get_corp_token", corpid, permanent_code))
            }
            Credential::Supplied(_) => None,
        }
    }

    async fn token(&self, row: &'static Row, kind: TokenKind) -> Result<Secret, Error> {
        let api = row.name;
        let credential = self
            .0
            .access
            .credential(kind)
            .ok_or(Error::NoCredential { api, kind })?;
        if let Credential::Supplied(source) = credential {
            let token = source.token().await;
            return token.map_err(|why| Error::Source { api, why });
        }
        let Some(key) = self.key(credential) else {
            return Err(Error::NoCredential { api, kind });
        };
        let corpid = self.0.access.corpid.clone();
        let tokens = &self.0.tokens;
        match credential.clone() {
            Credential::Secret(secret) => {
                let request = token_rows::GetToken::new(corpid, secret);
                tokens
                    .obtain(api, &key, || async move {
                        let made = self.call_for_token(&request).await?;
                        nonempty(token_rows::GetToken::ROW, made.access_token, made.expires_in)
                    })
                    .await
            }
            Credential::Suite {
                suite_id,
                secret,
                ticket,
            } => {
                let request = token_rows::GetSuiteToken::new(suite_id, secret, ticket);
                tokens
                    .obtain(api, &key, || async move {
                        let made = self.call_for_token(&request).await?;
                        nonempty(
                            token_rows::GetSuiteToken::ROW,
                            made.suite_access_token,
                            made.expires_in,
                        )
                    })
                    .await
            }
            Credential::Authorised { permanent_code } => {
                let request = token_rows::GetCorpToken::new(corpid, permanent_code);
                tokens
                    .obtain(api, &key, || async move {
                        let made = self.call_for_token(&request).await?;
                        nonempty(token_rows::GetCorpToken::ROW, made.access_token, made.expires_in)
                    })
                    .await
            }
            Credential::Supplied(_) => Err(Error::NoCredential { api, kind }),
        }
    }

    /// A call whose answer a call waits for: boxed, since the one type would hold itself.
    fn call_for_token<'a, E: Endpoint>(
        &'a self,
        request: &'a E,
    ) -> Pin<Box<dyn Future<Output = Result<E::Answer, Error>> + Send + 'a>> {
        Box::pin(self.call(request))
    }

    fn drop_token(&self, kind: TokenKind, used: Option<&Secret>) {
        let (Some(credential), Some(used)) = (self.0.access.credential(kind), used) else {
            return;
        };
        match credential {
            Credential::Supplied(source) => source.invalidate(used),
            other => {
                if let Some(key) = self.key(other) {
                    self.0.tokens.invalidate(&key, used);
                }
            }
        }
    }
}

impl Download {
    /// `Content-Type`.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// `Content-Disposition`, which names the file. The name is not to be trusted as a path.
    pub fn disposition(&self) -> Option<&str> {
        self.header("content-disposition")
    }

    /// Bytes to come, when the platform says so.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// True when this is the part that was asked for (206), false when it is the whole file.
    pub fn partial(&self) -> bool {
        self.response.status().as_u16() == 206
    }

    /// The next piece; `None` at the end.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.client.0.http.piece(self.row, &mut self.response).await
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}

fn misused(row: &'static Row, why: &'static str) -> Error {
    Error::Misused { api: row.name, why }
}

/// A success without a token is none (the bug class of token-and-errors §1.3 rule 8).
fn nonempty(row: &'static Row, token: Secret, seconds: i64) -> Result<(Secret, i64), Error> {
    if token.is_empty() {
        return Err(Error::Torn {
            api: row.name,
            why: "it says success and holds no token".to_owned(),
        });
    }
    Ok((token, seconds))
}

/// Whether a call that may have arrived can be made again: reads, and sends that the platform was told to recognise.
fn may_repeat(row: &Row, fields: &Value) -> bool {
    let recognised = row.name == "message_send"
        && fields
            .get("enable_duplicate_check")
            .and_then(bool::read)
            .unwrap_or(false);
    row.repeatable || recognised
}

fn backoff(tries: u32) -> Option<u64> {
    (tries < TRIES).then(|| jittered(PAUSE_MS << tries))
}

/// Three to five quarters of it, so that callers do not come back together.
fn jittered(ms: u64) -> u64 {
    ms * rand::random_range(75..=125) / 100
}

/// An answer, or the refusal in it.
fn judged(
    row: &'static Row,
    answered: Answered,
    fields: &Value,
    token: Option<&Secret>,
) -> Result<Answered, Error> {
    let Answered::Json { status, value } = &answered else {
        return Ok(answered);
    };
    let code = match value.get("errcode") {
        None => 0,
        // A code of no number at all is no success.
        Some(code) => i64::read(code).unwrap_or(i64::MIN),
    };
    if code == 0 || row.empty_codes.contains(&code) {
        return Ok(answered);
    }
    let mut secrets = masks::secrets(fields);
    secrets.extend(token.cloned());
    let errmsg = value.get("errmsg").and_then(Value::as_str).unwrap_or_default();
    let told = codes::told(&masks::scrub(errmsg, &secrets));
    Err(Error::Refused(Refusal {
        api: row.name,
        code,
        text: told.text,
        hint: told.hint,
        ip: told.ip,
        status: *status,
    }))
}

/// The typed answer; what every answer says of itself is no part of it.
pub(super) fn typed<A: Wire>(answer: Value) -> A {
    let mut answer = match answer {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    answer.remove("errcode");
    answer.remove("errmsg");
    A::read(&Value::Object(answer)).unwrap_or_default()
}
