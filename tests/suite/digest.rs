//! `digest --upto`: two values written down on Monday and compared on Friday.

use std::fs;

use kit::{Archive, Corpus, Finished, PULL, Program};
use rusqlite::Connection;
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::Value;

fn upto(archive: &Archive, seq: u64) -> Value {
    let seq = seq.to_string();
    let digest = archive.run(["digest", "--upto", &seq, "--json"]).exits(0).json();
    assert_eq!(digest["damaged"], 0);
    digest
}

/// `pull` in pages of at most so many records, the first one of 64.
fn pull(archive: &Archive, page: usize) -> Finished {
    let limit = format!("pull.limit={page}");
    archive.run([&PULL[..], &["--set", &limit]].concat())
}

#[test]
fn what_was_written_down_on_monday_is_compared_on_friday() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 200, 31);
    let program = Program::new(env!("CARGO_BIN_EXE_shiguan"));
    let archive = program.archive(&scratch.path().join("archive"), &corpus);
    let seq = corpus.truth()[163].seq;

    // On Monday 164 records are there, and the key of the last 64 of them is not.
    let (key, aside) = (corpus.path.join("keys/v2.pem"), scratch.path().join("aside.pem"));
    fs::rename(&key, &aside).expect("moved");
    let refused = Fault::Return {
        code: 10003,
        slice: String::new(),
    };
    corpus.misbehave(&Faults::new().with(Rule::chatdata(refused).at_call(3..=1_000)));
    assert_ne!(pull(&archive, 100).code, Some(0));
    let monday = upto(&archive, seq);
    assert_eq!(
        (&monday["company"], &monday["upto"], &monday["format"]),
        (&Value::from("mock"), &Value::from(seq), &Value::from(1))
    );
    assert_eq!(monday["landed"]["records"], 164);
    assert_eq!(monday["open"]["records"], 100);
    assert_eq!(monday["cursor"], seq);
    let told = archive.run(["digest", "--upto", &(seq + 5).to_string()]).exits(0);
    assert!(told.stdout.contains("只拉取到"), "{}", told.stdout);

    // More records change neither.
    corpus.behave();
    pull(&archive, 100).exits(3);
    let tuesday = upto(&archive, seq);
    assert_eq!(
        (&tuesday["landed"], &tuesday["open"]),
        (&monday["landed"], &monday["open"])
    );
    assert_ne!(tuesday["cursor"], monday["cursor"]);

    // A key that comes late changes what is open, and the number says so.
    fs::rename(&aside, &key).expect("moved back");
    pull(&archive, 100).exits(0);
    let friday = upto(&archive, seq);
    assert_eq!(friday["landed"], monday["landed"]);
    assert_eq!(friday["open"]["records"], 164);
    assert_ne!(friday["open"]["sha256"], monday["open"]["sha256"]);

    // Nothing else does: originals let go, the same read again, an index made anew, a backup.
    let same = |archive: &Archive, what: &str| {
        let now = upto(archive, seq);
        assert_eq!(
            (&now["landed"], &now["open"]),
            (&friday["landed"], &friday["open"]),
            "{what}"
        );
    };
    let again = [
        &PULL[..],
        &["--from-seq", "0", "--set", "store.keep_sealed=never"],
    ]
    .concat();
    archive.run(again).exits(0);
    same(&archive, "read again");
    archive.run(["repair", "--index"]).exits(0);
    same(&archive, "an index made anew");
    let (backups, restored) = (scratch.path().join("backups"), scratch.path().join("restored"));
    let (backups, restored) = (
        backups.to_str().expect("UTF-8"),
        restored.to_str().expect("UTF-8"),
    );
    archive.run(["backup", backups]).exits(0);
    program
        .run(["restore", "--from", backups, "--dir", restored])
        .exits(0);
    let copy = program.archive(&scratch.path().join("copy"), &corpus);
    fs::remove_dir_all(copy.dir.join("data")).expect("removed");
    fs::rename(restored, copy.dir.join("data")).expect("moved");
    same(&copy, "restored");

    // For people, and for one company only.
    let shown = archive
        .run(["digest", "--upto", &seq.to_string(), "--company", "mock"])
        .exits(0);
    let sha256 = friday["open"]["sha256"].as_str().expect("a digest");
    assert!(
        shown.stdout.contains(&format!("已打开  164 条  {sha256}")),
        "{}",
        shown.stdout
    );
    let english = archive
        .run(["--language", "en", "digest", "--upto", &seq.to_string()])
        .exits(0);
    assert!(
        english.stdout.contains(&format!("open    164  {sha256}")),
        "{}",
        english.stdout
    );
    archive
        .run(["digest", "--upto", "1", "--company", "nobody"])
        .exits(2);
    archive.run(["digest", "--company", "mock"]).exits(2);
}

#[test]
fn there_is_no_digest_over_damage_and_the_seq_is_named() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 60, 32);
    let archive =
        Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
    pull(&archive, 100).exits(0);
    let truth = corpus.truth();
    let (seq, last) = (truth[9].seq, truth[59].seq.to_string());
    let row = seq as i64;
    let before = upto(&archive, truth[59].seq);
    let earlier = upto(&archive, truth[8].seq);
    let conn = Connection::open(archive.dir.join("data/archive.db")).expect("opened");
    let spoilt = conn
        .execute(
            "UPDATE plaintext SET dictionary = NULL, body = x'7b7d' WHERE record = (SELECT id FROM record WHERE seq = ?)",
            [row],
        )
        .expect("spoilt");
    assert_eq!(spoilt, 1);
    let mut lines = archive
        .run(["digest", "--upto", &last, "--json"])
        .exits(3)
        .json_lines();
    let digest = lines.pop().expect("a digest");
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["seq"], &lines[0]["what"]),
        (&Value::from(seq), &Value::from("body_changed"))
    );
    assert_eq!(
        (&digest["damaged"], &digest["open"]["sha256"]),
        (&Value::from(1), &Value::Null)
    );
    // What landed does not rest on bodies.
    assert_eq!(digest["landed"], before["landed"]);
    let shown = archive.run(["digest", "--upto", &last]).exits(3);
    assert!(
        shown.stdout.contains(&format!("seq {seq}")) && shown.stdout.contains("有损坏的记录，不给出摘要"),
        "{}",
        shown.stdout
    );
    // Below it everything is as it was.
    assert_eq!(upto(&archive, truth[8].seq), earlier);
    archive.run(["repair"]);
    assert_eq!(upto(&archive, truth[59].seq), before);
    // A record that was removed with all that hangs on it has no row to be named by.
    conn.execute_batch("PRAGMA foreign_keys = OFF")
        .expect("switched off");
    for table in ["plaintext", "message", "sealed"] {
        let sql = format!("DELETE FROM {table} WHERE record = (SELECT id FROM record WHERE seq = ?)");
        conn.execute(&sql, [row]).expect("deleted");
    }
    conn.execute("DELETE FROM record WHERE seq = ?", [row])
        .expect("deleted");
    let lost = upto(&archive, truth[59].seq);
    assert_eq!(
        (&lost["landed"]["records"], &lost["open"]["records"]),
        (&Value::from(59), &Value::from(59))
    );
    assert_ne!(lost["landed"]["sha256"], before["landed"]["sha256"]);
}
