//! The child and its parent on a library that dies in every way a library can (promise 3).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use shiguan::ids::Seq;
use shiguan::record::{Reason, Sealed};
use shiguan::secret::Secret;
use shiguan::source::{Death, Deaths, Decryptors, Envelope, Error, Media, Options, Puller, inspect};
use tempfile::TempDir;

/// Names the part a test plays when it is started again as a process of its own.
const HELPER: &str = "SHIGUAN_SUITE_HELPER";

pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_shiguan").into()
}

/// Compiles the odd SDK of `sdk-ffi/tests/c` under a name of its own.
fn compile(name: &str, options: &[&str]) -> PathBuf {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lib{name}.so"));
    let fresh = library.with_extension(format!("{}.tmp", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/sdk-ffi/tests/c/odd_sdk.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-w", source, "-o"])
        .arg(&fresh)
        .args(options);
    assert!(cc.status().expect("a C compiler named cc").success());
    std::fs::rename(&fresh, &library).unwrap(); // a helper process may be loading the old one
    library
}

fn odd_sdk() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| compile("odd", &[])).clone()
}

fn options(corpid: &str) -> Options {
    let mut options = Options::new(program(), odd_sdk(), corpid, Secret::new("the-archive-secret"));
    options.decrypt_deadline = Duration::from_secs(20);
    options
}

fn envelope(body: impl Into<String>) -> Envelope {
    Envelope {
        key: Secret::new("a-message-key"),
        body: body.into(),
    }
}

/// Forty records, the one at 17 being `body`.
fn among_others(body: &str) -> Vec<Envelope> {
    (0..40)
        .map(|n| {
            envelope(if n == 17 {
                body.to_owned()
            } else {
                format!("a healthy body number {n}")
            })
        })
        .collect()
}

fn text(opened: &Result<Vec<u8>, shiguan::record::Waiting>) -> &str {
    std::str::from_utf8(opened.as_ref().unwrap()).unwrap()
}

fn deaths(of: fn(&mut Deaths)) -> Deaths {
    let mut deaths = Deaths::default();
    of(&mut deaths);
    deaths
}

#[tokio::test]
async fn whatever_a_record_does_to_its_child_only_that_record_is_lost() {
    let matrix: [(&str, Deaths, &str); 7] = [
        ("segv, by a signal", deaths(|deaths| deaths.segv = 2), "SIGSEGV"),
        ("wild pointer write", deaths(|deaths| deaths.segv = 2), "SIGSEGV"),
        ("abort, as C++ does", deaths(|deaths| deaths.abort = 2), "SIGABRT"),
        (
            "exit in mid-call",
            deaths(|deaths| deaths.exit = 2),
            "exited with status 0",
        ),
        (
            "garbage in the pipe",
            deaths(|deaths| deaths.garbage = 2),
            "broke the protocol",
        ),
        (
            "hang for ever",
            deaths(|deaths| deaths.hang = 2),
            "gave no sign for 1.0 s",
        ),
        (
            "torn reply, exit",
            Deaths {
                exit: 1,
                garbage: 1,
                ..Deaths::default()
            },
            "broke the protocol",
        ),
    ];
    for (body, deaths, words) in matrix {
        let mut options = options("corp");
        if body.starts_with("hang") {
            options.decrypt_deadline = Duration::from_secs(1);
        }
        let pool = Decryptors::start(&options, 1).await.unwrap();
        let opened = pool.open(among_others(body)).await.unwrap();
        for (n, opened) in opened.iter().enumerate() {
            if n == 17 {
                let waiting = opened.as_ref().unwrap_err();
                assert_eq!(waiting.reason, Reason::Poison, "{body}");
                assert!(waiting.detail.contains(words), "{body}: {}", waiting.detail);
            } else {
                assert_eq!(
                    text(opened),
                    format!("a-message-key opens a healthy body number {n}")
                );
            }
        }
        assert_eq!(pool.deaths(), deaths, "{body}");
        pool.close().await;
    }
}

#[tokio::test]
async fn a_reply_torn_in_the_middle_is_a_death_of_the_record_in_hand() {
    let pool = Decryptors::start(&options("corp"), 1).await.unwrap();
    let opened = pool.open(vec![envelope("torn reply, exit")]).await.unwrap();
    assert_eq!(opened[0].as_ref().unwrap_err().reason, Reason::Poison);
    assert_eq!(pool.deaths(), deaths(|deaths| deaths.exit = 2));
}

#[tokio::test]
async fn many_poisons_in_one_batch_are_all_found() {
    let poisons = [0, 1, 2, 37, 120, 121, 254, 255, 299];
    let items = (0..300)
        .map(|n| {
            envelope(if poisons.contains(&n) {
                "segv and nothing else".to_owned()
            } else {
                format!("healthy number {n:05}")
            })
        })
        .collect();
    let pool = Decryptors::start(&options("corp"), 2).await.unwrap();
    let opened = pool.open(items).await.unwrap();
    for (n, opened) in opened.iter().enumerate() {
        assert_eq!(opened.is_err(), poisons.contains(&n), "{n}");
        if let Ok(bytes) = opened {
            assert!(bytes.ends_with(format!("{n:05}").as_bytes()));
        }
    }
    assert_eq!(pool.deaths().segv, 2 * poisons.len() as u64);
}

#[tokio::test]
async fn a_record_that_killed_its_child_once_is_tried_once_more_alone() {
    let folder = TempDir::new().unwrap();
    let body = format!("once:abort:{}", folder.path().join("seen").display());
    let pool = Decryptors::start(&options("corp"), 1).await.unwrap();
    let opened = pool.open(among_others(&body)).await.unwrap();
    assert_eq!(text(&opened[17]), "survived");
    assert_eq!(pool.deaths(), deaths(|deaths| deaths.abort = 1));
}

#[tokio::test]
async fn a_kill_from_outside_is_nobodys_fault_until_it_happens_every_time() {
    let folder = TempDir::new().unwrap();
    let body = format!("once:kill9:{}", folder.path().join("seen").display());
    let pool = Decryptors::start(&options("corp"), 1).await.unwrap();
    let opened = pool.open(among_others(&body)).await.unwrap();
    assert_eq!(text(&opened[17]), "survived");
    assert_eq!(pool.deaths(), deaths(|deaths| deaths.outside = 1));

    let opened = pool.open(vec![envelope("kill9 every time")]).await.unwrap();
    let waiting = opened[0].as_ref().unwrap_err();
    assert_eq!(waiting.reason, Reason::Poison);
    assert!(
        waiting.detail.contains("SIGKILL") && waiting.detail.contains("11"),
        "{}",
        waiting.detail
    );
}

#[tokio::test]
async fn a_slow_batch_is_no_hang_as_long_as_it_moves() {
    let mut options = options("corp");
    options.decrypt_deadline = Duration::from_millis(1500);
    let pool = Decryptors::start(&options, 1).await.unwrap();
    let began = Instant::now();
    let opened = pool
        .open((0..5).map(|n| envelope(format!("slow but moving {n}"))).collect())
        .await
        .unwrap();
    assert!(opened.iter().all(Result::is_ok));
    assert!(
        began.elapsed() > options.decrypt_deadline,
        "longer than the deadline of one record"
    );
    assert_eq!(pool.deaths(), Deaths::default());
}

#[tokio::test]
async fn codes_become_reasons_and_retryable_ones_are_tried_twice() {
    let folder = TempDir::new().unwrap();
    let flaky = format!("flaky:{}", folder.path().join("seen").display());
    let bodies = [
        "code:10008 xxxx",
        "code:10004 xxxx",
        "code:10007 xxxx",
        "code:10006 xxxx",
        "code:10003 xxxx",
        &flaky,
    ];
    let pool = Decryptors::start(&options("corp"), 1).await.unwrap();
    let opened = pool.open(bodies.map(envelope).into()).await.unwrap();
    let reasons: Vec<_> = opened
        .iter()
        .map(|opened| opened.as_ref().err().map(|w| w.reason))
        .collect();
    let (mismatch, refused) = (Some(Reason::KeyMismatch), Some(Reason::Refused));
    assert_eq!(reasons, [mismatch, mismatch, mismatch, refused, refused, None]);
    assert!(opened[3].as_ref().unwrap_err().detail.contains("10006"));
    assert!(text(&opened[5]).contains("opens flaky"));
    assert_eq!(pool.deaths(), Deaths::default());
}

#[tokio::test]
async fn the_guard_keeps_from_the_sdk_what_would_abort_it_and_is_a_switch() {
    let key = |key: &str| Envelope {
        key: Secret::new(key),
        body: "a body long enough".into(),
    };
    let items = || {
        vec![
            key(""),
            key("a\0b"),
            key("bin\u{1}ary"),
            key("schlüssel"),
            envelope("twelve bytes"),
            envelope("thirteen byte"),
            envelope("a zero \0 inside this"),
        ]
    };
    let pool = Decryptors::start(&options("corp"), 1).await.unwrap();
    let reasons: Vec<_> = pool
        .open(items())
        .await
        .unwrap()
        .into_iter()
        .map(|opened| opened.err().map(|w| w.reason))
        .collect();
    let (mismatch, malformed) = (Some(Reason::KeyMismatch), Some(Reason::Malformed));
    assert_eq!(
        reasons,
        [mismatch, mismatch, mismatch, mismatch, malformed, None, malformed]
    );

    let unguarded = Options {
        guard: false,
        ..options("corp")
    };
    let pool = Decryptors::start(&unguarded, 1).await.unwrap();
    let opened = pool.open(items()).await.unwrap();
    assert!(opened.iter().all(Result::is_ok));
    assert_eq!(
        text(&opened[6]),
        "a-message-key opens a zero ",
        "C sees a string's end"
    );
}

#[tokio::test]
async fn a_leak_past_the_limit_and_old_age_replace_the_child_without_a_death() {
    let mut options = options("corp");
    options.max_rss_bytes = 48 << 20;
    let pool = Decryptors::start(&options, 1).await.unwrap();
    for _ in 0..3 {
        assert!(pool.open(vec![envelope("leak 64 megabytes")]).await.unwrap()[0].is_ok());
    }
    assert_eq!(pool.deaths(), deaths(|deaths| deaths.recycled = 2));

    options.max_calls = 10;
    let mut puller = Puller::start(&options).await.unwrap();
    for n in 0..20 {
        puller.page(Seq(n), 1).await.unwrap();
    }
    assert_eq!(
        puller.deaths(),
        deaths(|deaths| deaths.recycled = 2),
        "Init is a call, too"
    );
}

#[tokio::test]
async fn batches_at_the_same_time_keep_their_order() {
    let pool = Arc::new(Decryptors::start(&options("corp"), 3).await.unwrap());
    let mut batches = tokio::task::JoinSet::new();
    for batch in 0..8 {
        let pool = pool.clone();
        batches.spawn(async move {
            let items = (0..200)
                .map(|n| envelope(format!("batch {batch} number {n:03}")))
                .collect();
            let opened = pool.open(items).await.unwrap();
            for (n, opened) in opened.iter().enumerate() {
                assert_eq!(
                    text(opened),
                    format!("a-message-key opens batch {batch} number {n:03}")
                );
            }
        });
    }
    while let Some(batch) = batches.join_next().await {
        batch.unwrap();
    }
    assert!(pool.open(Vec::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_the_pool_usable() {
    let pool = Decryptors::start(&options("corp"), 1).await.unwrap();
    let hanging = pool.open(vec![envelope("hang for ever and ever")]);
    assert!(
        tokio::time::timeout(Duration::from_millis(200), hanging)
            .await
            .is_err()
    );
    let opened = pool.open(vec![envelope("a healthy body")]).await.unwrap();
    assert_eq!(text(&opened[0]), "a-message-key opens a healthy body");
}

#[tokio::test]
async fn what_the_library_prints_goes_to_the_log_without_secrets() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _scope = tracing::subscriber::set_default(subscriber);

    let pool = Decryptors::start(&options("corp"), 1).await.unwrap();
    let canary = Envelope {
        key: Secret::new("S2V5Q2FuYXJ5U2VjcmV0"),
        body: "print Qm9keUNhbmFyeUluQmFzZTY0".into(),
    };
    let opened = pool.open(vec![canary]).await.unwrap();
    assert!(
        text(&opened[0]).contains("opens print"),
        "the protocol is untouched"
    );
    pool.close().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    let told = loop {
        let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        if told.contains("on stderr") || Instant::now() > deadline {
            break told;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(told.contains("SDK says: key ***(20) on stderr"), "{told}");
    assert!(
        told.contains("SDK says: print ***(24)"),
        "its standard output is read, too: {told}"
    );
    assert!(
        !told.contains("S2V5") && !told.contains("Qm9keUN") && !told.contains("the-archive-secret"),
        "{told}"
    );
}

#[tokio::test]
async fn a_page_is_asked_for_with_the_route_and_read() {
    let mut options = options("corp");
    options.route.proxy = "http://proxy:1".into();
    options.route.passwd = Secret::new("me:word");
    options.route.timeout_s = 7;
    let mut puller = Puller::start(&options).await.unwrap();
    let page = puller.page(Seq(u64::MAX - 1), 1000).await.unwrap();
    let expected = Sealed {
        seq: Seq(u64::MAX),
        msgid: "http://proxy:1|me:word|7".into(),
        key_version: shiguan::ids::KeyVersion(1000),
        random_key: "a2V5".into(),
        body: "Ym9keQ==".into(),
        odd: None,
    };
    assert_eq!(page.records, [expected]);
    assert!(!page.torn && page.strays.is_empty() && page.bytes > 100);
    assert_eq!(
        puller.build().sha256,
        sdk_ffi::load::fingerprint(&odd_sdk()).unwrap().0
    );
    for limit in [0, 1001] {
        let refused = puller.page(Seq(0), limit).await.unwrap_err();
        assert_eq!((refused.code(), refused.retryable()), (10000, false));
    }
    puller.close().await;
}

#[tokio::test]
async fn an_answer_of_a_megabyte_and_an_answer_behind_an_error_are_read_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("answer.json");
    let body = "x".repeat(900_000);
    std::fs::write(
        &path,
        format!(r#"{{"chatdata":[{{"seq":1,"encrypt_chat_msg":"{body}"}},{{"se"#),
    )
    .unwrap();
    let mut puller = Puller::start(&options(&format!("file:{}", path.display())))
        .await
        .unwrap();
    let page = puller.page(Seq(0), 1000).await.unwrap();
    assert!(page.torn && page.records.len() == 1 && page.records[0].body == body);

    std::fs::write(&path, r#"{"errcode":48002,"errmsg":"api forbidden, hint: [1]"}"#).unwrap();
    let refused = puller.page(Seq(0), 1000).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.errcode(), refused.retryable()),
        (0, 48002, false)
    );
    assert!(refused.to_string().contains("api forbidden"), "{refused}");

    let mut puller = Puller::start(&options(&format!("10002:{}", path.display())))
        .await
        .unwrap();
    let refused = puller.page(Seq(0), 1000).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.errcode(), refused.retryable()),
        (10002, 48002, false)
    );
}

#[tokio::test]
async fn a_pull_that_kills_its_child_is_an_error_that_can_be_retried() {
    let folder = TempDir::new().unwrap();
    let once = |how: &str| options(&format!("once:{how}:{}", folder.path().join(how).display()));
    for (how, death) in [
        ("segv", Death::Signal(11)),
        ("abort", Death::Signal(6)),
        ("exit", Death::Exit(0)),
    ] {
        // On a task of its own: a conveyor may move its puller between threads.
        let mut puller = Puller::start(&once(how)).await.unwrap();
        let moved = tokio::spawn(async move { (puller.page(Seq(1), 5).await.unwrap_err(), puller) });
        let (error, mut puller) = moved.await.unwrap();
        assert!(error.retryable(), "{error}");
        assert!(
            matches!(&error, Error::Child { death: d, .. } if *d == death),
            "{error}"
        );
        assert_eq!(
            puller.page(Seq(1), 5).await.unwrap().records[0].seq,
            Seq(2),
            "the next call has a new child"
        );
        assert_eq!(puller.deaths().total(), 1);
    }
    let mut puller = Puller::start(&once("kill9")).await.unwrap();
    assert_eq!(
        puller.page(Seq(1), 5).await.unwrap().records.len(),
        1,
        "asked again at once"
    );
    assert_eq!(puller.deaths(), deaths(|deaths| deaths.outside = 1));
}

#[tokio::test]
async fn a_pull_that_hangs_past_its_deadline_is_ended() {
    let mut options = options("hang in GetChatData");
    options.route.timeout_s = 1;
    options.deadline_grace = Duration::from_millis(100);
    let mut puller = Puller::start(&options).await.unwrap();
    let error = puller.page(Seq(1), 5).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Child {
                death: Death::Hang(_),
                ..
            }
        ),
        "{error}"
    );
    assert!(error.retryable());
}

#[tokio::test]
async fn chunks_come_with_their_cursor_and_a_dead_child_can_be_asked_again() {
    let mut media = Media::start(&options("corp")).await.unwrap();
    let file = Secret::new("a file");
    let first = media.chunk(&file, "").await.unwrap();
    assert_eq!(
        (&first.data[..], &*first.next, first.finished),
        (&b"one\0more"[..], "Range:bytes=8-15", false)
    );
    assert_eq!(
        first.data.as_ptr().align_offset(4096),
        0,
        "a disk cannot take it from where it lies"
    );
    let last = media.chunk(&file, &first.next).await.unwrap();
    assert_eq!((&last.data[..], last.finished), (&b"the last"[..], true));
    assert_eq!(
        media.chunk(&Secret::default(), "").await.unwrap_err().code(),
        10000
    );
    assert!(
        media
            .chunk(&Secret::new("segv file"), "")
            .await
            .unwrap_err()
            .retryable()
    );
    assert!(media.chunk(&file, "").await.is_ok());
    assert_eq!(media.deaths().segv, 1);
    media.close().await;
}

#[tokio::test]
async fn an_inspection_tells_what_is_wrong_with_a_library() {
    let good = inspect(&program(), &odd_sdk()).await.unwrap();
    assert_eq!(
        (good.found, good.refusal.as_deref(), good.sha256.len()),
        (17, None, 64)
    );
    assert!(good.path.is_absolute() && good.size > 1000);

    let partial = compile("partial", &["-DMISSING"]);
    let seen = inspect(&program(), &partial).await.unwrap();
    assert_eq!((seen.found, seen.missing.len()), (14, 3));
    match Puller::start(&Options {
        library: partial,
        ..options("corp")
    })
    .await
    .unwrap_err()
    {
        Error::MissingSymbols { missing, .. } => assert_eq!(missing, seen.missing),
        other => panic!("{other}"),
    }

    let folder = TempDir::new().unwrap();
    let text = folder.path().join("text.so");
    std::fs::write(&text, "no library").unwrap();
    let seen = inspect(&program(), &text).await.unwrap();
    assert!(seen.refusal.unwrap().contains("text.so") && seen.found == 0 && seen.sha256.len() == 64);
    let absent = Options {
        library: folder.path().join("absent.so"),
        ..options("corp")
    };
    assert!(matches!(
        Decryptors::start(&absent, 2).await.unwrap_err(),
        Error::Library(_)
    ));

    let killer = compile("killer", &["-DKILLER"]);
    let error = inspect(&program(), &killer).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Child {
                death: Death::Signal(6),
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_program_that_is_no_child_is_named_as_the_problem() {
    let with = |program: &str| Options {
        program: program.into(),
        ..options("corp")
    };
    assert!(matches!(
        Puller::start(&with("/nowhere/shiguan")).await.unwrap_err(),
        Error::Program { .. }
    ));
    let folder = TempDir::new().unwrap();
    let talker = folder.path().join("talker");
    std::fs::write(
        &talker,
        "#!/bin/sh\necho this is no protocol at all\nexec sleep 60\n",
    )
    .unwrap();
    Command::new("chmod").arg("+x").arg(&talker).status().unwrap();
    let talk = Puller::start(&with(talker.to_str().unwrap())).await.unwrap_err();
    assert!(
        matches!(
            talk,
            Error::Child {
                death: Death::Garbage(_),
                ..
            }
        ),
        "{talk}"
    );
    let gone = Puller::start(&with("/bin/false")).await.unwrap_err();
    assert!(
        matches!(
            gone,
            Error::Child {
                death: Death::Exit(1),
                ..
            }
        ),
        "{gone}"
    );
    // `cat` sends the greeting back: a frame, but no reply.
    let cat = Options {
        program: "/bin/cat".into(),
        ..options("corp")
    };
    assert!(Puller::start(&cat).await.is_err());
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let mut endless = options("corp");
    endless.route.timeout_s = 0;
    assert!(matches!(
        Puller::start(&endless).await.unwrap_err(),
        Error::Options(_)
    ));
    let zero = options("co\0rp");
    assert!(matches!(
        Decryptors::start(&zero, 1).await.unwrap_err(),
        Error::Options(_)
    ));
    let nobody = options("");
    assert_eq!(
        Puller::start(&nobody).await.unwrap_err().code(),
        10000,
        "Init says so itself"
    );
}

#[tokio::test]
async fn a_library_replaced_during_the_run_is_noticed() {
    let folder = TempDir::new().unwrap();
    let library = folder.path().join("sdk.so");
    std::fs::copy(odd_sdk(), &library).unwrap();
    let pool = Decryptors::start(
        &Options {
            library: library.clone(),
            ..options("corp")
        },
        1,
    )
    .await
    .unwrap();
    let other = folder.path().join("other");
    let mut bytes = std::fs::read(odd_sdk()).unwrap();
    bytes.push(0);
    std::fs::write(&other, bytes).unwrap();
    std::fs::rename(&other, &library).unwrap();
    assert!(
        pool.open(vec![envelope("a healthy body")]).await.is_ok(),
        "the old one is still loaded"
    );
    let error = pool.open(vec![envelope("segv, new child")]).await.unwrap_err();
    assert!(matches!(error, Error::LibraryChanged { .. }), "{error}");
}

#[test]
fn started_by_hand_the_child_refuses() {
    let child = |input: Stdio| {
        let started = Command::new(program())
            .arg("sdk-child")
            .stdin(input)
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(started.status.code(), Some(2));
        assert!(started.stdout.is_empty());
        String::from_utf8(started.stderr).unwrap()
    };
    let told = child(Stdio::null());
    assert!(told.contains("not started by hand"), "{told}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(writer);
    let told = child(reader.into());
    assert!(told.contains("without a greeting"), "{told}");
}

/// Starts this test binary again for one test, which then finds [`HELPER`] set.
pub fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(HELPER, test);
    command
}

pub fn is_helper(test: &str) -> bool {
    std::env::var(HELPER).is_ok_and(|name| name == test)
}

#[test]
fn neither_secrets_nor_the_parents_environment_reach_the_child() {
    const NAME: &str = "fence::neither_secrets_nor_the_parents_environment_reach_the_child";
    if !is_helper(NAME) {
        let mut parent = again(NAME);
        for name in sdk_ffi::cage::PROXY_VARIABLES {
            parent.env(name, "http://127.0.0.1:9");
        }
        let done = parent
            .env("WECOM_TOKEN", "canary-in-the-environment")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        return;
    }
    let told = |options: Options| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let mut puller = Puller::start(&options).await.unwrap();
            let page = puller.page(Seq(0), 1).await.unwrap();
            page.records
                .into_iter()
                .map(|sealed| sealed.msgid)
                .collect::<Vec<_>>()
        })
    };
    let mut options = options("environ");
    options.route.passwd = Secret::new("robot:pa55word");
    options.mock_corpus = Some("/some/corpus".into());
    let lines = told(options.clone());
    assert!(
        lines
            .iter()
            .any(|line| line == "SHIGUAN_MOCK_CORPUS=/some/corpus"),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("CMDLINE=") && line.ends_with(" sdk-child")),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line == "core 0, dumpable 0"),
        "secrets in a core file: {lines:?}"
    );
    let everything = lines.join("\n");
    for canary in [
        "the-archive-secret",
        "pa55word",
        "canary-in-the-environment",
        "environ\n",
        "127.0.0.1",
    ] {
        assert!(!everything.contains(canary), "{canary}: {everything}");
    }
    options.inherit_proxy_env = true;
    let lines = told(options);
    for name in sdk_ffi::cage::PROXY_VARIABLES {
        assert!(
            lines.contains(&format!("{name}=http://127.0.0.1:9")),
            "{name} was asked for"
        );
    }
    assert!(!lines.join("\n").contains("canary-in-the-environment"));
}

#[test]
fn a_killed_parent_takes_a_hanging_child_with_it() {
    const NAME: &str = "fence::a_killed_parent_takes_a_hanging_child_with_it";
    if is_helper(NAME) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut puller = Puller::start(&Options {
                deadline_grace: Duration::from_secs(60),
                ..options("hang")
            })
            .await
            .unwrap();
            puller.page(Seq(0), 1).await.unwrap_err();
        });
        return;
    }
    let mut parent = again(NAME)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let soon = Instant::now() + Duration::from_secs(30);
    let child = loop {
        // Wait until it is in the native call: the handshake is over when the library is mapped and it sleeps in `pause`.
        match children_of(parent.id()).into_iter().find(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == "shiguan")
        }) {
            Some(pid) => break pid,
            None => assert!(Instant::now() < soon, "the helper starts no child"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    std::thread::sleep(Duration::from_millis(300));
    parent.kill().unwrap();
    parent.wait().unwrap();
    while Path::new(&format!("/proc/{child}")).exists() && !is_zombie(child) {
        assert!(Instant::now() < soon, "child {child} outlives its parent");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Fields of `/proc/PID/stat` after the name: state, parent.
fn stat(pid: u32) -> Option<(String, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ').map(str::to_owned);
    Some((fields.next()?, fields.next()?.parse().ok()?))
}

fn is_zombie(pid: u32) -> bool {
    stat(pid).is_none_or(|(state, _)| state == "Z" || state == "X")
}

fn children_of(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent))
        .collect()
}
