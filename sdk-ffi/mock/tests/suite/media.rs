//! `GetMediaData` without and with faults.

use md5::{Digest as _, Md5};
use sdk_mock::{
    corpus::store_media,
    engine::{Chunk, Engine, code},
    faults::{Fault, Rule},
    generate::{Plan, generate, plaintexts},
    media::{CHUNK, FileId},
};
use serde_json::Value;

use crate::scene;

fn fetch(engine: &Engine, id: &str) -> Result<Vec<u8>, i32> {
    let (mut cursor, mut file) = (String::new(), Vec::new());
    for _ in 0..100 {
        let chunk = engine.media(cursor.as_bytes(), id.as_bytes(), 5).reply;
        if chunk.code != 0 {
            return Err(chunk.code);
        }
        assert!(chunk.data.len() as u64 <= CHUNK);
        file.extend_from_slice(&chunk.data);
        if chunk.finished {
            assert_eq!(chunk.next, "");
            return Ok(file);
        }
        assert_eq!(
            chunk.next,
            format!("Range:bytes={}-{}", file.len(), file.len() as u64 + CHUNK - 1)
        );
        cursor = chunk.next;
    }
    panic!("the file has no end");
}

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A generated corpus with its files: what was announced about each.
fn announced(rules: Vec<Rule>) -> (tempfile::TempDir, Engine, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        messages: 700,
        seed: scene::SEED,
        ..Plan::default()
    };
    generate(&plan, folder.path(), &|_| {}).unwrap();
    sdk_mock::faults::Faults::from(rules)
        .save(&folder.path().join("faults.json"))
        .unwrap();
    let mut files = Vec::new();
    plaintexts(&plan, |draft| {
        if let Ok(message) = serde_json::from_slice(&draft.plaintext) {
            scene::files(&message, &mut files);
        }
    })
    .unwrap();
    let engine = Engine::open(folder.path()).unwrap();
    (folder, engine, files)
}

fn id(file: &Value) -> &str {
    file["sdkfileid"].as_str().unwrap()
}

fn size(file: &Value) -> Option<u64> {
    ["filesize", "voice_size", "imagesize"]
        .iter()
        .find_map(|name| file[*name].as_u64())
}

/// The id of a file of several chunks.
fn large(files: &[Value]) -> &str {
    id(files
        .iter()
        .find(|file| size(file).is_some_and(|size| size > CHUNK))
        .unwrap())
}

#[test]
fn every_announced_file_can_be_fetched_and_is_what_was_announced() {
    let (_folder, engine, files) = announced(vec![]);
    let (mut digests, mut chunks, mut boundary) = (0, 0, false);
    for file in &files {
        let bytes = fetch(&engine, id(file)).unwrap();
        if let Some(size) = size(file).filter(|size| *size < 1 << 40) {
            assert_eq!(bytes.len() as u64, size, "{file}");
        }
        if let Some(digest) = file["md5sum"].as_str().filter(|digest| !digest.is_empty()) {
            assert_eq!(md5(&bytes), digest);
            digests += 1;
        }
        chunks += usize::from(bytes.len() as u64 > CHUNK);
        boundary |= bytes.len() as u64 == CHUNK;
    }
    assert!(
        files.len() > 100 && digests > 80 && chunks > 2 && boundary,
        "{} {digests} {chunks}",
        files.len()
    );
}

#[test]
fn no_two_files_have_the_same_id_though_some_have_the_same_bytes() {
    let (_folder, _engine, files) = announced(vec![]);
    let ids: std::collections::HashSet<_> = files.iter().map(id).collect();
    let contents: std::collections::HashSet<_> = files
        .iter()
        .map(|file| FileId::parse(id(file).as_bytes()).unwrap().content.seed)
        .collect();
    assert_eq!(ids.len(), files.len());
    assert!(contents.len() < files.len());
}

#[test]
fn arguments_are_checked_before_anything_else() {
    let (_folder, engine) = scene::engine([Rule::media(Fault::Hang)]);
    for (cursor, id) in [
        ("", ""),
        ("x", "id"),
        ("Range:bytes=5-1", "id"),
        ("Range:bytes=0-524287", ""),
    ] {
        let turn = engine.media(cursor.as_bytes(), id.as_bytes(), 5);
        assert_eq!(
            (turn.reply, turn.effects),
            (Chunk::failed(code::ARGUMENT), vec![]),
            "{cursor} {id}"
        );
    }
}

#[test]
fn ids_that_are_not_of_this_corpus_are_unknown() {
    let (_folder, engine, files) = announced(vec![]);
    let mut foreign = FileId::parse(id(&files[0]).as_bytes()).unwrap();
    foreign.corpus_id ^= 1;
    for id in ["any", &id(&files[0])[1..], &foreign.text()] {
        assert_eq!(fetch(&engine, id), Err(code::FILE_ID));
    }
    assert_eq!(
        engine
            .media(b"Range:bytes=99999999-100000000", id(&files[0]).as_bytes(), 5)
            .reply
            .code,
        code::PARSE
    );
}

#[test]
fn a_file_given_by_hand_is_served_for_its_id_also_an_empty_one() {
    let (folder, engine) = scene::engine([]);
    let bytes: Vec<u8> = (0..CHUNK as usize * 2 + 5).map(|at| at as u8).collect();
    store_media(folder.path(), "CtYBhand/made+id==", &bytes).unwrap();
    store_media(folder.path(), "empty", b"").unwrap();
    assert!(fetch(&engine, "CtYBhand/made+id==").unwrap() == bytes);
    assert_eq!(fetch(&engine, "empty"), Ok(vec![]));
}

#[test]
fn a_failed_chunk_can_be_repeated_with_the_same_cursor() {
    let rule = Rule::media(Fault::Return {
        code: 10002,
        slice: String::new(),
    })
    .at_call(2);
    let (_folder, engine, files) = announced(vec![rule]);
    let first = engine.media(b"", large(&files).as_bytes(), 5).reply;
    let failed = engine
        .media(first.next.as_bytes(), large(&files).as_bytes(), 5)
        .reply;
    assert_eq!(failed, Chunk::failed(10002));
    assert_eq!(
        engine
            .media(first.next.as_bytes(), large(&files).as_bytes(), 5)
            .reply
            .code,
        0
    );
}

#[test]
fn mismatching_bytes_have_the_right_length_and_a_wrong_digest() {
    let (_folder, engine, files) = announced(vec![Rule::media(Fault::DigestMismatch)]);
    let file = files
        .iter()
        .find(|file| !file["md5sum"].as_str().unwrap_or_default().is_empty())
        .unwrap();
    let bytes = fetch(&engine, id(file)).unwrap();
    assert_eq!(bytes.len() as u64, size(file).unwrap());
    assert_ne!(md5(&bytes), file["md5sum"].as_str().unwrap());
}

#[test]
fn faults_of_files_can_be_addressed_by_the_record_that_carries_them() {
    let (_folder, _engine, files) = announced(vec![]);
    let seq = |file: &Value| FileId::parse(id(file).as_bytes()).unwrap().seq;
    let fault = Fault::Return {
        code: 10010,
        slice: String::new(),
    };
    let (_folder, engine, files) = announced(vec![Rule::media(fault).at_seq(seq(&files[0]))]);
    for file in &files[..20] {
        let expired = engine.media(b"", id(file).as_bytes(), 5).reply.code == 10010;
        assert_eq!(expired, seq(file) == seq(&files[0]));
    }
}

#[test]
fn a_file_that_never_finishes_grows_beyond_its_size() {
    let (_folder, engine, files) = announced(vec![Rule::media(Fault::NeverFinish)]);
    let (mut cursor, mut len) = (String::new(), 0);
    for _ in 0..5 {
        let chunk = engine.media(cursor.as_bytes(), id(&files[0]).as_bytes(), 5).reply;
        assert!(!chunk.finished && chunk.data.len() as u64 == CHUNK && chunk.next != cursor);
        len += chunk.data.len() as u64;
        cursor = chunk.next;
    }
    assert_eq!(len, 5 * CHUNK);
}

#[test]
fn empty_chunks_and_stuck_cursors_do_not_advance() {
    let (_folder, engine, files) = announced(vec![
        Rule::media(Fault::EmptyChunk).at_call(1),
        Rule::media(Fault::StuckCursor).at_call(2),
    ]);
    let empty = engine
        .media(b"Range:bytes=0-524287", large(&files).as_bytes(), 5)
        .reply;
    assert_eq!((empty.code, empty.data.len(), empty.finished), (0, 0, false));
    assert_eq!(empty.next, "Range:bytes=0-524287");
    let stuck = engine
        .media(empty.next.as_bytes(), large(&files).as_bytes(), 5)
        .reply;
    assert_eq!(
        (stuck.data.len() as u64, stuck.finished, &stuck.next),
        (CHUNK, false, &empty.next)
    );
}

#[test]
fn successes_that_are_none_come_as_asked_for() {
    let (_folder, engine, files) = announced(vec![
        Rule::media(Fault::EmptyFile).at_call(1),
        Rule::media(Fault::OddMembers {
            data_len: Some(-5),
            is_finish: Some(2),
        })
        .at_call(2),
        Rule::media(Fault::NextCursor {
            text: "a\0".into(),
            repeat: 3,
        })
        .at_call(3),
        Rule::media(Fault::HugeChunk { bytes: 3 << 20 }).at_call(4),
    ]);
    let ask = || engine.media(b"", id(&files[0]).as_bytes(), 5).reply;
    let empty = ask();
    assert_eq!((empty.code, empty.data.len(), empty.finished), (0, 0, true));
    let odd = ask();
    assert_eq!((odd.code, odd.data_len, odd.is_finish), (0, Some(-5), Some(2)));
    let cursor = ask();
    assert_eq!((cursor.next.as_str(), cursor.finished), ("a\0a\0a\0", false));
    let huge = ask();
    assert_eq!((huge.code, huge.data.len(), huge.finished), (0, 3 << 20, false));
    assert_eq!(ask().code, 0);
}

#[test]
fn a_length_that_would_lead_out_of_the_chunk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let odd = |data_len| {
        let rule = Rule::media(Fault::OddMembers {
            data_len: Some(data_len),
            is_finish: None,
        });
        sdk_mock::faults::Faults::from(vec![rule]).save(&folder.path().join("faults.json"))
    };
    assert!(odd(0).is_ok() && odd(i32::MIN).is_ok());
    assert!(odd(1).is_err());
}
