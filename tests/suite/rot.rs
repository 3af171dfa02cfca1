//! Rot below the program: bits that turn, bodies that change places, files that are lost. Nothing of it is shown as genuine,
//! `verify` names it, and `repair` mends what has a source.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use kit::{Archive, Corpus, Finished, PULL, Program};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use rusqlite::{Connection, types::Value as Column};
use serde_json::Value;
use shiguan::{
    archive::verify::{Verdict, Verify},
    ids::Millis,
    media::{Place, Vault},
    store::{
        Reader, StoreError,
        contract::{Filter, Order, Stored},
    },
};

use super::daemon::{Daemon, until};

/// The mock's messages may be of any age.
const GET: [&str; 5] = ["media", "get", "--json", "--set", "media.deadline_days=30"];

struct House {
    scratch: tempfile::TempDir,
    archive: Archive,
}

impl House {
    /// An archive of some messages with their files.
    fn new(messages: u64, seed: u64) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let corpus = Corpus::generate(scratch.path(), messages, seed);
        let archive =
            Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
        let pulled = archive.run(PULL);
        assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
        let got = archive.run(GET);
        assert_eq!(got.code, Some(0), "{}{}", got.stdout, got.stderr);
        Self { scratch, archive }
    }

    fn database(&self) -> PathBuf {
        self.archive.dir.join("data").join("archive.db")
    }

    fn media(&self) -> PathBuf {
        self.archive.dir.join("data").join("media")
    }

    fn spoil(&self, sql: &str) {
        let conn = Connection::open(self.database()).expect("opened");
        conn.execute_batch(sql).expect("spoilt");
    }

    fn one<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        let conn = Connection::open(self.database()).expect("opened");
        conn.query_row(sql, [], |row| row.get(0)).expect("a value")
    }

    fn verify(&self) -> (Finished, Vec<Value>, Value) {
        let finished = self
            .archive
            .run(["verify", "--json", "--set", "media.deadline_days=30"]);
        let mut lines = finished.json_lines();
        let summary = lines.pop().expect("a summary")["summary"].clone();
        assert!(summary.is_object(), "{}", finished.stdout);
        let code = if lines.is_empty() { 0 } else { 3 };
        assert_eq!(
            finished.code,
            Some(code),
            "{}{}",
            finished.stdout,
            finished.stderr
        );
        assert_eq!(summary["found"], lines.len());
        (finished, lines, summary)
    }

    /// Every kept object by its path, that of most bytes first.
    fn objects(&self) -> Vec<PathBuf> {
        let mut objects: Vec<(u64, PathBuf)> = Vec::new();
        for folder in fs::read_dir(self.media()).expect("a vault") {
            let folder = folder.expect("an entry").path();
            let hidden = folder
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if folder.is_dir() && !hidden {
                for object in fs::read_dir(&folder).expect("a folder") {
                    let object = object.expect("an object");
                    objects.push((object.metadata().expect("a size").len(), object.path()));
                }
            }
        }
        objects.sort();
        objects.into_iter().rev().map(|(_, path)| path).collect()
    }
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn a_sound_archive_is_sound_and_verifying_says_what_it_could_not_look_at() {
    let house = House::new(300, 5);
    let (_, findings, summary) = house.verify();
    assert_eq!(findings, [] as [Value; 0]);
    assert_eq!(summary["records"], 300);
    assert_eq!(summary["indexed"], 300);
    assert_eq!(summary["whole"], true);
    assert!(summary["files"].as_u64() >= Some(1), "{summary}");
    assert_eq!(summary["unchecked"]["records_without_digest"], 0);
    let sample = house.archive.run(["verify", "--sample", "20"]);
    assert_eq!(sample.code, Some(0), "{}", sample.stderr);
    assert!(sample.stderr.contains("抽样"), "{}", sample.stderr);
    // As older programs left it.
    house.spoil(
        "UPDATE plaintext SET salt = NULL, sha256 = NULL; UPDATE message SET guard = NULL;
         UPDATE index_segment SET sum = NULL, blocks = NULL, top = NULL; UPDATE index_block SET sum = NULL, before = NULL;
         UPDATE index_doc SET sum = NULL; UPDATE index_key SET sum = NULL;",
    );
    let (_, findings, summary) = house.verify();
    assert_eq!(findings, [] as [Value; 0]);
    assert_eq!(summary["unchecked"]["records_without_digest"], 300);
    assert_ne!(summary["unchecked"]["index_segments_without_sums"], 0);
    // One of them is damaged already: it gets no digest.
    house.spoil("UPDATE message SET time = time + 1 WHERE record = 7");
    for left in [1, 1] {
        let written = house.archive.run(["verify", "--write-digests", "--json"]);
        assert_eq!(written.code, Some(3), "{}", written.stderr);
        assert_eq!(written.json()["summary"]["left"], left);
    }
    house.spoil("UPDATE message SET time = time - 1 WHERE record = 7");
    let written = house.archive.run(["verify", "--write-digests", "--json"]);
    assert_eq!(written.code, Some(0), "{}{}", written.stdout, written.stderr);
    let (_, findings, summary) = house.verify();
    assert_eq!(findings, [] as [Value; 0]);
    for what in [
        "records_without_digest",
        "records_without_guard",
        "index_segments_without_sums",
    ] {
        assert_eq!(summary["unchecked"][what], 0, "{summary}");
    }
    assert_eq!(
        house.one::<i64>("SELECT count(*) FROM index_key WHERE sum IS NULL"),
        0
    );
}

#[test]
fn damaged_records_are_said_so_and_opened_again_from_what_was_landed() {
    let house = House::new(120, 6);
    let digest = house.archive.digest();
    let msgid: String = house.one("SELECT msgid FROM record WHERE id = 10");
    let other: String = house.one("SELECT msgid FROM record WHERE id = 12");
    let seqs: [i64; 3] = [10, 11, 12].map(|id| house.one(&format!("SELECT seq FROM record WHERE id = {id}")));
    let text = house.archive.run(["show", "--json", &msgid]).exits(0).json()["plaintext"].clone();
    // Two bodies change places with their salts, one is altered, and the columns of a fourth record.
    house.spoil(
        "CREATE TABLE one AS SELECT * FROM plaintext WHERE record = 10;
         UPDATE plaintext SET (dictionary, body, salt, sha256) =
           (SELECT dictionary, body, salt, sha256 FROM plaintext WHERE record = 11) WHERE record = 10;
         UPDATE plaintext SET (dictionary, body, salt, sha256) = (SELECT dictionary, body, salt, sha256 FROM one)
           WHERE record = 11;
         DROP TABLE one;
         UPDATE plaintext SET dictionary = NULL, body = CAST('{\"msgid\":\"forged\"}' AS BLOB) WHERE record = 12;
         UPDATE message SET time = time + 3600000 WHERE record = 13;",
    );
    for (msgid, kind, word) in [
        (&msgid, "other_message", "另一条消息"),
        (&other, "body_changed", "SHA-256"),
    ] {
        let shown = house.archive.run(["show", "--json", msgid]).exits(3).json();
        assert_eq!(shown["damage"]["kind"], kind);
        assert_eq!(shown["plaintext"], Value::Null, "{shown}");
        assert_eq!(shown["texts"], serde_json::json!([]));
        let shown = house.archive.run(["show", msgid]).exits(3);
        assert!(
            shown.stdout.contains(word) && shown.stdout.contains("shiguan repair --seq"),
            "{}",
            shown.stdout
        );
        assert!(!shown.stdout.contains("forged"), "{}", shown.stdout);
        let raw = house.archive.run(["show", "--raw", msgid]).exits(3);
        assert!(
            raw.stdout.is_empty() && raw.stderr.contains(word),
            "{}",
            raw.stderr
        );
    }
    let all = house
        .archive
        .run(["search", "--json", "--all", "seq:0-99999999"])
        .exits(3);
    let damaged = all
        .json_lines()
        .iter()
        .filter(|hit| !hit["damage"].is_null())
        .count();
    assert_eq!((all.json_lines().len(), damaged), (120, 4));
    let (_, findings, _) = house.verify();
    let named: Vec<&Value> = findings.iter().filter(|line| !line["seq"].is_null()).collect();
    assert_eq!(named.len(), 4, "{findings:?}");
    for seq in seqs {
        let line = named.iter().find(|line| line["seq"] == seq).expect("named");
        assert_eq!(line["repair"], format!("shiguan repair --seq {seq}"));
        assert_eq!(line["company"], "mock");
    }
    let repaired = house.archive.run(["repair"]);
    assert_eq!(repaired.code, Some(0), "{}{}", repaired.stdout, repaired.stderr);
    house.verify();
    assert_eq!(house.archive.digest(), digest, "byte for byte as before");
    assert_eq!(
        house.archive.run(["show", "--json", &msgid]).exits(0).json()["plaintext"],
        text
    );
    assert_eq!(
        house.one::<i64>("SELECT count(*) FROM reopened WHERE is_indexed = 0"),
        3,
        "kept aside"
    );
    // Without an original there is nothing to repair it from; it stays, and stays reported.
    house.spoil(
        "DELETE FROM sealed WHERE record = 12; UPDATE plaintext SET sha256 = zeroblob(32) WHERE record = 12;",
    );
    let seq = seqs[2].to_string();
    let repaired = house.archive.run(["repair", "--seq", &seq]);
    assert_eq!(repaired.code, Some(3), "{}{}", repaired.stdout, repaired.stderr);
    assert!(repaired.stdout.contains("原样保留"), "{}", repaired.stdout);
    let (_, findings, _) = house.verify();
    assert_eq!(findings[0]["repair"], "restore a backup");
    assert_eq!(
        house.one::<i64>("SELECT count(*) FROM plaintext WHERE record = 12"),
        1
    );
}

#[test]
fn a_changed_index_is_named_and_built_anew() {
    let house = House::new(200, 7);
    let digest = house.archive.digest();
    // A wrong term under a right sum, which only the bodies can tell, and a wrong sum.
    for spoil in [
        "UPDATE index_block SET sum = sum + 1 WHERE id = (SELECT min(id) FROM index_block)",
        "UPDATE index_block SET sum = NULL; UPDATE index_block SET data =
           CAST(substr(data, 1, length(data) - 1) || x'7E' AS BLOB) WHERE id = (SELECT max(id) FROM index_block)",
        "DELETE FROM index_doc; DELETE FROM index_key; DELETE FROM index_block; DELETE FROM index_segment",
    ] {
        house.spoil(spoil);
        let (_, findings, _) = house.verify();
        assert!(findings.iter().any(|line| line["repair"] == "shiguan repair --index"), "{spoil}: {findings:?}");
        let repaired = house.archive.run(["repair", "--index"]);
        assert_eq!(repaired.code, Some(0), "{}", repaired.stderr);
        let (_, findings, _) = house.verify();
        assert_eq!(findings, [] as [Value; 0], "{spoil}");
        assert_eq!(house.archive.digest(), digest);
    }
}

#[test]
fn lost_and_altered_files_are_named_and_fetched_again() {
    let house = House::new(200, 8);
    let objects = house.objects();
    assert!(objects.len() >= 3, "{objects:?}");
    let (lost, altered, short) = (&objects[0], &objects[1], &objects[2]);
    let whole = fs::read(altered).expect("an object");
    let mut bytes = whole.clone();
    bytes[0] ^= 1;
    fs::remove_file(lost).expect("lost");
    fs::write(altered, &bytes).expect("altered");
    fs::write(short, b"").expect("cut off");
    let (_, findings, _) = house.verify();
    let what: BTreeMap<String, String> = findings
        .iter()
        .map(|line| {
            (
                line["sha256"].to_string(),
                line["what"].as_str().expect("a word").to_owned(),
            )
        })
        .collect();
    assert_eq!(what.len(), 3, "{findings:?}");
    for (path, word) in [
        (lost, "file_missing"),
        (altered, "file_changed"),
        (short, "file_changed"),
    ] {
        assert_eq!(what[&format!("{:?}", name(path))], word);
    }
    // What is lost or of another size is noticed by itself; the altered one by whoever asks for it, or by `repair`.
    let got = house.archive.run(GET);
    assert_eq!(got.code, Some(0), "{}", got.stdout);
    let (_, findings, _) = house.verify();
    assert_eq!(findings.len(), 1, "{findings:?}");
    let seq: i64 = house.one(&format!(
        "SELECT r.seq FROM media_file f JOIN media_content c ON c.id = f.content LEFT JOIN media_content p ON p.id = c.playable
         JOIN record r ON r.id = f.record WHERE hex(c.sha256) = upper('{0}') OR hex(p.sha256) = upper('{0}')",
        name(altered)
    ));
    let got = house
        .archive
        .run([&GET[..], &[seq.to_string().as_str()]].concat());
    assert_eq!(got.code, Some(0), "{}{}", got.stdout, got.stderr);
    assert_eq!(fs::read(altered).expect("fetched again"), whole);
    house.verify();
    // Nothing was deleted.
    assert_eq!(
        fs::read(house.media().join(".damaged").join(name(altered))).expect("kept aside"),
        bytes
    );
    fs::remove_file(lost).expect("lost again");
    let repaired = house
        .archive
        .run(["repair", "--files", "--set", "media.deadline_days=30"]);
    assert_eq!(repaired.code, Some(0), "{}{}", repaired.stdout, repaired.stderr);
    let got = house.archive.run(GET);
    assert_eq!(got.code, Some(0), "{}", got.stdout);
    let (_, findings, _) = house.verify();
    assert_eq!(findings, [] as [Value; 0]);
}

#[test]
fn run_verifies_a_share_every_day_and_damage_is_an_alert() {
    let house = House::new(60, 9);
    house.spoil("UPDATE plaintext SET sha256 = zeroblob(32) WHERE record = 5");
    let set = [
        "alert.look_every_seconds=1",
        "store.verify_days=1",
        "pull.interval_seconds=3600",
    ]
    .map(str::to_owned);
    let daemon = Daemon::start(&house.archive, house.scratch.path().join("log"), &set);
    until("an alert", || {
        let listed = house.archive.run(["alert", "list", "--json"]);
        listed.stdout.contains("archive_damaged").then_some(())
    });
    daemon.terminate();
    let doctor = house.archive.run(["doctor", "--json"]);
    let findings = doctor.json()["findings"].clone();
    let verified = findings
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["check"] == "verified");
    assert_eq!(verified.expect("told")["status"], "bad", "{findings}");
    house.archive.run(["repair"]).exits(0);
    house.verify();
    let doctor = house.archive.run(["doctor", "--json"]);
    let findings = doctor.json()["findings"].clone();
    let verified = findings
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["check"] == "verified");
    assert_eq!(verified.expect("told")["status"], "ok", "{findings}");
}

/// What a search for everything, and for each of some texts, says of each record: its text and columns, or that it is damaged.
type Said = BTreeMap<u64, Option<String>>;

fn said(reader: &Reader) -> Result<(Said, Vec<u64>), StoreError> {
    let mut said = Said::new();
    let shown = |stored: &Stored| {
        stored.damage.is_none().then(|| {
            let opened = stored.opened.as_ref().map(|opened| {
                (
                    String::from_utf8_lossy(&opened.plaintext).into_owned(),
                    (
                        opened.msgid.clone(),
                        opened.from.clone(),
                        opened.time,
                        opened.chat.clone(),
                    ),
                    (
                        opened.msgtype.clone(),
                        opened.action.clone(),
                        opened.scope,
                        opened.direction,
                    ),
                    opened.flaws,
                )
            });
            format!("{} {} {opened:?}", stored.msgid, stored.landed_at)
        })
    };
    for hit in reader.find(&Filter::All, Order::OldestFirst, None, 10_000)? {
        said.insert(hit.seq.0, shown(&hit));
    }
    let mut counts = Vec::new();
    for needle in ["的", "a", "订单", "http", "好"] {
        let filter = Filter::Text {
            needle: needle.into(),
            places: Vec::new(),
        };
        counts.push(reader.count(&filter)?);
    }
    Ok((said, counts))
}

async fn verified(reader: &Reader, vault: &Vault) -> Result<Verdict, shiguan::archive::Error> {
    let mut verify = Verify {
        reader,
        vault: Some(vault),
        company: None,
        fetchable_since: Millis(0),
        tell: &mut |_| Ok(()),
        progress: &mut |_| (),
        stopped: &|| false,
    };
    verify.whole().await
}

/// Every table's rows, to name what a flip changed.
fn tables(path: &Path) -> Option<BTreeMap<String, Vec<Vec<Column>>>> {
    let conn = Connection::open(path).ok()?;
    let mut statement = conn
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        .ok()?;
    let names: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .ok()?
        .flatten()
        .collect();
    let mut all = BTreeMap::new();
    for name in names {
        // Some bits of a packed body say nothing; what it unpacks to is compared record by record.
        let what = match name.as_str() {
            "plaintext" => "record, dictionary, salt, sha256",
            _ => "*",
        };
        let mut statement = conn.prepare(&format!("SELECT {what} FROM \"{name}\"")).ok()?;
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| (0..columns).map(|column| row.get(column)).collect())
            .ok()?;
        all.insert(name, rows.collect::<Result<Vec<Vec<Column>>, _>>().ok()?);
    }
    Some(all)
}

/// Seeded bits all over database and vault. `SHIGUAN_BIT_FLIPS` says how many; 1,000 take some minutes.
#[test]
fn no_single_bit_changes_what_is_said_in_silence() {
    let flips: u32 = std::env::var("SHIGUAN_BIT_FLIPS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(40);
    let house = House::new(150, 10);
    let database = fs::read(house.database()).expect("a database");
    let objects: Vec<(PathBuf, Vec<u8>)> = house
        .objects()
        .into_iter()
        .map(|path| (path.clone(), fs::read(&path).expect("an object")))
        .collect();
    let in_files: usize = objects.iter().map(|(_, bytes)| bytes.len()).sum();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let vault = Vault::open(&house.media(), &Place::Folder).expect("a vault");
    let path = house.scratch.path().join("flipped.db");
    fs::write(&path, &database).expect("a copy");
    let (truth, rows) = (
        said(&Reader::open(&path).expect("opened")).expect("said"),
        tables(&path).expect("rows"),
    );
    let hash = Reader::open(&path)
        .expect("opened")
        .content_hash()
        .expect("hashed");
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (mut reported, mut harmless, mut escaped) = (0, 0, BTreeMap::<String, u32>::new());
    for flip in 0..flips {
        // One in five in the files, although they are most of the bytes: one of their bits is as good as another.
        if flip % 5 == 4 {
            let mut at = random.next_u64() as usize % in_files;
            let (path, bytes) = objects
                .iter()
                .find(|(_, bytes)| {
                    let here = at < bytes.len();
                    at -= if here { 0 } else { bytes.len() };
                    here
                })
                .expect("a place");
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1 << (random.next_u32() % 8);
            fs::write(path, &spoilt).expect("spoilt");
            let verdict = runtime.block_on(verified(
                &Reader::open(&house.database()).expect("opened"),
                &vault,
            ));
            assert_eq!(verdict.expect("verified").found, 1, "a bit of {path:?}");
            fs::write(path, bytes).expect("whole again");
            reported += 1;
            continue;
        }
        let bit = random.next_u64() as usize % (database.len() * 8);
        let mut spoilt = database.clone();
        spoilt[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &spoilt).expect("spoilt");
        for more in ["-wal", "-shm"] {
            let _none = fs::remove_file(house.scratch.path().join(format!("flipped.db{more}")));
        }
        let Ok(reader) = Reader::open(&path) else {
            reported += 1;
            continue;
        };
        let found = runtime
            .block_on(verified(&reader, &vault))
            .map_or(true, |verdict| verdict.found > 0);
        // Whatever is said of a record is the truth, or that it is damaged; and no hit is missing in silence.
        if let Ok((records, counts)) = said(&reader) {
            for (seq, known) in &truth.0 {
                match records.get(seq) {
                    Some(Some(now)) => {
                        assert_eq!(Some(now), known.as_ref(), "bit {bit}: seq {seq} in silence")
                    }
                    Some(None) => assert!(found, "bit {bit}: seq {seq} is damaged and not reported"),
                    None => assert!(found, "bit {bit}: seq {seq} is gone in silence"),
                }
            }
            assert!(
                found || counts == truth.1,
                "bit {bit}: other counts in silence: {counts:?}"
            );
        }
        let same = reader.content_hash().is_ok_and(|now| now == hash);
        drop(reader);
        if found {
            reported += 1;
        } else {
            harmless += 1;
            if !same {
                println!("bit {bit}: another content hash");
                *escaped.entry("content hash".to_owned()).or_default() += 1;
            }
            let now = tables(&path).unwrap_or_default();
            for (table, known) in &rows {
                if now.get(table) != Some(known) {
                    println!("bit {bit}: {table}");
                    *escaped.entry(table.clone()).or_default() += 1;
                }
            }
        }
    }
    println!(
        "{flips} bits: {reported} reported, {harmless} without effect on what is said; rows of these tables changed \
              without a report: {escaped:?}"
    );
    assert!(escaped.is_empty(), "{escaped:?}");
}
