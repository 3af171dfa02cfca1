//! Conformance: what finance-sdk says of the official library, asked of the official library itself where its file
//! is there (`scripts/fetch-official-sdk`, or `SHIGUAN_OFFICIAL_SDK=FILE`), and of the mock wherever the mock can know.
//! No account, nothing leaves this machine: every network call goes to a listener here.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shiguan::ids::Seq;
use shiguan::record::Reason;
use shiguan::secret::Secret;
use shiguan::source::{Decryptors, Envelope, Error, Media, Options, Page, Puller, inspect};

use crate::fence::{again, is_helper, program};

/// The official library, or one line on the terminal that says what did not run.
fn official() -> Option<PathBuf> {
    static TOLD: Once = Once::new();
    if let Some(named) = std::env::var_os("SHIGUAN_OFFICIAL_SDK").map(PathBuf::from) {
        assert!(named.is_file(), "SHIGUAN_OFFICIAL_SDK names no file");
        return Some(named);
    }
    let build = if cfg!(target_arch = "aarch64") {
        "arm"
    } else {
        "x86"
    };
    let fetched = format!("build/official/libWeWorkFinanceSdk_C_{build}.so");
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join(fetched);
    if fetched.is_file() {
        return Some(fetched);
    }
    // Past the test harness, which would swallow it.
    TOLD.call_once(|| {
        let line =
            "official SDK not found: its conformance tests did NOT run (see scripts/fetch-official-sdk)\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
    None
}

/// The stand-in, built along with the tests.
fn mock() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    sdk_mock::find_library(&here).expect("the mock library is built with the tests")
}

fn both() -> impl Iterator<Item = PathBuf> {
    official().into_iter().chain([mock()])
}

fn options(library: PathBuf) -> Options {
    let mut options = Options::new(
        program(),
        library,
        "ww0123456789abcdef",
        Secret::new("no-real-secret"),
    );
    // Nothing of these tests may ever look for WeCom itself: without a listener of ours there is no way out.
    options.route.proxy = "http://127.0.0.1:1".into();
    options.route.timeout_s = 2;
    options.deadline_grace = Duration::from_secs(30);
    options.decrypt_deadline = Duration::from_secs(60);
    options
}

fn envelope(key: &str, body: &str) -> Envelope {
    Envelope {
        key: Secret::new(key),
        body: body.into(),
    }
}

/// What a made-up proxy does with its one caller; whatever it heard comes out of the channel.
fn proxy(serve: impl FnOnce(&mut TcpStream) -> Vec<u8> + Send + 'static) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, hears) = mpsc::channel();
    thread::spawn(move || {
        let (mut caller, _) = listener.accept().unwrap();
        caller.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let _ = heard.send(serve(&mut caller));
    });
    (port, hears)
}

/// Hears an HTTP request's head and refuses.
fn http_refusal(caller: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && caller.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    let _ = caller.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    head
}

async fn page(options: &Options) -> Result<Page, Error> {
    let mut puller = Puller::start(options).await.unwrap();
    let page = puller.page(Seq(0), 10).await;
    puller.close().await;
    page
}

/// The call was answered in time with a network error, and the child is as alive as before.
fn is_network_error(result: Result<Page, Error>) {
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.errcode()), (10001, 0), "{error}");
    assert!(error.retryable());
}

#[tokio::test]
async fn the_library_loads_with_all_17_symbols() {
    for library in both() {
        let seen = inspect(&program(), &library).await.unwrap();
        assert_eq!(
            (seen.found, seen.missing.len(), seen.refusal),
            (17, 0, None),
            "{}",
            library.display()
        );
        let puller = Puller::start(&options(library.clone())).await.unwrap();
        assert_eq!(puller.build().sha256, seen.sha256);
        puller.close().await;
    }
    if let Some(library) = official()
        && library.ends_with("libWeWorkFinanceSdk_C_x86.so")
    {
        let seen = inspect(&program(), &library).await.unwrap();
        assert_eq!(
            seen.sha256,
            "79ced4de6b18d5e96a21cd06f325794dc8957f8925120538d56d4ce827d3dfd0"
        );
    }
}

#[tokio::test]
async fn init_refuses_empty_strings_and_nothing_else() {
    for library in both() {
        for (corpid, secret, accepted) in [
            ("", "secret", false),
            ("corp", "", false),
            ("", "", false),
            ("no such corp", "no such secret", true),
        ] {
            let options = Options {
                corpid: corpid.into(),
                secret: Secret::new(secret),
                ..options(library.clone())
            };
            match Puller::start(&options).await {
                Ok(puller) => {
                    assert!(accepted, "{corpid:?} {secret:?}");
                    puller.close().await;
                }
                Err(error) => {
                    assert!(!accepted, "{error}");
                    assert_eq!((error.code(), error.retryable()), (10000, false));
                }
            }
        }
    }
}

#[tokio::test]
async fn arguments_out_of_range_are_refused_without_any_network() {
    for library in both() {
        let (port, heard) = proxy(http_refusal);
        let mut options = options(library);
        options.route.proxy = format!("http://127.0.0.1:{port}");
        let mut puller = Puller::start(&options).await.unwrap();
        for limit in [0, 1001, u32::MAX] {
            assert_eq!(
                puller.page(Seq(0), limit).await.unwrap_err().code(),
                10000,
                "limit {limit}"
            );
        }
        let mut media = Media::start(&options).await.unwrap();
        assert_eq!(
            media.chunk(&Secret::default(), "").await.unwrap_err().code(),
            10000,
            "no file id"
        );
        let odd = media
            .chunk(&Secret::new("an-sdkfileid"), "not a range")
            .await
            .unwrap_err();
        assert_eq!(
            (odd.code(), odd.retryable()),
            (10000, false),
            "a cursor in no range form"
        );
        assert!(heard.try_recv().is_err(), "the proxy was called");
        media.close().await;
        puller.close().await;
    }
}

#[tokio::test]
async fn the_mock_pages_by_exclusive_seq_until_an_empty_page() {
    let folder = tempfile::TempDir::new().unwrap();
    let plan = sdk_mock::generate::Plan {
        messages: 250,
        media: false,
        ..sdk_mock::generate::Plan::default()
    };
    sdk_mock::generate::generate(&plan, folder.path(), &|_| {}).unwrap();
    let mut options = options(mock());
    options.mock_corpus = Some(folder.path().into());
    let mut puller = Puller::start(&options).await.unwrap();
    let (mut after, mut records) = (Seq(0), Vec::new());
    loop {
        let page = puller.page(after, 100).await.unwrap();
        assert!(!page.torn && page.strays.is_empty());
        let Some(last) = page.records.last() else { break };
        assert!(
            page.records
                .iter()
                .all(|sealed| sealed.seq > after && sealed.odd.is_none())
        );
        after = last.seq;
        records.extend(page.records);
    }
    assert_eq!(records.len(), 250);
    assert!(records.is_sorted_by(|a, b| a.seq < b.seq));
    let again = puller.page(Seq(records[99].seq.0), 100).await.unwrap();
    assert_eq!(again.records, records[100..200], "the same range reads the same");
    puller.close().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_parsed_is_a_key_mismatch() {
    let random = STANDARD.encode([0x5a; 64]);
    for library in both() {
        let pool = Decryptors::start(&options(library), 1).await.unwrap();
        let bodies = ["thirteen char", &"QUJD".repeat(100)];
        let keys = ["garbage", "k", &random];
        let items = keys
            .iter()
            .flat_map(|key| bodies.iter().map(|body| envelope(key, body)))
            .collect();
        for opened in pool.open(items).await.unwrap() {
            let waiting = opened.unwrap_err();
            assert_eq!(waiting.reason, Reason::KeyMismatch);
            assert!(waiting.detail.contains("10008"), "{}", waiting.detail);
        }
        assert_eq!(pool.deaths().total(), 0);
        pool.close().await;
    }
}

#[tokio::test]
async fn a_body_of_12_characters_kills_the_child_and_nothing_else() {
    for library in both() {
        let options = Options {
            guard: false,
            ..options(library)
        };
        let pool = Decryptors::start(&options, 1).await.unwrap();
        let healthy = || envelope("key", "QUJDREVGR0hJSktMTU5P");
        let opened = pool
            .open(vec![healthy(), envelope("key", "twelve bytes"), healthy()])
            .await
            .unwrap();
        let reasons: Vec<_> = opened
            .iter()
            .map(|opened| opened.as_ref().unwrap_err().reason)
            .collect();
        assert_eq!(
            reasons,
            [Reason::KeyMismatch, Reason::Poison, Reason::KeyMismatch]
        );
        assert!(opened[1].as_ref().unwrap_err().detail.contains("SIGABRT"));
        assert_eq!((pool.deaths().abort, pool.deaths().total()), (2, 2));
        pool.close().await;
    }
}

#[tokio::test]
async fn an_http_proxy_is_asked_to_connect_with_the_credentials() {
    let Some(library) = official() else { return };
    let (port, heard) = proxy(http_refusal);
    let mut options = options(library.clone());
    options.route.proxy = format!("http://127.0.0.1:{port}");
    options.route.passwd = Secret::new("u%40x:p%3Aq");
    is_network_error(page(&options).await);
    let head = String::from_utf8(heard.recv().unwrap()).unwrap();
    assert!(
        head.starts_with("CONNECT qyapi.weixin.qq.com:443 HTTP/1.1\r\n"),
        "{head}"
    );
    let expected = format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode("u@x:p:q"));
    assert!(head.contains(&expected), "percent-decoded: {head}");

    // Credentials in the address win; without any there is no header.
    for (address, passwd, credentials) in [
        ("me:word@127.0.0.1", "u:p", Some("me:word")),
        ("127.0.0.1", "", None),
    ] {
        let (port, heard) = proxy(http_refusal);
        options.route.proxy = format!("http://{address}:{port}");
        options.route.passwd = Secret::new(passwd);
        is_network_error(page(&options).await);
        let head = String::from_utf8(heard.recv().unwrap()).unwrap();
        match credentials {
            Some(plain) => assert!(head.contains(&STANDARD.encode(plain)), "{head}"),
            None => assert!(!head.contains("Authorization"), "{head}"),
        }
    }

    // The media function takes the same way.
    let (port, heard) = proxy(http_refusal);
    options.route.proxy = format!("http://127.0.0.1:{port}");
    let mut media = Media::start(&options).await.unwrap();
    let error = media.chunk(&Secret::new("an-sdkfileid"), "").await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), (10001, true));
    assert!(
        heard
            .recv()
            .unwrap()
            .starts_with(b"CONNECT qyapi.weixin.qq.com:443 ")
    );
    media.close().await;
}

#[tokio::test]
async fn a_socks5_proxy_is_greeted_and_given_the_credentials() {
    let Some(library) = official() else { return };
    for scheme in ["socks5", "socks5h"] {
        let resolves = scheme == "socks5h";
        let (port, heard) = proxy(move |caller| {
            let mut heard = Vec::new();
            let mut hear = |caller: &mut TcpStream, n: usize| {
                let mut bytes = vec![0; n];
                let got = caller.read_exact(&mut bytes).is_ok();
                heard.extend(&bytes);
                if got { bytes } else { vec![0; n] }
            };
            let greeting = hear(caller, 2);
            hear(caller, greeting[1].into());
            caller.write_all(&[5, 2]).unwrap(); // user and password, please
            let user = hear(caller, 2)[1];
            let word = hear(caller, usize::from(user) + 1)[usize::from(user)];
            hear(caller, word.into());
            caller.write_all(&[1, 0]).unwrap();
            if resolves {
                let host = hear(caller, 5)[4];
                hear(caller, usize::from(host) + 2);
            }
            heard
        });
        let mut options = options(library.clone());
        options.route.proxy = format!("{scheme}://127.0.0.1:{port}");
        options.route.passwd = Secret::new("robot:pass");
        is_network_error(page(&options).await);
        let heard = heard.recv().unwrap();
        let methods = usize::from(heard[1]);
        assert!(heard[0] == 5 && heard[2..2 + methods].contains(&2), "{heard:?}");
        let rest = &heard[2 + methods..];
        let credentials = b"\x01\x05robot\x04pass";
        assert!(rest.starts_with(credentials), "{heard:?}");
        if resolves {
            let mut request = b"\x05\x01\x00\x03\x13qyapi.weixin.qq.com".to_vec();
            request.extend(443u16.to_be_bytes());
            assert_eq!(&rest[credentials.len()..], request, "the proxy resolves the name");
        }
    }
}

#[tokio::test]
async fn a_silent_peer_costs_the_timeout_and_no_more() {
    let Some(library) = official() else { return };
    for seconds in [1, 3] {
        let (port, heard) = proxy(|caller| {
            let mut head = [0; 64];
            let n = caller.read(&mut head).unwrap_or(0);
            let _ = caller.read(&mut [0; 4096]); // and silence until the caller leaves
            let _ = caller.read(&mut [0; 4096]);
            head[..n].to_vec()
        });
        let mut options = options(library.clone());
        options.route.proxy = format!("http://127.0.0.1:{port}");
        options.route.timeout_s = seconds;
        let mut puller = Puller::start(&options).await.unwrap();
        let began = Instant::now();
        let result = puller.page(Seq(0), 10).await;
        let took = began.elapsed();
        is_network_error(result);
        // Not earlier, and far from the next whole second even on a busy machine that is ten times slower.
        let asked = Duration::from_secs(seconds.into());
        assert!(
            took + Duration::from_millis(50) >= asked,
            "{took:?} instead of {asked:?}"
        );
        assert!(
            took < asked + Duration::from_secs(10),
            "{took:?} instead of {asked:?}"
        );
        assert_eq!(puller.deaths().total(), 0, "the library itself came back");
        puller.close().await;
        assert!(heard.recv().unwrap().starts_with(b"CONNECT "));
    }
}

#[tokio::test]
async fn a_refused_connection_is_a_network_error_worth_a_retry() {
    let Some(library) = official() else { return };
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for address in [
        format!("http://127.0.0.1:{free}"),
        format!("socks5://127.0.0.1:{free}"),
        "gopher://x:1".into(),
    ] {
        let mut options = options(library.clone());
        options.route.proxy = address;
        is_network_error(page(&options).await);
    }
}

#[test]
fn no_variable_of_the_environment_changes_the_route() {
    const NAME: &str = "official::no_variable_of_the_environment_changes_the_route";
    const ROUTE: &str = "SHIGUAN_SUITE_ROUTE";
    const INHERIT: &str = "SHIGUAN_SUITE_INHERIT";
    let Some(library) = official() else { return };
    if is_helper(NAME) {
        let mut options = options(library);
        options.route.proxy = std::env::var(ROUTE).unwrap();
        options.inherit_proxy_env = std::env::var_os(INHERIT).is_some();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        is_network_error(runtime.block_on(page(&options)));
        return;
    }
    let called = |route: &str, inherit: bool, variables: &[(&str, &str)]| {
        let (port, heard) = proxy(http_refusal);
        let (decoy, fooled) = proxy(http_refusal);
        let fill = |text: &str| {
            text.replace("PORT", &port.to_string())
                .replace("DECOY", &decoy.to_string())
        };
        let mut parent = again(NAME);
        for name in sdk_ffi::cage::PROXY_VARIABLES {
            parent.env_remove(name);
        }
        parent
            .env(ROUTE, fill(route))
            .envs(variables.iter().map(|(name, value)| (name, fill(value))));
        if inherit {
            parent.env(INHERIT, "1");
        }
        let done = parent.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        (heard.try_recv().is_ok(), fooled.try_recv().is_ok())
    };
    let decoy = "http://127.0.0.1:DECOY";
    let elsewhere = [
        ("https_proxy", decoy),
        ("HTTPS_PROXY", decoy),
        ("all_proxy", decoy),
        ("ALL_PROXY", decoy),
    ];
    let right = "http://127.0.0.1:PORT";
    assert_eq!(
        called(right, false, &elsewhere),
        (true, false),
        "the route that was given"
    );
    // The one variable that overrules even an explicit proxy: it would send the call past it.
    let past = [("no_proxy", "*"), ("NO_PROXY", "*")];
    assert_eq!(
        called(right, false, &past),
        (true, false),
        "no_proxy does not get there"
    );
    // The counter-check: what these variables do when they are asked for.
    assert_eq!(
        called("", true, &elsewhere),
        (false, true),
        "inherited, they are the route"
    );
}
