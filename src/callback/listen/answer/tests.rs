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
    callback::{Codec, replay::Memory},
    secret::Secret,
};

const KEY: &str = "4rc4SKg82svUQxtXIIXkt9r/PPdz6COTHFRBh+FZKn0";
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
    events: mpsc::Receiver<Arrived>,
    wake: Arc<Notify>,
}

fn scene(queue: usize) -> Scene {
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
    Scene {
        house: House {
            doors: [("acme".to_owned(), door)].into(),
            events: sender,
            tally: super::super::Tally::default(),
            limits,
        },
        events,
        wake,
    }
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
        let answer = answer(&self.house, request, clock).await;
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.unwrap().to_bytes())
    }

    async fn status(&self, request: Request<Full<Bytes>>) -> u16 {
        let (status, body) = self.ask(request).await;
        assert!(body.is_empty(), "{body:?}");
        status
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
    let scene = scene(1);
    let echo = sealed("94966531020182955848408", "ww1");
    let (status, body) = scene.ask(get(&query(NOW, "n", &echo), &echo)).await;
    assert_eq!((status, &body[..]), (200, &b"94966531020182955848408"[..]));
}

#[tokio::test]
async fn a_captured_event_cannot_be_read_out_by_asking_for_verification() {
    let scene = scene(1);
    let captured = sealed(CREATED, "ww1");
    assert_eq!(
        scene.status(get(&query(NOW, "n", &captured), &captured)).await,
        403
    );
}

#[tokio::test]
async fn a_notification_wakes_once_however_many_come() {
    let mut scene = scene(1);
    for number in 0..20 {
        assert_eq!(scene.status(event_of(NOTIFY, &format!("n{number}"))).await, 200);
    }
    assert!(scene.woken().await);
    assert!(!scene.woken().await);
    assert_eq!(
        scene.events.recv().await.unwrap().notice.name(),
        "msgaudit_notify"
    );
}

#[tokio::test]
async fn an_event_reaches_the_queue_with_its_company_and_its_text() {
    let mut scene = scene(1);
    assert_eq!(scene.status(event_of(CREATED, "n")).await, 200);
    let arrived = scene.events.recv().await.unwrap();
    assert_eq!((arrived.company.as_str(), arrived.received), ("acme", clock()));
    assert_eq!(arrived.notice.name(), "change_external_chat.create");
    assert_eq!(arrived.notice.raw.expose(), CREATED.as_bytes());
    assert!(!scene.woken().await);
}

#[tokio::test]
async fn an_event_that_is_no_xml_at_all_is_taken_because_it_is_signed() {
    let mut scene = scene(1);
    assert_eq!(scene.status(event_of("\u{0}<not a tree", "n")).await, 200);
    assert!(!scene.events.recv().await.unwrap().notice.is_known());
}

#[tokio::test]
async fn a_full_queue_and_a_dead_consumer_still_answer() {
    let mut scene = scene(1);
    for number in 0..5 {
        assert_eq!(scene.status(event_of(CREATED, &format!("n{number}"))).await, 200);
    }
    assert_eq!(scene.status(event_of(NOTIFY, "w")).await, 200);
    assert!(scene.woken().await, "a full queue must not cost the wake-up");
    let lost = scene
        .house
        .tally
        .add("acme", "queue of events full", Instant::now());
    assert_eq!(lost, None, "it was told before");
    scene.events.close();
    assert_eq!(scene.status(event_of(CREATED, "closed")).await, 200);
}

#[tokio::test]
async fn a_repetition_is_refused_also_in_another_spelling() {
    let mut scene = scene(8);
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
    assert!(scene.events.try_recv().is_ok());
    assert!(scene.events.try_recv().is_ok());
    assert!(scene.events.try_recv().is_err());
}

#[tokio::test]
async fn stale_timestamps_are_refused_on_both_sides() {
    let scene = scene(8);
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
    let scene = scene(8);
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
    let scene = scene(1);
    let query = query(NOW, "n", "x");
    for (body, expected) in [(Odd::Endless, 413), (Odd::Silent, 408)] {
        let request = Request::post(format!("/callback/acme?{query}"))
            .body(body)
            .unwrap();
        assert_eq!(answer(&scene.house, request, clock).await.status(), expected);
    }
}
