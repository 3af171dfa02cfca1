//! From a request to its answer. Nothing in here waits but for the body of the request itself.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Body,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
};
use tokio::{sync::mpsc::error::TrySendError, time};

use super::{Door, House, query::Query};
use crate::{
    callback::{
        Arrived, CryptoError, Envelope, Event, Notice,
        envelope::{self, EnvelopeError},
        replay,
    },
    events,
    ids::Millis,
};

type Answer = Response<Full<Bytes>>;

/// Longer than any number that the platform asks us to echo (observed: 19 to 23 digits).
const ECHO: usize = 64;

/// Why a request is refused. The caller learns the status, the log the words, and neither the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no company has this path; it is /callback/ and the company's name in the configuration")]
    Path,
    #[error("neither GET nor POST")]
    Method,
    #[error("msg_signature, timestamp, nonce or echostr is missing or malformed")]
    Question,
    #[error(
        "its timestamp is too far from this machine's clock; a repetition of an old request, or a wrong clock"
    )]
    Stale,
    #[error("it was taken before")]
    Again,
    #[error("its body did not come in time")]
    Slow,
    #[error("its body broke off")]
    Broken,
    #[error(transparent)]
    Body(#[from] EnvelopeError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("what is to be echoed is not a number; a captured event is not read out to anybody")]
    Echo,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(EnvelopeError::Large) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Again => StatusCode::CONFLICT,
            Self::Stale | Self::Crypto(CryptoError::Signature | CryptoError::Receiver) | Self::Echo => {
                StatusCode::FORBIDDEN
            }
            Self::Question | Self::Broken | Self::Body(_) | Self::Crypto(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<replay::Refused> for Refusal {
    fn from(refused: replay::Refused) -> Self {
        match refused {
            replay::Refused::Stale => Self::Stale,
            replay::Refused::Again => Self::Again,
        }
    }
}

/// Answers. `clock` is asked when the whole request is there.
pub(super) async fn answer<B>(house: &House, request: Request<B>, clock: fn() -> Millis) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let door = request
        .uri()
        .path()
        .strip_prefix("/callback/")
        .and_then(|name| house.doors.get(name.strip_suffix('/').unwrap_or(name)));
    let result = match (door, request.method()) {
        (None, _) => Err(Refusal::Path),
        (Some(door), &Method::GET) => verification(house, door, request.uri().query(), clock()),
        (Some(door), &Method::POST) => event(house, door, request, clock).await,
        (Some(_), _) => Err(Refusal::Method),
    };
    result.unwrap_or_else(|refusal| {
        let company = door.map_or("", |door| door.name.as_str());
        let cause = refusal.to_string();
        if let Some(count) = house.tally.add(company, &cause, Instant::now()) {
            events::callback_refused(company, &cause, count);
        }
        let mut answer = plain(Bytes::new());
        *answer.status_mut() = refusal.status();
        if refusal == Refusal::Method {
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        answer
    })
}

/// The three parameters that every request has, of plausible form.
struct Signed {
    signature: [u8; 40],
    timestamp: String,
    seconds: i64,
    nonce: String,
    echo: Option<String>,
}

impl Signed {
    fn read(query: Option<&str>) -> Result<Self, Refusal> {
        let query = Query::read(query.unwrap_or_default()).ok_or(Refusal::Question)?;
        let timestamp = query
            .timestamp
            .filter(|text| (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or(Refusal::Question)?;
        Ok(Self {
            signature: query
                .signature
                .and_then(|text| text.into_bytes().try_into().ok())
                .filter(|text: &[u8; 40]| text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
                .ok_or(Refusal::Question)?,
            seconds: timestamp.parse().map_err(|_| Refusal::Question)?,
            timestamp,
            nonce: query
                .nonce
                .filter(|text| (1..=128).contains(&text.len()))
                .ok_or(Refusal::Question)?,
            echo: query.echo,
        })
    }

    /// What is inside `encrypted`, if the platform signed it.
    fn open(&self, door: &Door, encrypted: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, Refusal> {
        let signature = std::str::from_utf8(&self.signature).map_err(|_| Refusal::Question)?;
        door.codec
            .verify(signature, &self.timestamp, &self.nonce, encrypted)?;
        Ok(door.codec.decrypt(encrypted)?)
    }

    fn fresh(&self, door: &Door, now: Millis) -> Result<(), Refusal> {
        let memory = door.memory.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(memory.fresh(self.seconds, now.0 / 1000)?)
    }
}

/// GET: the platform checks the address, and wants the number inside `echostr` back.
fn verification(house: &House, door: &Door, query: Option<&str>, now: Millis) -> Result<Answer, Refusal> {
    let signed = Signed::read(query)?;
    let echo = signed.echo.as_deref().ok_or(Refusal::Question)?;
    signed.fresh(door, now)?;
    let plain_text = signed.open(door, echo)?;
    // The signature does not say what it was made for: without this, whoever saw an event pass could have it read
    // out by sending its text here.
    if plain_text.is_empty() || plain_text.len() > ECHO || !plain_text.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Echo);
    }
    // Whoever saw it pass can repeat it for a while: the answer tells nothing, and the log must not fill.
    if house.tally.add(&door.name, "verified", Instant::now()).is_some() {
        events::callback_verified(&door.name);
    }
    Ok(plain(Bytes::copy_from_slice(&plain_text)))
}

/// POST: an event. Taken means answered: what follows from it happens later.
async fn event<B>(
    house: &House,
    door: &Door,
    request: Request<B>,
    clock: fn() -> Millis,
) -> Result<Answer, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let signed = Signed::read(request.uri().query())?;
    signed.fresh(door, clock())?;
    let body = body(request.into_body(), house.limits.body).await?;
    let envelope = Envelope::read(&body)?;
    let text = signed.open(door, &envelope.encrypted)?;
    let received = clock();
    door.memory.lock().unwrap_or_else(PoisonError::into_inner).take(
        signed.signature,
        signed.seconds,
        received.0 / 1000,
    )?;
    hand_on(house, door, Notice::read(text), received);
    Ok(plain(Bytes::new()))
}

fn hand_on(house: &House, door: &Door, notice: Notice, received: Millis) {
    let woke = notice.event == Event::RecordsWaiting;
    if woke {
        door.wake.notify_one();
    }
    let arrived = Arrived {
        company: door.name.clone(),
        received,
        notice,
    };
    match house.events.try_send(arrived) {
        Ok(()) => {}
        // It has done what it is for.
        Err(_) if woke => {}
        Err(TrySendError::Full(lost) | TrySendError::Closed(lost)) => {
            let name = lost.notice.name();
            if let Some(count) = house
                .tally
                .add(&door.name, "queue of events full", Instant::now())
            {
                events::callback_overflowed(&door.name, &name, count);
            }
        }
    }
}

async fn body<B>(body: B, patience: Duration) -> Result<Bytes, Refusal>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // An announced length is refused before a byte of it is read.
    if body.size_hint().lower() > envelope::LARGEST as u64 {
        return Err(EnvelopeError::Large.into());
    }
    let collected = time::timeout(patience, Limited::new(body, envelope::LARGEST).collect())
        .await
        .map_err(|_| Refusal::Slow)?;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                EnvelopeError::Large.into()
            } else {
                Refusal::Broken
            }
        })
}

fn plain(body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

#[cfg(test)]
mod tests;
