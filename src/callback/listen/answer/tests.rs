//! Each refusal has its status, and each acceptance its effect.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http_body_util::Full;
use hyper::body::Frame;
use tokio::sync::{Notify, mpsc};

use super::{super::Limits, *};
use crate::{
    callback::{Codec, EventSink, drain, replay::Memory},
    secret::Secret,
};

const KEY: &str = "4rc4SKg82svUQxtXIIXkt9r/PPdz6COTHFRBh+FZKn0";
/// Far longer than anything here may take.
const NEVER: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_millis(30);
const NOW: i64 = 1_700_000_000;
const NOTIFY: &str = "<xml><ToUserName>ww1</ToUserName><FromUserName>sys</FromUserName><MsgType>event</MsgType>\
                      <Event>msgaudit_notify</Event></xml>";
const CREATED: &str = "<xml><ToUserName>ww1</ToUserName><FromUserName>sys</FromUserName><MsgType>event</MsgType>\
                       <Event>change_external_chat</Event><ChangeType>create</ChangeType><ChatId>wr1</ChatId></xml>";

fn clock() -> Millis {
    Millis(NOW * 1000)
}

fn codec(receiver: &str) -> Codec {
    Codec::new(Secret::new("token"), &Secret::new(KEY), receiver).unwrap()
}

struct Scene {
    house: House,
    wake: Arc<Notify>,
    archive: Archive,
}

/// What stands behind the queue.
enum Archive {
    /// Keeps what comes.
    Keeps(Arc<Mutex<Vec<Arrived>>>),
    /// Takes nothing out of the queue.
    Stuck(mpsc::Receiver<Pending>),
    Gone,
}

/// Keeps every event, or none.
struct Keeping {
    kept: Arc<Mutex<Vec<Arrived>>>,
    well: bool,
}

impl EventSink for Keeping {
    async fn keep(&mut self, arrived: Vec<Arrived>) -> Vec<bool> {
        let outcome = vec![self.well; arrived.len()];
        self.kept.lock().unwrap().extend(arrived);
        outcome
    }
}

fn scene() -> Scene {
    let (house, wake, events) = house(8);
    Scene {
        house,
        wake,
        archive: behind(events, true),
    }
}

fn behind(mut events: mpsc::Receiver<Pending>, well: bool) -> Archive {
    let kept = Arc::default();
    let mut sink = Keeping {
        kept: Arc::clone(&kept),
        well,
    };
    tokio::spawn(async move { drain(&mut events, &mut sink).await });
    Archive::Keeps(kept)
}

/// Nothing is taken out of the queue. Callers get their 503 after `patience`.
fn stuck(queue: usize, patience: Duration) -> Scene {
    let (mut house, wake, events) = house(queue);
    house.limits.answer = patience;
    Scene {
        house,
        wake,
        archive: Archive::Stuck(events),
    }
}

fn house(queue: usize) -> (House, Arc<Notify>, mpsc::Receiver<Pending>) {
    let (sender, events) = mpsc::channel(queue);
    let wake = Arc::new(Notify::new());
    let door = Door {
        name: "acme".into(),
        codec: codec("ww1"),
        wake: Arc::clone(&wake),
        memory: Mutex::new(Memory::new(600)),
    };
    let limits = Limits {
        body: Duration::from_millis(30),
        ..Limits::default()
    };
    let house = House {
        doors: [("acme".to_owned(), door)].into(),
        events: sender,
        tally: super::super::Tally::default(),
        limits,
    };
    (house, wake, events)
}

/// Signs as the platform does.
fn query(seconds: i64, nonce: &str, encrypted: &str) -> String {
    let signature = codec("ww1").sign(&seconds.to_string(), nonce, encrypted);
    format!("msg_signature={signature}&timestamp={seconds}&nonce={nonce}")
}

fn sealed(text: &str, receiver: &str) -> String {
    codec(receiver).encrypt(text.as_bytes(), [b'r'; 16]).unwrap()
}

fn post(query: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("/callback/acme?{query}"))
        .body(Full::new(body.into()))
        .unwrap()
}

fn envelope(encrypted: &str) -> String {
    format!("<xml><ToUserName>ww1</ToUserName><Encrypt>{encrypted}</Encrypt></xml>")
}

fn event_of(text: &str, nonce: &str) -> Request<Full<Bytes>> {
    let encrypted = sealed(text, "ww1");
    post(&query(NOW, nonce, &encrypted), envelope(&encrypted))
}

fn get(query: &str, echo: &str) -> Request<Full<Bytes>> {
    let echo: String = echo.bytes().map(|byte| format!("%{byte:02x}")).collect();
    Request::get(format!("/callback/acme?{query}&echostr={echo}"))
        .body(Full::default())
        .unwrap()
}

impl Scene {
    async fn ask(&self, request: Request<Full<Bytes>>) -> (u16, Bytes) {
        let answer = answer(&self.house, &Connection::new(), request, clock).await;
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    }

    async fn status(&self, request: Request<Full<Bytes>>) -> u16 {
        let (status, body) = self.ask(request).await;
        assert!(body.is_empty(), "{body:?}");
        status
    }

    /// What reached the archive so far.
    fn kept(&self) -> Vec<(String, Millis, Notice)> {
        let Archive::Keeps(kept) = &self.archive else {
            return Vec::new();
        };
        let kept = kept.lock().unwrap();
        kept.iter()
            .map(|one| (one.company.clone(), one.received, one.notice.clone()))
            .collect()
    }

    /// The archive goes on with what is in the queue.
    fn resume(&mut self, well: bool) {
        if let Archive::Stuck(events) = std::mem::replace(&mut self.archive, Archive::Gone) {
            self.archive = behind(events, well);
        }
    }

    /// True when a wake-up was waiting.
    async fn woken(&self) -> bool {
        time::timeout(Duration::from_millis(1), self.wake.notified())
            .await
            .is_ok()
    }
}

#[tokio::test]
async fn verification_echoes_the_number_and_nothing_around_it() {
    let scene = scene();
    let echo = sealed("94966531020182955848408", "ww1");
    let (status, body) = scene.ask(get(&query(NOW, "n", &echo), &echo)).await;
    assert_eq!((status, &body[..]), (200, &b"94966531020182955848408"[..]));
}

#[tokio::test]
async fn a_captured_event_cannot_be_read_out_by_asking_for_verification() {
    let scene = scene();
    let captured = sealed(CREATED, "ww1");
    assert_eq!(
        scene.status(get(&query(NOW, "n", &captured), &captured)).await,
        403
    );
}

#[tokio::test]
async fn a_notification_wakes_once_however_many_come() {
    let scene = scene();
    for number in 0..20 {
        assert_eq!(scene.status(event_of(NOTIFY, &format!("n{number}"))).await, 200);
    }
    assert!(scene.woken().await);
    assert!(!scene.woken().await);
    assert_eq!(scene.kept().len(), 20);
    assert_eq!(scene.kept()[0].2.name(), "msgaudit_notify");
}

#[tokio::test]
async fn an_event_is_kept_with_its_company_and_its_text_before_it_is_answered() {
    let scene = scene();
    assert_eq!(scene.status(event_of(CREATED, "n")).await, 200);
    let (company, received, notice) = scene.kept().remove(0);
    assert_eq!((company.as_str(), received), ("acme", clock()));
    assert_eq!(notice.name(), "change_external_chat.create");
    assert_eq!(notice.raw.expose(), CREATED.as_bytes());
    assert!(!scene.woken().await);
}

#[tokio::test]
async fn an_event_that_is_no_xml_at_all_is_taken_because_it_is_signed() {
    let scene = scene();
    let text = "\u{0}<not a tree";
    assert_eq!(scene.status(event_of(text, "n")).await, 200);
    let (_, _, notice) = scene.kept().remove(0);
    assert!(!notice.is_known());
    assert_eq!(notice.kept().body, text.as_bytes());
}

#[tokio::test]
async fn an_archive_that_is_stuck_is_a_503_in_time_and_the_repetition_is_welcome() {
    let limit = Limits::default().answer;
    assert!(
        limit < Duration::from_millis(4_500),
        "WeCom waits 5 seconds: {limit:?}"
    );
    let mut scene = stuck(8, SOON);
    let encrypted = sealed(CREATED, "ww1");
    let repeated = || post(&query(NOW, "n", &encrypted), envelope(&encrypted));
    assert_eq!(scene.status(repeated()).await, 503);
    // WeCom repeats it with the very same signature, and by then the archive goes on. The first one is kept as well,
    // though nobody waits for it any more.
    scene.resume(true);
    scene.house.limits.answer = NEVER;
    assert_eq!(scene.status(repeated()).await, 200);
    assert_eq!(scene.kept().len(), 2);
    assert_eq!(scene.status(repeated()).await, 409);
}

#[tokio::test]
async fn the_wake_up_of_a_notification_does_not_wait_for_the_archive_but_its_answer_does() {
    let scene = stuck(1, SOON);
    assert_eq!(scene.status(event_of(NOTIFY, "w")).await, 503);
    assert!(scene.woken().await);
    // The queue is full now.
    assert_eq!(scene.status(event_of(NOTIFY, "x")).await, 503);
    assert!(scene.woken().await, "a full queue must not cost the wake-up");
}

#[tokio::test]
async fn a_full_queue_is_a_503_at_once_and_told_once_in_a_while() {
    let mut scene = stuck(2, NEVER);
    let waiting = [event_of(CREATED, "a"), event_of(CREATED, "b")];
    let waiting = waiting.map(|request| scene.status(request));
    let [mut first, mut second] = waiting.map(Box::pin);
    assert!(poll_once(&mut first).await.is_none());
    assert!(poll_once(&mut second).await.is_none());
    for number in 0..5 {
        assert_eq!(scene.status(event_of(CREATED, &format!("n{number}"))).await, 503);
    }
    let cause = Refusal::Crowded.to_string();
    assert_eq!(
        scene.house.tally.add("acme", &cause, Instant::now()),
        None,
        "it was told before"
    );
    drop((first, second));
    scene.resume(true);
    // The archive empties the queue.
    tokio::task::yield_now().await;
    for number in 0..5 {
        assert_eq!(scene.status(event_of(CREATED, &format!("n{number}"))).await, 200);
    }
}

#[tokio::test]
async fn an_archive_that_fails_and_one_that_is_gone_are_503s() {
    let mut scene = stuck(8, NEVER);
    scene.resume(false);
    let encrypted = sealed(CREATED, "ww1");
    let repeated = || post(&query(NOW, "n", &encrypted), envelope(&encrypted));
    assert_eq!(scene.status(repeated()).await, 503);
    assert_eq!(scene.status(repeated()).await, 503, "no 409: it was not kept");
    let mut scene = stuck(8, NEVER);
    scene.archive = Archive::Gone;
    assert_eq!(scene.status(repeated()).await, 503);
    assert_eq!(scene.status(event_of(NOTIFY, "w")).await, 503);
    assert!(scene.woken().await);
}

#[tokio::test]
async fn a_caller_that_hangs_up_before_its_answer_may_repeat_its_event() {
    let mut scene = stuck(8, NEVER);
    let encrypted = sealed(CREATED, "ww1");
    let repeated = || post(&query(NOW, "n", &encrypted), envelope(&encrypted));
    let mut hung_up = Box::pin(scene.status(repeated()));
    assert!(poll_once(&mut hung_up).await.is_none());
    drop(hung_up);
    scene.resume(true);
    assert_eq!(scene.status(repeated()).await, 200);
}

/// Lets a future go as far as it can; what came of it.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut *future).poll(context) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_repetition_is_refused_also_in_another_spelling() {
    let scene = scene();
    let encrypted = sealed(NOTIFY, "ww1");
    let query = query(NOW, "1372623149", &encrypted);
    assert_eq!(scene.status(post(&query, envelope(&encrypted))).await, 200);
    assert_eq!(scene.status(post(&query, envelope(&encrypted))).await, 409);
    let json = format!(r#"{{"encrypt":"{encrypted}"}}"#);
    assert_eq!(scene.status(post(&query, json)).await, 409);
    // The parts are joined without separators: one signature fits two borders between nonce and timestamp.
    let signature = codec("ww1").sign(&NOW.to_string(), "00", &encrypted);
    let first = format!("msg_signature={signature}&timestamp={NOW}&nonce=00");
    let moved = format!("msg_signature={signature}&timestamp=0{NOW}&nonce=0");
    assert_eq!(scene.status(post(&first, envelope(&encrypted))).await, 200);
    assert_eq!(scene.status(post(&moved, envelope(&encrypted))).await, 409);
    assert_eq!(scene.kept().len(), 2);
}

#[tokio::test]
async fn stale_timestamps_are_refused_on_both_sides() {
    let scene = scene();
    for (offset, expected) in [
        (-600, 200),
        (600, 200),
        (-601, 403),
        (601, 403),
        (-100_000_000, 403),
    ] {
        let encrypted = sealed(NOTIFY, "ww1");
        let query = query(NOW + offset, &format!("n{offset}"), &encrypted);
        assert_eq!(
            scene.status(post(&query, envelope(&encrypted))).await,
            expected,
            "{offset}"
        );
    }
    let echo = sealed("1", "ww1");
    assert_eq!(scene.status(get(&query(NOW - 601, "n", &echo), &echo)).await, 403);
}

#[tokio::test]
async fn strangers_are_refused_with_a_status_that_says_what_is_wrong() {
    let scene = scene();
    let encrypted = sealed(NOTIFY, "ww1");
    let good = query(NOW, "n", &encrypted);
    let foreign = sealed(NOTIFY, "ww2");
    let torn = "AAAA".repeat(16);
    let request = |method: &str, uri: &str| {
        Request::builder()
            .method(method)
            .uri(uri)
            .body(Full::new(Bytes::from(envelope(&encrypted))))
            .unwrap()
    };
    for (what, asked, expected) in [
        (
            "no such company",
            request("POST", &format!("/callback/other?{good}")),
            404,
        ),
        ("the root", request("GET", "/"), 404),
        (
            "another method",
            request("PUT", &format!("/callback/acme?{good}")),
            405,
        ),
        ("no question", request("POST", "/callback/acme"), 400),
        (
            "a short signature",
            post(&good.replacen("msg_signature=", "msg_signature=x", 1), "x"),
            400,
        ),
        (
            "a timestamp of words",
            post(&good.replace(&NOW.to_string(), "now"), "x"),
            400,
        ),
        (
            "a huge timestamp",
            post(&good.replace(&NOW.to_string(), &"9".repeat(30)), "x"),
            400,
        ),
        ("no nonce", post(&good.replace("&nonce=n", ""), "x"), 400),
        (
            "an empty nonce",
            post(&good.replace("&nonce=n", "&nonce="), "x"),
            400,
        ),
        (
            "another nonce",
            post(&good.replace("&nonce=n", "&nonce=m"), envelope(&encrypted)),
            403,
        ),
        ("another text", post(&good, envelope(&foreign)), 403),
        (
            "another receiver",
            post(&query(NOW, "n", &foreign), envelope(&foreign)),
            403,
        ),
        (
            "no blocks of the key",
            post(&query(NOW, "n", &torn), envelope(&torn)),
            400,
        ),
        ("garbage", post(&good, &b"\x00\xff\x16\x03\x01"[..]), 400),
        ("an empty body", post(&good, ""), 400),
        (
            "an oversized body",
            post(&good, vec![b'x'; envelope::LARGEST + 1]),
            413,
        ),
        (
            "verification without echo",
            request("GET", &format!("/callback/acme?{good}")),
            400,
        ),
        ("a wrong echo", get(&good, &foreign), 403),
    ] {
        assert_eq!(scene.status(asked).await, expected, "{what}");
    }
    assert!(!scene.woken().await, "a refused request had an effect");
    assert_eq!(scene.status(post(&good, envelope(&encrypted))).await, 200);
    assert_eq!(
        scene
            .status(request("POST", &format!("/callback/acme/?own=1&{good}")))
            .await,
        409
    );
}

/// A body that says nothing about its length: chunks without end, or none ever.
enum Odd {
    Endless,
    Silent,
}

impl Body for Odd {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match *self {
            Self::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; 64 * 1024]))))),
            Self::Silent => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_body_without_an_announced_length_is_bounded_and_a_silent_one_given_up() {
    let scene = scene();
    let query = query(NOW, "n", "x");
    for (body, expected) in [(Odd::Endless, 413), (Odd::Silent, 408)] {
        let request = Request::post(format!("/callback/acme?{query}"))
            .body(body)
            .unwrap();
        assert_eq!(
            answer(&scene.house, &Connection::new(), request, clock)
                .await
                .status(),
            expected
        );
    }
}
