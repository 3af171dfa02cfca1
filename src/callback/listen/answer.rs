//! From a request to its answer. It waits for the body of the request, and for its event to be on disk; both have an end.

use std::{
    sync::{PoisonError, atomic::Ordering},
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

use super::{Connection, Door, House, query::Query};
use crate::{
    callback::{
        Arrived, CryptoError, Envelope, Event, Notice, Pending,
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
    #[error("the queue of events is full; answered 503, so that WeCom asks again")]
    Crowded,
    #[error("the archive could not keep the event; answered 503, so that WeCom asks again")]
    NotKept,
    #[error("the archive did not keep the event in time; answered 503, so that WeCom asks again")]
    Late,
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
            Self::Crowded | Self::NotKept | Self::Late => StatusCode::SERVICE_UNAVAILABLE,
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
pub(super) async fn answer<B>(
    house: &House,
    connection: &Connection,
    request: Request<B>,
    clock: fn() -> Millis,
) -> Answer
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
        (Some(door), &Method::POST) => event(house, door, connection, request, clock).await,
        (Some(_), _) => Err(Refusal::Method),
    };
    result.unwrap_or_else(|refusal| {
        let company = door.map_or("", |door| door.name.as_str());
        let cause = refusal.to_string();
        if let Some(count) = house.tally.add(company, &cause, Instant::now()) {
            match refusal {
                Refusal::Crowded => events::callback_overflowed(company, count),
                _ => events::callback_refused(company, &cause, count),
            }
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

/// POST: an event. It is answered when it is on disk; what follows from it happens later.
async fn event<B>(
    house: &House,
    door: &Door,
    connection: &Connection,
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
    let claim = Claim::new(door, &signed, received)?;
    connection.genuine.store(true, Ordering::Relaxed);
    let notice = Notice::read(text);
    if notice.event == Event::RecordsWaiting {
        // Pulling needs nothing of the event itself, so it need not wait for the commit.
        door.wake.notify_one();
    }
    let arrived = Arrived {
        company: door.name.clone(),
        received,
        notice,
    };
    keep(house, arrived, connection.since + house.limits.answer).await?;
    claim.kept();
    Ok(plain(Bytes::new()))
}

/// Hands an event on and waits until it is on disk.
async fn keep(house: &House, arrived: Arrived, deadline: time::Instant) -> Result<(), Refusal> {
    let (pending, outcome) = Pending::new(arrived);
    match house.events.try_send(pending) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => return Err(Refusal::Crowded),
        Err(TrySendError::Closed(_)) => return Err(Refusal::NotKept),
    }
    match time::timeout_at(deadline, outcome).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false) | Err(_)) => Err(Refusal::NotKept),
        Err(_) => Err(Refusal::Late),
    }
}

/// A request that is being kept. Unless it was, its repetition is welcome, also when the connection ends meanwhile.
struct Claim<'a> {
    door: &'a Door,
    signature: [u8; 40],
    seconds: i64,
    kept: bool,
}

impl<'a> Claim<'a> {
    fn new(door: &'a Door, signed: &Signed, received: Millis) -> Result<Self, Refusal> {
        let mut memory = door.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.take(signed.signature, signed.seconds, received.0 / 1000)?;
        Ok(Self {
            door,
            signature: signed.signature,
            seconds: signed.seconds,
            kept: false,
        })
    }

    fn kept(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            let mut memory = self.door.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.release(self.signature, self.seconds);
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
