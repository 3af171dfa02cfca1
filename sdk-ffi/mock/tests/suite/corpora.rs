//! Generated and sealed corpora: complete, plausible, the same for the same seed, and quick.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use sdk_mock::{
    Error,
    corpus::{Corpus, Manifest},
    engine::Engine,
    generate::{Length, Plan, Scripted, Summary, generate, plaintexts},
    seal::{SealOptions, seal_folder},
};
use serde_json::Value;

use crate::scene::{self, decrypt, drain, truth};

/// Every name of messages §3, `switch`, and one nobody knows.
const ALL_TYPES: &[&str] = &[
    "text",
    "image",
    "revoke",
    "agree",
    "disagree",
    "voice",
    "video",
    "card",
    "location",
    "emotion",
    "file",
    "link",
    "weapp",
    "chatrecord",
    "todo",
    "vote",
    "collect",
    "redpacket",
    "meeting",
    "meeting_notification",
    "switch",
    "docmsg",
    "markdown",
    "news",
    "calendar",
    "mixed",
    "meeting_voice_call",
    "voip_doc_share",
    "external_redpacket",
    "sphfeed",
    "voiptext",
    "qydiskfile",
    "note",
    "solitaire",
    "ai_summary_card",
];

fn made(plan: &Plan) -> (tempfile::TempDir, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let summary = generate(plan, folder.path(), &|_| {}).unwrap();
    (folder, summary)
}

fn plain(plan: &Plan) -> Vec<Value> {
    let mut all = Vec::new();
    plaintexts(plan, |draft| {
        if let Ok(document) = serde_json::from_slice(&draft.plaintext) {
            all.push(document);
        }
    })
    .unwrap();
    all
}

fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_default()
}

#[test]
fn two_thousand_messages_contain_every_type() {
    for seed in [1, 2, 3] {
        let mut seen = BTreeSet::new();
        plaintexts(
            &Plan {
                seed,
                ..Plan::default()
            },
            |draft| {
                seen.insert(draft.msgtype);
            },
        )
        .unwrap();
        assert_eq!(seen, ALL_TYPES.iter().copied().collect(), "seed {seed}");
    }
}

#[test]
fn every_plaintext_names_the_type_and_the_msgid_it_was_announced_with() {
    let mut odd = 0;
    plaintexts(
        &Plan {
            messages: 3000,
            ..Plan::default()
        },
        |draft| {
            let Ok(document) = serde_json::from_slice::<Value>(&draft.plaintext) else {
                odd += 1;
                return;
            };
            assert_eq!(text(&document, "msgid"), draft.msgid);
            match draft.msgtype {
                "switch" => {
                    assert_eq!(
                        (text(&document, "action"), document.get("msgtype")),
                        ("switch", None)
                    );
                    assert!(document["time"].is_number() && !text(&document, "user").is_empty());
                }
                msgtype => {
                    assert_eq!(text(&document, "msgtype"), msgtype);
                    let action = if msgtype == "revoke" { "recall" } else { "send" };
                    assert_eq!(text(&document, "action"), action);
                    assert!(!text(&document, "from").is_empty());
                    assert!(!document["tolist"].as_array().unwrap().is_empty());
                }
            }
        },
    )
    .unwrap();
    assert!(
        odd >= 2,
        "raw control bytes and raw surrogates are in every corpus of this size, found {odd}"
    );
    assert!(odd < 30, "{odd} bodies are no JSON");
}

#[test]
fn the_same_plan_gives_the_same_corpus_but_for_the_padding_of_keys() {
    let plan = Plan {
        messages: 300,
        seed: 5,
        ..Plan::default()
    };
    let ((one, first), (two, second)) = (made(&plan), made(&plan));
    assert_eq!(first, second);
    let read = |folder: &Path, name: &str| fs::read(folder.join(name)).unwrap();
    for name in ["truth.jsonl", "manifest.json", "keys/v1.pem", "keys/v2.pem"] {
        assert!(read(one.path(), name) == read(two.path(), name), "{name} differs");
    }
    let bodies = |folder: &Path| {
        let engine = Engine::open(folder).unwrap();
        drain(&engine, 1000)
            .into_iter()
            .map(|item| item.encrypt_chat_msg)
            .collect::<Vec<_>>()
    };
    assert!(bodies(one.path()) == bodies(two.path()));
}

#[test]
fn another_seed_gives_other_messages() {
    let of = |seed| {
        let mut all = Vec::new();
        plaintexts(
            &Plan {
                messages: 50,
                seed,
                ..Plan::default()
            },
            |draft| all.push(draft),
        )
        .unwrap();
        all
    };
    assert_eq!(of(1), of(1));
    assert!(of(1).iter().zip(of(2)).all(|(one, two)| one.msgid != two.msgid));
}

#[test]
fn every_record_opens_to_the_truth_with_the_key_of_its_version() {
    let plan = Plan {
        messages: 250,
        seed: scene::SEED,
        key_versions: 3,
        ..Plan::default()
    };
    let (folder, summary) = made(&plan);
    let engine = Engine::open(folder.path()).unwrap();
    let (items, truth) = (drain(&engine, 64), truth(folder.path()));
    assert_eq!(items.len(), 250);
    assert_eq!(truth.len(), 250);
    assert_eq!(
        (summary.first_seq, summary.last_seq),
        (items[0].seq, items[249].seq)
    );
    let mut versions = HashMap::new();
    for (item, truth) in items.iter().zip(&truth) {
        assert_eq!(
            (item.seq, &item.msgid, item.publickey_ver),
            (truth.seq, &truth.msgid, truth.publickey_ver)
        );
        assert_eq!(item.encrypt_random_key.len(), 344);
        assert_eq!(decrypt(&engine, item).reply.content, truth.bytes());
        *versions.entry(item.publickey_ver).or_insert(0) += 1;
    }
    assert_eq!(versions, HashMap::from([(1, 84), (2, 83), (3, 83)]));
    assert!(items.is_sorted_by(|a, b| a.seq < b.seq && a.publickey_ver <= b.publickey_ver));
}

#[test]
fn recalls_come_after_and_before_their_original_and_without_one() {
    let (mut before, mut after, mut lost) = (0, 0, 0);
    let all = plain(&Plan {
        messages: 20_000,
        ..Plan::default()
    });
    let places: HashMap<_, _> = all
        .iter()
        .enumerate()
        .map(|(at, message)| (text(message, "msgid"), at))
        .collect();
    for (at, message) in all.iter().enumerate() {
        if text(message, "msgtype") != "revoke" {
            continue;
        }
        match places.get(text(&message["revoke"], "pre_msgid")) {
            None => lost += 1,
            Some(original) if *original > at => before += 1,
            Some(original) => {
                after += 1;
                let original = &all[*original];
                assert_eq!(original["roomid"], message["roomid"]);
                let late = message["msgtime"].as_i64().unwrap() - original["msgtime"].as_i64().unwrap();
                assert!(late < 130_000, "recalled after {late} ms");
            }
        }
    }
    assert!(
        before >= 2 && lost >= 3 && after >= 100,
        "{before} before, {lost} without, {after} after"
    );
}

#[test]
fn forwarded_conversations_are_nested_three_deep() {
    fn depth(record: &Value) -> usize {
        let items = record.get("item").unwrap_or(record).as_array().unwrap();
        let below = items
            .iter()
            .filter(|item| text(item, "type") == "chatrecord")
            .map(|item| {
                depth(&serde_json::from_str(text(item, "content")).expect("an inner document is JSON"))
            });
        1 + below.max().unwrap_or(0)
    }
    let all = plain(&Plan {
        messages: 6000,
        ..Plan::default()
    });
    let depths: BTreeSet<_> = all
        .iter()
        .filter(|message| text(message, "msgtype") == "chatrecord")
        .map(|message| depth(&message["chatrecord"]))
        .collect();
    assert_eq!(depths, BTreeSet::from([1, 2, 3]));
}

#[test]
fn single_chats_and_groups_with_and_without_customers_all_occur() {
    let (mut sorts, mut robots) = (HashMap::new(), 0);
    for message in plain(&Plan {
        messages: 6000,
        ..Plan::default()
    }) {
        let from = text(&message, "from");
        robots += u32::from(from.starts_with("wb"));
        if text(&message, "msgtype") == "text" {
            let room = text(&message, "roomid");
            let external = text(&message, "msgid").ends_with("_external");
            assert!(room.is_empty() || room.starts_with("wr"));
            assert!(!room.is_empty() || message["tolist"].as_array().unwrap().len() == 1);
            *sorts.entry((room.is_empty(), external)).or_insert(0) += 1;
        }
    }
    assert_eq!(sorts.len(), 4, "{sorts:?}");
    assert!(sorts.values().all(|count| *count > 300), "{sorts:?}");
    assert!(robots > 0);
}

#[test]
fn numbers_appear_as_texts_and_beyond_64_bits_signed() {
    let text: String = plain(&Plan::default()).iter().map(Value::to_string).collect();
    assert!(text.contains(":11101571002822706744"));
    assert!(text.contains(r#""filesize":""#));
}

#[test]
fn two_thirds_of_all_messages_are_text_and_msgids_never_repeat() {
    let (mut texts, mut msgids) = (0, HashSet::new());
    plaintexts(
        &Plan {
            messages: 20_000,
            ..Plan::default()
        },
        |draft| {
            texts += u32::from(draft.msgtype == "text");
            assert!(msgids.insert(draft.msgid));
        },
    )
    .unwrap();
    assert!((13_000..15_000).contains(&texts), "{texts}");
}

#[test]
fn twenty_thousand_messages_are_sealed_and_read_back() {
    let told = RefCell::new(Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        messages: 20_000,
        seed: scene::SEED,
        length: Length::Short,
        ..Plan::default()
    };
    let summary = generate(&plan, folder.path(), &|done| told.borrow_mut().push(done)).unwrap();
    assert_eq!(summary.records, 20_000);
    assert_eq!(summary.by_type.values().sum::<u64>(), 20_000);
    assert!(told.borrow().is_sorted() && told.borrow().last() == Some(&20_000) && told.borrow().len() > 5);
    let corpus = Corpus::open(folder.path()).unwrap();
    assert_eq!(corpus.len().unwrap(), 20_000);
    assert_eq!(drain(&Engine::open(folder.path()).unwrap(), 1000).len(), 20_000);
    assert!(summary.last_seq > 20_000, "the stream has gaps");
}

#[test]
fn a_plan_may_leave_out_gaps_truth_and_digests_and_begin_late() {
    let plan = Plan {
        messages: 400,
        media: false,
        gaps: false,
        truth: false,
        first_seq: 1 << 40,
        start_time_ms: 1_700_000_000_000,
        ..Plan::default()
    };
    let (folder, summary) = made(&plan);
    assert_eq!((summary.first_seq, summary.last_seq), (1 << 40, (1 << 40) + 399));
    assert!(!folder.path().join("truth.jsonl").exists());
    assert!(!Manifest::load(folder.path()).unwrap().truth);
    let mut found = Vec::new();
    plain(&plan)
        .iter()
        .for_each(|message| scene::files(message, &mut found));
    assert!(found.len() > 10);
    assert!(found.iter().all(|file| text(file, "md5sum").is_empty()));
    let first = plain(&plan)
        .into_iter()
        .find(|message| message.get("msgtime").is_some())
        .unwrap();
    assert!((first["msgtime"].as_i64().unwrap() - 1_700_000_000_000).abs() < 600_000);
}

#[test]
fn an_empty_plan_is_an_empty_corpus() {
    let (folder, summary) = made(&Plan {
        messages: 0,
        ..Plan::default()
    });
    assert_eq!(summary.records, 0);
    assert_eq!(scene::page(&Engine::open(folder.path()).unwrap(), 0, 10), []);
}

#[test]
fn scripted_messages_are_the_last_ones_word_for_word_and_change_no_other() {
    let plan = Plan {
        messages: 60,
        ..Plan::default()
    };
    let scripted: Vec<Scripted> = (0..3)
        .map(|nth| Scripted {
            msgid: format!("scripted{nth}"),
            msgtype: "text",
            plaintext: format!(r#"{{"msgid":"scripted{nth}"}}"#).into_bytes(),
        })
        .collect();
    let (without, _) = made(&plan);
    let (with, summary) = made(&Plan {
        last: scripted.clone(),
        ..plan
    });
    assert_eq!(summary.records, 60);
    let (before, after) = (truth(without.path()), truth(with.path()));
    assert_eq!(before[..57], after[..57]);
    for (record, scripted) in after[57..].iter().zip(&scripted) {
        assert_eq!(record.msgid, scripted.msgid);
        assert_eq!(record.bytes(), scripted.plaintext);
    }
    assert_eq!(after[59].seq, summary.last_seq);
    // They open like any other.
    let engine = Engine::open(with.path()).unwrap();
    assert_eq!(drain(&engine, 100).len(), 60);
}

#[test]
fn plans_that_cannot_be_followed_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for plan in [
        Plan {
            first_seq: 0,
            ..Plan::default()
        },
        Plan {
            key_versions: 0,
            ..Plan::default()
        },
        Plan {
            key_versions: 65,
            ..Plan::default()
        },
    ] {
        assert!(
            matches!(generate(&plan, folder.path(), &|_| {}), Err(Error::Plan(_))),
            "{plan:?}"
        );
        assert!(!folder.path().join("manifest.json").exists());
    }
}

#[test]
fn a_corpus_is_never_written_over() {
    let plan = Plan {
        messages: 5,
        seed: scene::SEED,
        ..Plan::default()
    };
    let (folder, _) = made(&plan);
    assert!(matches!(
        generate(&plan, folder.path(), &|_| {}),
        Err(Error::Occupied { .. })
    ));
}

#[test]
fn what_an_interrupted_run_left_behind_is_no_corpus_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("chatdata.jsonl"), "half a li").unwrap();
    fs::write(folder.path().join("chatdata.idx"), [7; 100]).unwrap();
    assert!(Engine::open(folder.path()).is_err());
    let plan = Plan {
        messages: 5,
        seed: scene::SEED,
        ..Plan::default()
    };
    generate(&plan, folder.path(), &|_| {}).unwrap();
    assert_eq!(drain(&Engine::open(folder.path()).unwrap(), 2).len(), 5);
}

#[test]
fn private_keys_are_for_their_owner_only() {
    let (folder, _) = made(&Plan {
        messages: 1,
        seed: scene::SEED,
        ..Plan::default()
    });
    let mode = |name: &str| {
        fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("keys"), mode("keys/v1.pem"), mode("keys/v2.pem")),
        (0o700, 0o600, 0o600)
    );
}

#[test]
fn any_bytes_can_be_sealed_in_name_order() {
    let (from, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bodies: [(&str, &[u8]); 5] = [
        ("10.json", b"\xff\xfenot JSON at all\0"),
        (
            "02.json",
            br#"{"msgid":"inner_1","msgtype":"text","text":{"content":"\ud83d"}}"#,
        ),
        ("01.json", b"{ \"msgid\" : \"inner_2\" , \"raw\":\"\x01\x0b\"}\n"),
        ("99.json", b""),
        ("note.txt", b"not a message"),
    ];
    for (name, bytes) in bodies {
        fs::write(from.path().join(name), bytes).unwrap();
    }
    let options = SealOptions {
        seed: scene::SEED,
        key_versions: 2,
        ..SealOptions::default()
    };
    let summary = seal_folder(from.path(), out.path(), &options).unwrap();
    assert_eq!((summary.records, summary.first_seq, summary.last_seq), (4, 1, 4));
    let engine = Engine::open(out.path()).unwrap();
    let items = drain(&engine, 3);
    let opened: Vec<_> = items
        .iter()
        .map(|item| decrypt(&engine, item).reply.content)
        .collect();
    assert_eq!(opened, [bodies[2].1, bodies[1].1, bodies[0].1, bodies[3].1]);
    assert_eq!(
        (items[0].msgid.as_str(), items[1].msgid.as_str()),
        ("inner_2", "inner_1")
    );
    assert!(!items[2].msgid.is_empty() && items[2].msgid != items[3].msgid);
    assert_eq!(
        items.iter().map(|item| item.publickey_ver).collect::<Vec<_>>(),
        [1, 1, 2, 2]
    );
    let truth: Vec<_> = truth(out.path())
        .iter()
        .map(sdk_mock::corpus::Truth::bytes)
        .collect();
    assert_eq!(truth, opened);
}

#[test]
fn a_folder_without_messages_is_an_error_that_says_what_belongs_there() {
    let (from, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let error = seal_folder(from.path(), out.path(), &SealOptions::default()).unwrap_err();
    assert!(error.to_string().contains("*.json"), "{error}");
}
