//! Archives of old programs open for ever: see tests/golden/old for how each was made.

use std::{fs, path::Path};

use rusqlite::{Connection, params};

use super::Scratch;
use crate::{
    ids::{CompanyId, KeyVersion, Millis, RecordId, RunId, Seq},
    message,
    record::{Reason, Sealed, Waiting},
    store::{
        Reader, Store, StoreError,
        contract::{Filter, Outcome, PullCall, Verdict},
    },
};

/// What stands in the tables of version 1: landed copies in the order of arrival, and bodies by row.
struct Old {
    copies: Vec<Sealed>,
    bodies: Vec<(i64, Vec<u8>)>,
}

fn read_old(path: &Path) -> Old {
    let conn = Connection::open(path).expect("opened");
    let mut copies = Vec::new();
    for table in [
        "SELECT r.seq, r.msgid, r.version, s.random_key, s.body, s.odd FROM record r JOIN sealed s ON s.record = r.id
         ORDER BY r.id",
        "SELECT r.seq, v.msgid, v.version, v.random_key, v.body, v.odd FROM record r JOIN variant v ON v.record = r.id
         ORDER BY v.id",
    ] {
        let mut statement = conn.prepare(table).expect("a table of version 1");
        let rows = statement.query_map([], |row| {
            Ok(Sealed {
                seq: Seq(row.get::<_, i64>(0)? as u64),
                msgid: row.get(1)?,
                key_version: KeyVersion(row.get(2)?),
                random_key: row.get(3)?,
                body: row.get(4)?,
                odd: row.get(5)?,
            })
        });
        copies.extend(rows.expect("asked").map(|row| row.expect("a copy")));
    }
    let mut statement = conn
        .prepare("SELECT record, body FROM plaintext ORDER BY record")
        .expect("a table of version 1");
    let bodies = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("asked")
        .map(|row| row.expect("a body"))
        .collect();
    Old { copies, bodies }
}

/// The same records through this program.
fn new_archive(old: &Old) -> Scratch {
    let mut scratch = Scratch::new();
    let landed = scratch.store.land(
        &scratch.lease,
        &scratch.call(),
        &old.copies,
        &[b"{\"no\":\"seq\"}".to_vec()],
    );
    let landed = landed.expect("landed");
    let mut outcomes: Vec<Outcome> = Vec::new();
    for (record, body) in &old.bodies {
        let message = Box::new(message::read(body));
        let (_, at) = landed.fresh[*record as usize - 1];
        let verdict = match message.answers(&old.copies[at].msgid) {
            Ok(()) => Verdict::Opened {
                msgid_differs: message.msgid != old.copies[at].msgid,
                plaintext: body.clone(),
                message,
            },
            Err(misfit) => Verdict::Unreadable {
                answer: body.clone(),
                detail: misfit.detail(body.len()),
            },
        };
        outcomes.push(Outcome {
            id: RecordId(*record),
            verdict,
        });
    }
    outcomes.push(Outcome {
        id: RecordId(old.bodies.len() as i64 + 1),
        verdict: Verdict::Waiting(Waiting::new(Reason::NoKey, "why")),
    });
    scratch.settle(&outcomes);
    scratch
}

#[test]
fn an_archive_of_version_1_is_converted_and_says_the_same() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let path = dir.path().join("archive.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/old/v1/archive.db");
    fs::write(&path, fs::read(golden).expect("the old archive")).expect("copied");
    let old = read_old(&path);
    assert!(old.bodies.len() > 30 && old.copies.len() > old.bodies.len() + 3);
    assert!(matches!(
        Reader::open(&path),
        Err(StoreError::Outdated { found: 1, .. })
    ));

    let store = Store::open(&path).expect("converted");
    assert_eq!(store.integrity().expect("checked"), Vec::<String>::new());
    assert!(store.index_is_current().expect("asked"));
    let fresh = new_archive(&old);
    assert_eq!(store.content_hash().expect("hashed"), fresh.hash());
    let upto = |store: &Store| {
        store
            .digest_upto(CompanyId(1), Seq(u64::MAX), &mut |finding| panic!("{finding:?}"))
            .expect("digests")
    };
    let (converted, made) = (upto(&store), upto(&fresh.store));
    assert_eq!((converted.landed, converted.open), (made.landed, made.open));
    assert_eq!(
        store.coverage().expect("counted"),
        fresh.store.coverage().expect("counted")
    );
    // What is no message of its record is opened no more; its bytes are kept.
    let believed = |record: i64, body: &[u8]| {
        message::read(body)
            .answers(&old.copies[record as usize - 1].msgid)
            .is_ok()
    };
    let mut opened = 0;
    for (record, body) in &old.bodies {
        let stored = store.message(RecordId(*record)).expect("asked").expect("there");
        if believed(*record, body) {
            assert_eq!(&stored.opened.expect("opened").plaintext, body);
            opened += 1;
        } else {
            assert_eq!(stored.state.as_str(), "unreadable");
            assert_eq!(
                store.answer(RecordId(*record)).expect("asked").as_ref(),
                Some(body)
            );
        }
    }
    assert!(opened > 20 && opened < old.bodies.len());
    let mut found = 0;
    for (record, body) in old.bodies.iter().filter(|(record, body)| believed(*record, body)) {
        for segment in message::read(body).segments {
            let filter = Filter::And(vec![
                Filter::Text {
                    needle: segment.text.chars().take(5).collect(),
                    places: segment.places.iter().collect(),
                },
                Filter::Seq(Seq(*record as u64), Seq(*record as u64)),
            ]);
            assert_eq!(store.count(&filter).expect("counted"), 1, "{filter:?}");
            found += 1;
        }
    }
    assert!(found > 20);
    assert_eq!(
        store
            .stats(crate::store::contract::Group::Type, &jiff::tz::TimeZone::UTC)
            .expect("counted")
            .iter()
            .map(|tally| tally.count)
            .sum::<u64>(),
        opened as u64
    );

    // And it goes on: what was sealed opens, what comes is landed.
    let mut store = store;
    let company = store.companies().expect("listed")[0].0;
    let backlog = store
        .backlog(company, RecordId(0), 9, usize::MAX)
        .expect("listed");
    // The two that were sealed, and the other message under the seq of one of them.
    assert_eq!(backlog.len(), 3);
    assert_eq!(backlog[0].sealed.body, "Ym9keQ==");
    let lease = store
        .acquire_lease(company, "me", Millis(9_000), 1, &|_| false)
        .expect("the lease");
    let call = PullCall {
        run: RunId(1),
        ..fresh.call()
    };
    let landed = store.land(&lease, &call, &old.copies, &[]).expect("landed");
    assert_eq!(
        (landed.fresh.len(), landed.duplicate),
        (0, old.copies.len() as u64)
    );
    drop(store);
    assert_eq!(
        Reader::open(&path)
            .expect("opens")
            .coverage()
            .expect("counted")
            .records,
        backlog.len() as u64 + 1 + old.bodies.len() as u64
    );
}

#[test]
fn a_conversion_that_fails_leaves_the_old_archive() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let path = dir.path().join("archive.db");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/old/v1/archive.db");
    fs::write(&path, fs::read(golden).expect("the old archive")).expect("copied");
    let conn = Connection::open(&path).expect("opened");
    // Something of that name in the way of the migration.
    conn.execute_batch("CREATE TABLE index_key (x)").expect("spoilt");
    drop(conn);
    assert!(Store::open(&path).is_err());
    let old = read_old(&path);
    assert!(old.bodies.len() > 30, "still there as it was");
    let conn = Connection::open(&path).expect("opened");
    conn.execute("DROP TABLE index_key", params![]).expect("mended");
    drop(conn);
    assert!(
        Store::open(&path)
            .expect("converted")
            .integrity()
            .expect("checked")
            .is_empty()
    );
}
