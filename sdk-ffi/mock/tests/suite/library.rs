//! The built shared object in processes of its own, through its C interface.

use std::{
    os::unix::process::ExitStatusExt as _,
    thread::sleep,
    time::{Duration, Instant},
};

use libloading::Library;
use sdk_mock::{
    faults::{Fault, Rule},
    seal::Item,
};
use serde_json::Value;

use crate::{
    client::{Ended, Outcome, Step, library, run, start},
    scene::{corpus, key_text, truth},
};

const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

fn init() -> Vec<Step> {
    vec![
        Step::New,
        Step::Init(Some("wwcorp".into()), Some("secret".into())),
    ]
}

fn pull(seq: u64, limit: u32) -> Step {
    Step::ChatData {
        seq,
        limit,
        timeout: 5,
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.into())
}

fn codes(ended: &Ended) -> Vec<i32> {
    ended.outcomes.iter().map(|outcome| outcome.code).collect()
}

fn items(outcome: &Outcome) -> Vec<Item> {
    let page: Value = serde_json::from_slice(&outcome.bytes()).unwrap();
    serde_json::from_value(page["chatdata"].clone()).unwrap()
}

fn decrypt(item: &Item) -> Step {
    Step::Decrypt {
        key: key_text(item),
        body: item.encrypt_chat_msg.clone(),
    }
}

#[test]
fn the_library_has_all_17_symbols_and_one_of_its_own() {
    // SAFETY: the mock has no initialisers.
    let library = unsafe { Library::new(library()) }.unwrap();
    for name in [
        "NewSdk",
        "Init",
        "GetChatData",
        "DecryptData",
        "GetMediaData",
        "DestroySdk",
        "NewSlice",
        "FreeSlice",
        "GetContentFromSlice",
        "GetSliceLen",
        "NewMediaData",
        "FreeMediaData",
        "GetOutIndexBuf",
        "GetData",
        "GetIndexLen",
        "GetDataLen",
        "IsMediaDataFinish",
        "ShiguanMockLiveObjects",
    ] {
        // SAFETY: only the address is asked for.
        let found = unsafe { library.get::<*const ()>(name.as_bytes()) }.is_ok();
        assert!(found, "{name} is missing");
    }
}

#[test]
fn init_refuses_empty_and_null_texts_and_nothing_else() {
    let steps = [
        Step::New,
        Step::Init(None, text("s")),
        Step::Init(text("c"), None),
        Step::Init(text(""), text("s")),
        Step::Init(text("c"), text("")),
        Step::Init(text("any"), text("pair")),
        Step::Destroy,
        Step::Live,
    ];
    // Also without a corpus: a missing one shows at the first pull, as a wrong secret does.
    for folder in [None, Some(corpus([]))] {
        let ended = run(folder.as_ref().map(|folder| folder.path()), &steps);
        assert_eq!(
            codes(&ended),
            [0, 10000, 10000, 10000, 10000, 0, 0, 0, 0, 0, -1],
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn arguments_are_checked_first_and_failures_leave_valid_empty_containers() {
    let folder = corpus([]);
    let media = |cursor: &str, id: &str| Step::Media {
        cursor: text(cursor),
        id: text(id),
        timeout: 5,
    };
    let mut steps = init();
    steps.extend([
        pull(0, 0),
        pull(0, 1001),
        Step::Decrypt {
            key: None,
            body: "1234567890123".into(),
        },
        Step::Decrypt {
            key: text(""),
            body: "1234567890123".into(),
        },
        media("", ""),
        media("bytes=1", "id"),
        Step::Media {
            cursor: None,
            id: None,
            timeout: 5,
        },
        media("", "unknown"),
        Step::Destroy,
        Step::Live,
    ]);
    let ended = run(Some(folder.path()), &steps);
    let expected = [
        0, 0, 10000, 10000, 10000, 10008, 10000, 10000, 10000, 10005, 0, 0, 0, 0, -1,
    ];
    assert_eq!(codes(&ended), expected, "{}", ended.stderr);
    for outcome in &ended.outcomes[2..6] {
        assert!(
            !outcome.null && outcome.content.is_empty(),
            "a slice is empty and not NULL"
        );
    }
    for outcome in &ended.outcomes[6..10] {
        assert!(
            outcome.null && outcome.content.is_empty() && outcome.next.is_empty() && outcome.finished == 0
        );
    }
}

#[test]
fn a_handle_never_initialised_has_no_network() {
    let folder = corpus([]);
    let media = Step::Media {
        cursor: text(""),
        id: text("id"),
        timeout: 5,
    };
    let ended = run(
        Some(folder.path()),
        &[Step::New, pull(0, 1000), media, pull(0, 1001), Step::Destroy],
    );
    assert_eq!(codes(&ended), [0, 10001, 10001, 10000, 0]);
}

#[test]
fn a_missing_corpus_is_a_system_failure_that_names_the_variable() {
    let mut steps = init();
    steps.push(pull(0, 10));
    let ended = run(None, &steps);
    assert_eq!(codes(&ended), [0, 0, 10003]);
    assert!(ended.stderr.contains("SHIGUAN_MOCK_CORPUS"), "{}", ended.stderr);
}

#[test]
fn a_client_reads_everything_and_leaves_nothing_alive() {
    let folder = corpus([]);
    let mut steps = init();
    steps.extend([0, 25, 50, 60].map(|seq| pull(seq, 25)));
    let ended = run(Some(folder.path()), &steps);
    let all: Vec<Item> = ended.outcomes[2..].iter().flat_map(items).collect();
    assert_eq!(all.len(), 60);
    let mut steps: Vec<Step> = all.iter().map(decrypt).collect();
    steps.push(Step::Live);
    // Without any handle, and without a corpus: decryption needs neither.
    for corpus in [None, Some(folder.path())] {
        let ended = run(corpus, &steps);
        let opened: Vec<_> = ended.outcomes[..60]
            .iter()
            .map(|outcome| (outcome.code, outcome.bytes()))
            .collect();
        let expected: Vec<_> = truth(folder.path())
            .iter()
            .map(|truth| (0, truth.bytes()))
            .collect();
        assert_eq!(opened, expected);
        assert_eq!(codes(&ended)[60..], [0, 0, 0, -1]);
    }
}

#[test]
fn a_file_comes_in_chunks_through_the_c_interface() {
    let folder = corpus([]);
    let content: Vec<u8> = (0..700_000u32).map(|at| (at % 251) as u8).collect();
    sdk_mock::corpus::store_media(folder.path(), "some+id/==", &content).unwrap();
    let media = |cursor: &str| Step::Media {
        cursor: text(cursor),
        id: text("some+id/=="),
        timeout: 5,
    };
    let mut steps = init();
    steps.extend([
        media(""),
        media("Range:bytes=524288-1048575"),
        Step::Destroy,
        Step::Live,
    ]);
    let ended = run(Some(folder.path()), &steps);
    let (first, second) = (&ended.outcomes[2], &ended.outcomes[3]);
    assert_eq!(
        (first.code, first.finished, first.next.as_str()),
        (0, 0, "Range:bytes=524288-1048575")
    );
    assert_eq!((second.code, second.finished, second.next.as_str()), (0, 1, ""));
    assert!([first.bytes(), second.bytes()].concat() == content);
    assert_eq!(codes(&ended)[4..], [0, 0, 0, 0, -1]);
}

#[test]
fn a_body_of_12_characters_aborts_the_process() {
    for body in ["", "123456789012"] {
        let ended = run(
            None,
            &[Step::Decrypt {
                key: text("key"),
                body: body.into(),
            }],
        );
        assert_eq!(ended.status.signal(), Some(SIGABRT));
        assert!(ended.stderr.contains("std::out_of_range"), "{}", ended.stderr);
    }
}

#[test]
fn deaths_are_real_and_happen_at_the_record_they_are_meant_for() {
    for (fault, signal, code) in [
        (Fault::Segfault, Some(SIGSEGV), None),
        (Fault::Abort, Some(SIGABRT), None),
        (Fault::Terminate, Some(SIGABRT), None),
        (Fault::Exit { status: 7 }, None, Some(7)),
    ] {
        let folder = corpus([Rule::decrypt(fault).at_seq(2)]);
        let engine = sdk_mock::engine::Engine::open(folder.path()).unwrap();
        let page = crate::scene::page(&engine, 0, 3);
        let ended = run(Some(folder.path()), &page.iter().map(decrypt).collect::<Vec<_>>());
        assert_eq!((ended.status.signal(), ended.status.code()), (signal, code));
        assert_eq!(
            codes(&ended),
            [0],
            "the first record was opened, the second was fatal"
        );
    }
}

#[test]
fn a_crash_that_happens_once_is_over_after_a_restart() {
    let folder = corpus([Rule::chatdata(Fault::Segfault).at_seq(5).times(2)]);
    let mut steps = init();
    steps.push(pull(0, 10));
    let ends: Vec<_> = (0..3)
        .map(|_| run(Some(folder.path()), &steps).status.signal())
        .collect();
    assert_eq!(ends, [Some(SIGSEGV), Some(SIGSEGV), None]);
}

#[test]
fn garbage_reaches_stdout_and_the_page_is_whole() {
    let folder = corpus([Rule::chatdata(Fault::Garbage { bytes: 5000 })]);
    let mut steps = init();
    steps.push(pull(0, 10));
    let ended = run(Some(folder.path()), &steps);
    assert!(ended.status.success());
    assert!(ended.stdout.len() >= 5000);
    assert_eq!(items(&ended.outcomes[2]).len(), 10);
}

#[test]
fn a_silent_peer_is_given_up_after_the_timeout() {
    let folder = corpus([Rule::chatdata(Fault::Silent)]);
    let mut steps = init();
    steps.push(Step::ChatData {
        seq: 0,
        limit: 10,
        timeout: 1,
    });
    let began = Instant::now();
    let ended = run(Some(folder.path()), &steps);
    assert_eq!(codes(&ended), [0, 0, 10001]);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_hang_outlasts_its_timeout() {
    let folder = corpus([Rule::chatdata(Fault::Hang)]);
    let mut steps = init();
    steps.push(Step::ChatData {
        seq: 0,
        limit: 10,
        timeout: 1,
    });
    let mut running = start(Some(folder.path()), &steps);
    let patience = Instant::now() + Duration::from_secs(30);
    while running.done() < 2 {
        assert!(Instant::now() < patience, "the client does not get to its pull");
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(1300));
    assert!(running.child.try_wait().unwrap().is_none(), "it came back");
    running.child.kill().unwrap();
    let status = running.child.wait().unwrap();
    assert_eq!(codes(&running.ended(status)), [0, 0]);
}

#[test]
fn freeing_twice_ends_the_process_with_a_sentence() {
    let ended = run(None, &[Step::DoubleFree]);
    assert_eq!(ended.status.signal(), Some(SIGABRT));
    assert!(
        ended.stderr.contains("Slice_t was freed that is not alive"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_unusable_faults_file_fails_every_call_that_would_consult_it() {
    let folder = corpus([]);
    std::fs::write(folder.path().join("faults.json"), "[{}]").unwrap();
    let mut steps = init();
    steps.extend([
        pull(0, 10),
        Step::Decrypt {
            key: text("k"),
            body: "1234567890123".into(),
        },
    ]);
    let ended = run(Some(folder.path()), &steps);
    assert_eq!(codes(&ended), [0, 0, 10003, 10003]);
    assert!(ended.stderr.contains("faults.json"), "{}", ended.stderr);
}
