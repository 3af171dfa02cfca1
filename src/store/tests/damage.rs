//! Rot below the program: what is not what was written is said so, and costs nothing else.

use rusqlite::params;

use super::{Scratch, sealed};
use crate::{
    ids::{Millis, RecordId},
    message,
    record::Sealed,
    store::{
        StoreError,
        contract::{Damage, Filter, Order, Outcome, Stored, Verdict, verify::Repaired},
    },
};

/// A text as WeCom sends it.
pub(super) fn body(n: u64, words: &str) -> Vec<u8> {
    format!(
        r#"{{"msgid":"m{n}","action":"send","from":"alice","tolist":["bob"],"roomid":"","msgtime":{},"msgtype":"text","text":{{"content":"{words}"}}}}"#,
        1_700_000_000_000 + n * 1000
    )
    .into_bytes()
}

/// Lands and opens texts, numbered from 1; returns their rows.
pub(super) fn open_texts(scratch: &mut Scratch, texts: &[&str]) -> Vec<RecordId> {
    let records: Vec<Sealed> = (1..).zip(texts).map(|(n, _)| sealed(n, "body")).collect();
    let landed = scratch.land(&records);
    let outcomes: Vec<Outcome> = landed
        .fresh
        .iter()
        .map(|(id, index)| {
            let plaintext = body(*index as u64 + 1, texts[*index]);
            Outcome {
                id: *id,
                verdict: Verdict::Opened {
                    message: Box::new(message::read(&plaintext)),
                    plaintext,
                    msgid_differs: false,
                },
            }
        })
        .collect();
    assert_eq!(scratch.settle(&outcomes).opened, texts.len() as u64);
    landed.fresh.into_iter().map(|(id, _)| id).collect()
}

fn three() -> (Scratch, Vec<RecordId>) {
    let mut scratch = Scratch::new();
    let rows = open_texts(&mut scratch, &["退款一百元", "好的", "再见"]);
    (scratch, rows)
}

fn all(scratch: &Scratch) -> Vec<Stored> {
    let store = &scratch.store;
    store
        .find(&Filter::All, Order::OldestFirst, None, 10)
        .expect("a page")
}

fn spoil(scratch: &Scratch, sql: &str) {
    let changed = scratch.store.conn_for_tests().execute(sql, []).expect("spoilt");
    assert!(changed > 0, "{sql}");
}

#[test]
fn what_is_sound_is_not_called_damaged() {
    let (mut scratch, _) = three();
    assert!(all(&scratch).iter().all(|hit| hit.damage.is_none()));
    scratch.store.derive_again(&mut |_| ()).expect("derived");
    assert!(all(&scratch).iter().all(|hit| hit.damage.is_none()));
    // As an older program left it, also after deriving again.
    spoil(&scratch, "UPDATE plaintext SET salt = NULL, sha256 = NULL");
    spoil(&scratch, "UPDATE message SET guard = NULL");
    assert!(all(&scratch).iter().all(|hit| hit.damage.is_none()));
    scratch.store.derive_again(&mut |_| ()).expect("derived");
    assert!(all(&scratch).iter().all(|hit| hit.damage.is_none()));
}

#[test]
fn a_changed_body_is_not_shown_and_costs_no_other_hit() {
    let (scratch, rows) = three();
    let other = body(1, "退款一千元");
    let store = &scratch.store;
    store
        .conn_for_tests()
        .execute(
            "UPDATE plaintext SET dictionary = NULL, body = ? WHERE record = ?",
            params![other, rows[0].0],
        )
        .expect("spoilt");
    spoil(
        &scratch,
        "UPDATE plaintext SET dictionary = 0, body = x'00' WHERE record = 2",
    );
    let hits = all(&scratch);
    assert_eq!(hits[0].damage, Some(Damage::BodyChanged));
    assert!(
        matches!(hits[1].damage, Some(Damage::BodyUnreadable(_))),
        "{:?}",
        hits[1].damage
    );
    assert_eq!(hits[2].damage, None);
    for hit in &hits[..2] {
        let opened = hit.opened.as_ref().expect("its columns");
        assert!(opened.plaintext.is_empty());
    }
    assert!(matches!(store.media(rows[0]), Err(StoreError::Damaged(_))));
}

#[test]
fn exchanged_bodies_are_noticed_with_and_without_guards() {
    for guarded in [true, false] {
        let (scratch, _) = three();
        if !guarded {
            spoil(&scratch, "UPDATE message SET guard = NULL");
        }
        scratch
            .store
            .conn_for_tests()
            .execute_batch(
                "CREATE TEMP TABLE one AS SELECT * FROM plaintext WHERE record = 1;
                 UPDATE plaintext SET (dictionary, body, salt, sha256) =
                   (SELECT dictionary, body, salt, sha256 FROM plaintext WHERE record = 2) WHERE record = 1;
                 UPDATE plaintext SET (dictionary, body, salt, sha256) =
                   (SELECT dictionary, body, salt, sha256 FROM one) WHERE record = 2;",
            )
            .expect("exchanged");
        let hits = all(&scratch);
        let damage: Vec<_> = hits.into_iter().map(|hit| hit.damage).collect();
        let other = Some(Damage::OtherMessage);
        assert_eq!(damage, [other.clone(), other, None]);
    }
}

#[test]
fn every_changed_column_is_named() {
    for (sql, column) in [
        ("UPDATE message SET time = time + 1 WHERE record = 2", "time"),
        (
            "UPDATE message SET sender = (SELECT id FROM person WHERE key = 'bob') WHERE record = 2",
            "sender",
        ),
        ("UPDATE word SET text = 'test' WHERE text = 'text'", "type"),
        ("UPDATE message SET action = type WHERE record = 2", "action"),
        ("UPDATE message SET scope = 1 WHERE record = 2", "scope"),
        ("UPDATE message SET direction = 1 WHERE record = 2", "direction"),
        ("UPDATE message SET flags = flags | 1 WHERE record = 2", "flags"),
        ("UPDATE message SET flaws = 2 WHERE record = 2", "record"),
        ("UPDATE message SET audience = 0 WHERE record = 2", "record"),
        ("INSERT INTO recall VALUES (2, 1, 'm1')", "recalls"),
        ("UPDATE message SET seq = 9 WHERE record = 2", "seq"),
        ("UPDATE record SET twin = 1 WHERE id = 2", "record"),
        ("UPDATE record SET version = 2 WHERE id = 2", "record"),
        (
            "UPDATE record SET landed_at = landed_at + 1 WHERE id = 2",
            "record",
        ),
        ("UPDATE record SET sha256 = x'00' WHERE id = 2", "record"),
        ("UPDATE message SET guard = guard + 1 WHERE record = 2", "record"),
        ("UPDATE record SET attempts = 3 WHERE id = 2", "record"),
        ("UPDATE record SET tried_key = 'k' WHERE id = 2", "record"),
        (
            "UPDATE record SET sdk_build = (SELECT max(id) FROM word) WHERE id = 2",
            "record",
        ),
        (
            "UPDATE record SET settled_at = settled_at + 1 WHERE id = 2",
            "record",
        ),
        ("UPDATE record SET detail = 'd' WHERE id = 2", "record"),
    ] {
        let (scratch, _) = three();
        spoil(&scratch, sql);
        let hits = all(&scratch);
        match &hits[1].damage {
            Some(Damage::Columns(names)) => assert!(names.contains(&column), "{sql}: {names:?}"),
            other => panic!("{sql}: {other:?}"),
        }
        assert!(
            !hits[1].opened.as_ref().expect("opened").plaintext.is_empty(),
            "{sql}"
        );
    }
}

#[test]
fn what_no_row_can_be_read_of_is_still_found() {
    for sql in [
        "DELETE FROM message WHERE record = 2",
        "DELETE FROM plaintext WHERE record = 2",
        "UPDATE message SET sender = 4000 WHERE record = 2",
        "UPDATE message SET scope = 9 WHERE record = 2",
        "UPDATE record SET state = 99 WHERE id = 2",
        "DELETE FROM record WHERE id = 2",
    ] {
        let (scratch, _) = three();
        spoil(&scratch, sql);
        let hits = all(&scratch);
        assert_eq!(hits.len(), 3, "{sql}");
        assert!(
            matches!(hits[1].damage, Some(Damage::RowUnreadable(_))),
            "{sql}: {:?}",
            hits[1].damage
        );
        assert_eq!(hits[1].seq.0, 2, "{sql}");
        let next = scratch
            .store
            .find(&Filter::All, Order::OldestFirst, Some(hits[1].page_key()), 10)
            .expect("the next page");
        if !sql.contains("FROM record") {
            assert_eq!(next.len(), 1, "{sql}: paging goes on behind it");
        }
    }
}

#[test]
fn a_record_whose_msgid_changed_is_found_by_the_old_one() {
    let (scratch, rows) = three();
    spoil(&scratch, "UPDATE record SET msgid = 'n2' WHERE id = 2");
    let found = scratch.store.by_msgid("m2").expect("asked");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, rows[1]);
    assert!(found[0].damage.is_some());
    assert!(scratch.store.by_msgid("m4").expect("asked").is_empty());
}

#[test]
fn deriving_again_mends_columns_and_hides_no_damage() {
    let (mut scratch, _) = three();
    let whole = scratch.hash();
    spoil(
        &scratch,
        "UPDATE message SET time = 5, sender = 0, guard = guard WHERE record = 1",
    );
    scratch.store.derive_again(&mut |_| ()).expect("derived");
    assert_eq!(all(&scratch)[0].damage, None);
    assert_eq!(scratch.hash(), whole);
    // What no body tells stays reported.
    spoil(
        &scratch,
        "UPDATE record SET landed_at = landed_at + 1 WHERE id = 1",
    );
    // A body that is not genuine gives no columns.
    spoil(
        &scratch,
        "UPDATE plaintext SET sha256 = zeroblob(32) WHERE record = 2",
    );
    scratch.store.derive_again(&mut |_| ()).expect("derived");
    let hits = all(&scratch);
    assert_eq!(hits[0].damage, Some(Damage::Columns(vec!["record"])));
    assert_eq!(hits[1].damage, Some(Damage::BodyChanged));
    assert_eq!(hits[1].opened.as_ref().expect("columns").from, "alice");
    let text = |needle: &str| Filter::Text {
        needle: needle.into(),
        places: Vec::new(),
    };
    assert_eq!(scratch.store.count(&text("退款")).expect("counted"), 1);
    assert_eq!(
        scratch.store.count(&text("好的")).expect("counted"),
        0,
        "its text is not believed"
    );
    assert_eq!(
        scratch
            .store
            .count(&Filter::From("alice".into()))
            .expect("counted"),
        3
    );
}

#[test]
fn a_record_opened_anew_is_found_by_its_text_at_once() {
    let texts = ["退款一百元", "好的", "再见", "好的，好的"];
    for in_background in [false, true] {
        let mut scratch = Scratch::new();
        let rows = open_texts(&mut scratch, &texts);
        let whole = scratch.hash();
        let found = |scratch: &Scratch, needle: &str| {
            let filter = Filter::Text {
                needle: needle.into(),
                places: Vec::new(),
            };
            scratch.store.count(&filter).expect("counted")
        };
        if in_background {
            scratch.store.write_by_version_2(100).expect("aged");
        }
        spoil(
            &scratch,
            "UPDATE plaintext SET sha256 = zeroblob(32) WHERE record IN (2, 4)",
        );
        // The index is written while two bodies are damaged.
        match in_background {
            false => {
                scratch.store.derive_again(&mut |_| ()).expect("derived");
            }
            true => {
                while let Some(batch) = scratch.store.reindex_next(3).expect("prepared") {
                    scratch.store.reindex(batch).expect("written");
                }
            }
        }
        assert_eq!((found(&scratch, "好的"), found(&scratch, "退款")), (0, 1));
        for (at, left) in [(1, 1), (3, 2)] {
            let repaired = scratch
                .store
                .repair_record(rows[at], Millis(1))
                .expect("repaired");
            assert!(matches!(repaired, Repaired::Sealed), "{repaired:?}");
            let plaintext = body(at as u64 + 1, texts[at]);
            let outcome = Outcome {
                id: rows[at],
                verdict: Verdict::Opened {
                    message: Box::new(message::read(&plaintext)),
                    plaintext,
                    msgid_differs: false,
                },
            };
            assert_eq!(scratch.settle(&[outcome]).opened, 1);
            assert_eq!(found(&scratch, "好的"), left);
            assert_eq!(scratch.store.count(&Filter::All).expect("counted"), 4);
        }
        assert_eq!(scratch.store.verify_index_coverage().expect("verified"), []);
        let terms = scratch.store.verify_segment(0, RecordId(9)).expect("verified");
        assert_eq!(terms.findings, []);
        assert_eq!(scratch.hash(), whole);
    }
}

#[test]
fn what_comes_again_mends_a_damaged_original_and_brings_back_none_that_was_let_go() {
    let (mut scratch, rows) = three();
    let again: Vec<Sealed> = (1..=3).map(|n| sealed(n, "body")).collect();
    let originals = |scratch: &Scratch| -> i64 {
        let conn = scratch.store.conn_for_tests();
        conn.query_row("SELECT count(*) FROM sealed", [], |row| row.get(0))
            .expect("counted")
    };
    // The original of one is altered; two were let go, and the body of one of these is damaged.
    spoil(&scratch, "UPDATE sealed SET body = 'other' WHERE record = 1");
    spoil(&scratch, "DELETE FROM sealed WHERE record > 1");
    spoil(
        &scratch,
        "UPDATE plaintext SET sha256 = zeroblob(32) WHERE record = 2",
    );
    let repaired = scratch
        .store
        .repair_record(rows[1], Millis(1))
        .expect("looked at");
    assert!(matches!(repaired, Repaired::NoSource(_)), "{repaired:?}");
    let landed = scratch.land(&again);
    assert_eq!((landed.fresh.len(), landed.duplicate), (0, 3));
    assert_eq!(originals(&scratch), 2, "the third is whole without its original");
    let part = scratch
        .store
        .verify_records(None, RecordId(0), 10)
        .expect("verified");
    assert_eq!(part.findings.len(), 1, "{:?}", part.findings);
    let repaired = scratch.store.repair_record(rows[1], Millis(1)).expect("repaired");
    assert!(matches!(repaired, Repaired::Sealed), "{repaired:?}");
}

/// Many texts in several segments.
fn many() -> Scratch {
    let mut scratch = Scratch::new();
    let texts: Vec<String> = (0..600)
        .map(|n| format!("第{n}条消息说到退款{}", n * 7919 % 1000))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    open_texts(&mut scratch, &texts);
    scratch
}

#[test]
fn a_changed_index_is_an_error_and_never_fewer_hits() {
    let text = Filter::Text {
        needle: "退款".into(),
        places: Vec::new(),
    };
    for sql in [
        "UPDATE index_block SET data = CAST(substr(data, 1, 40) || x'00' || substr(data, 42) AS BLOB)",
        "UPDATE index_block SET sum = sum + 1",
        "UPDATE index_block SET id = id + 1000 WHERE id = (SELECT max(id) FROM index_block)",
        "DELETE FROM index_block WHERE id = (SELECT max(id) FROM index_block)",
        "UPDATE index_doc SET low = low - 1",
        "UPDATE index_doc SET data = CAST(x'02' || substr(data, 2) AS BLOB)",
        "DELETE FROM index_doc WHERE id = (SELECT max(id) FROM index_doc)",
        "UPDATE index_segment SET docs = docs - 1",
        "UPDATE index_segment SET top = top + 1",
        "UPDATE index_key SET sum = sum + 1",
        "UPDATE index_key SET term = 0",
        "DELETE FROM index_key",
    ] {
        let scratch = many();
        let store = &scratch.store;
        let before = store.find(&text, Order::NewestFirst, None, 1000).expect("found");
        assert_eq!(before.len(), 600);
        spoil(&scratch, sql);
        let everything = store.page(&Filter::All, Order::NewestFirst, None, 1000);
        let after = store.page(&text, Order::NewestFirst, None, 1000);
        let told = [&everything, &after].map(|page| match page {
            Ok(page) => page.total == 600 && page.hits.len() == 600,
            Err(StoreError::Damaged(what)) => what.contains("segment") && what.contains("repair --index"),
            Err(other) => panic!("{sql}: {other}"),
        });
        assert_eq!(told, [true, true], "{sql}");
        if !sql.contains("id + 1000") && !sql.contains("FROM index_block") && !sql.contains("top") {
            assert!(everything.is_err() || after.is_err(), "{sql}");
        }
    }
}

#[test]
fn a_damaged_segment_is_left_alone_by_merges_and_records_go_on_landing() {
    let mut scratch = Scratch::new();
    let mut seq = 0;
    let mut more = |scratch: &mut Scratch, spoilt: bool| {
        seq += 1;
        let landed = scratch.land(&[sealed(seq, "body")]);
        let plaintext = body(seq, "退款");
        let outcome = Outcome {
            id: landed.fresh[0].0,
            verdict: Verdict::Opened {
                message: Box::new(message::read(&plaintext)),
                plaintext,
                msgid_differs: false,
            },
        };
        assert_eq!(scratch.settle(&[outcome]).opened, 1);
        if spoilt {
            spoil(scratch, "UPDATE index_block SET sum = sum + 1");
        }
    };
    more(&mut scratch, true);
    for _ in 0..30 {
        more(&mut scratch, false);
    }
    let segments = |which: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM index_segment WHERE {which}");
        scratch
            .store
            .conn_for_tests()
            .query_row(&sql, [], |row| row.get(0))
            .expect("counted")
    };
    assert_eq!(segments("damaged"), 1);
    assert!(segments("1") < 12, "the others are merged");
    spoil(
        &scratch,
        "UPDATE index_segment SET sum = sum + 1 WHERE id = (SELECT max(id) FROM index_segment)",
    );
    more(&mut scratch, false);
    let asked = scratch.store.count(&Filter::Text {
        needle: "退款".into(),
        places: Vec::new(),
    });
    assert!(matches!(asked, Err(StoreError::Damaged(_))));
}
