//! One call, from request to answer: token, place, sending, and what to do about what came back.
//!
//! What is repeated, and how often, stands here alone (token-and-errors §2): a token that ended once; busy, lost and
//! torn answers three times and only where the row says that repeating is safe; 45033 three times after a pause.
//!
//! Must not know: what answers are used for.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Map, Value};

use super::{
    access::Access,
    asked,
    clock::{Clock, WallClock},
    codes::{self, Class},
    download::Download,
    error::{Error, Refusal},
    http::{Answered, Asking, Http, Options, Range, Upload},
    limits::Limiter,
    masks,
    row::{Endpoint, Row, TokenKind},
    tokens::{MemoryShelf, TokenKey, TokenShelf, Tokens},
    wire::Wire,
};
use crate::secret::Secret;

/// Further tries of what may be repeated (official advice: at most three).
const TRIES: u32 = 3;
/// The first pause before a further try; it doubles.
const PAUSE_MS: u64 = 1000;

/// Calls for one company. Cheap to clone; clones share tokens, limits and connections.
#[derive(Debug, Clone)]
pub struct Client(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) http: Http,
    pub(super) access: Access,
    pub(super) tokens: Tokens,
    limiter: Limiter,
    trouble: Mutex<Option<Refusal>>,
    pub(super) clock: Arc<dyn Clock>,
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
            trouble: Mutex::default(),
            clock,
        })))
    }

    /// Makes one call.
    pub async fn call<E: Endpoint>(&self, request: &E) -> Result<E::Answer, Error> {
        self.call_as(request, None).await
    }

    /// As [`Client::call`], with another token than the row's own.
    pub async fn call_as<E: Endpoint>(
        &self,
        request: &E,
        kind: Option<TokenKind>,
    ) -> Result<E::Answer, Error> {
        let fields = request.write().unwrap_or_default();
        let answer = self.call_row_as(E::ROW, &fields, kind).await?;
        asked::check(E::ROW, &fields, &answer)?;
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
            Answered::Bytes(response) => Ok(Download::new(self.clone(), row, response)),
            Answered::Json { .. } => Err(misused(row, "this call answers JSON; use `call`")),
        }
    }

    /// The last refusal that somebody has to set right, until a call with a token goes well again. That a token could not
    /// be had is in [`Client::health`].
    pub fn trouble(&self) -> Option<Refusal> {
        self.0
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, trouble: Option<Refusal>) {
        *self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
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
        let whom = row
            .each
            .map_or_else(Vec::new, |(field, _)| each_of(fields, field));
        let (mut tries, mut refreshed) = (0, false);
        loop {
            let token = match row.token_parameter() {
                // A failure to get a token is the call's failure; never an empty token, never a success.
                Some(_) => Some(self.token(row, kind).await?),
                None => None,
            };
            let limiter = &self.0.limiter;
            limiter.enter_for(&scope, row, &whom, self.clock()).await?;
            let pass = limiter.enter(&scope, row, self.clock()).await?;
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
                    if token.is_some() {
                        self.note(None);
                    }
                    return Ok(answered);
                }
                Err(error) => error,
            };
            let pause = match &error {
                Error::Refused(refusal) => {
                    if token.is_some() && refusal.class() == Class::Config {
                        self.note(Some(refusal.clone()));
                    }
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
}

/// Each value of a field once: a text, ids joined by `|`, or a list of ids.
fn each_of(fields: &Value, field: &str) -> Vec<String> {
    let mut each: Vec<String> = match fields.get(field) {
        Some(Value::String(text)) => text.split('|').map(str::to_lowercase).collect(),
        Some(Value::Array(ids)) => ids
            .iter()
            .filter_map(|id| id.as_str().map(str::to_lowercase))
            .collect(),
        _ => Vec::new(),
    };
    each.retain(|id| !id.is_empty());
    each.sort();
    each.dedup();
    each
}

fn misused(row: &'static Row, why: &'static str) -> Error {
    Error::Misused { api: row.name, why }
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
pub(super) fn jittered(ms: u64) -> u64 {
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
