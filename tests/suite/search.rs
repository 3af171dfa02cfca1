//! Promises 7 and 8 from outside: answers equal brute force over the plaintexts that were sealed, pages cut nothing,
//! recalls are shown, and every answer says what it covered.

use std::collections::{BTreeMap, BTreeSet};

use kit::{Archive, Corpus, Program};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use sdk_mock::faults::{Fault, Faults, Rule};
use serde_json::Value;

struct Library {
    _scratch: tempfile::TempDir,
    corpus: Corpus,
    archive: Archive,
}

fn library(messages: u64) -> Library {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), messages, 11);
    let archive =
        Program::new(env!("CARGO_BIN_EXE_shiguan")).archive(&scratch.path().join("archive"), &corpus);
    Library {
        _scratch: scratch,
        corpus,
        archive,
    }
}

/// Written here again on purpose: the program may not check itself.
fn fold(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).expect("ASCII"),
            '\u{3000}' => ' ',
            c => c,
        })
        .map(|c| {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(only), None) => only,
                _ => c,
            }
        })
        .collect()
}

/// seq → content of the plain text messages that parse strictly.
fn texts(corpus: &Corpus) -> BTreeMap<u64, String> {
    let truth = corpus.truth().into_iter();
    truth
        .filter_map(|record| {
            let message: Value = serde_json::from_str(&record.plaintext).ok()?;
            (message["msgtype"] == "text").then(|| {
                (
                    record.seq,
                    message["text"]["content"].as_str().unwrap_or_default().to_owned(),
                )
            })
        })
        .collect()
}

fn seqs(hits: &[Value]) -> BTreeSet<u64> {
    hits.iter()
        .map(|hit| hit["seq"].as_u64().expect("a seq"))
        .collect()
}

#[test]
fn answers_equal_brute_force_for_substrings_of_every_length() {
    let library = library(2_000);
    library.archive.pull(&[0]);
    let texts = texts(&library.corpus);
    assert!(texts.len() > 500);
    let all: Vec<&String> = texts.values().filter(|text| !text.is_empty()).collect();
    let mut chance = ChaCha8Rng::seed_from_u64(5);
    for round in 0..60 {
        let text: Vec<char> = all[chance.next_u32() as usize % all.len()].chars().collect();
        let length = (1 + round % 8).min(text.len());
        let from = chance.next_u32() as usize % (text.len() - length + 1);
        let needle: String = text[from..from + length].iter().collect();
        if needle.trim().is_empty() {
            continue;
        }
        let expected: BTreeSet<u64> = texts
            .iter()
            .filter(|(_, text)| fold(text).contains(&fold(&needle)))
            .map(|(seq, _)| *seq)
            .collect();
        let quoted = needle.replace('\\', r"\\").replace('"', "\\\"");
        let found: BTreeSet<u64> = seqs(&library.archive.search(&format!("type:text in:text \"{quoted}\"")));
        let found: BTreeSet<u64> = found.into_iter().filter(|seq| texts.contains_key(seq)).collect();
        assert_eq!(found, expected, "needle {needle:?}");
    }
}

#[test]
fn pages_hold_every_hit_once_in_order() {
    let library = library(600);
    library.archive.pull(&[0]);
    for order in [&[][..], &["--oldest-first"][..]] {
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut args = vec![
                "search".to_owned(),
                "--json".to_owned(),
                "--limit".to_owned(),
                "37".to_owned(),
            ];
            args.extend(order.iter().map(|word| (*word).to_owned()));
            if let Some(key) = &after {
                args.extend(["--after".to_owned(), key.clone()]);
            }
            args.push("type:text".to_owned());
            let finished = library.archive.run(&args);
            assert_eq!(finished.code, Some(0), "{}", finished.stderr);
            seen.extend(finished.json_lines());
            let summary: Value =
                serde_json::from_str(finished.stderr.lines().last().expect("a summary")).expect("JSON");
            assert_eq!(
                summary["total"].as_u64(),
                Some(library.archive.search("type:text").len() as u64)
            );
            match summary["next"].as_str() {
                Some(key) => after = Some(key.to_owned()),
                None => break,
            }
        }
        let times: Vec<i64> = seen
            .iter()
            .map(|hit| hit["msgtime"].as_i64().unwrap_or(0))
            .collect();
        let mut sorted = times.clone();
        sorted.sort_unstable();
        if order.is_empty() {
            sorted.reverse();
        }
        assert_eq!(times, sorted);
        assert_eq!(seqs(&seen).len(), seen.len(), "no hit twice");
        assert_eq!(seen.len(), library.archive.search("type:text").len());
    }
}

#[test]
fn recalled_messages_stay_and_say_who_recalled_them() {
    let library = library(3_000);
    library.archive.pull(&[0]);
    let truth = library.corpus.truth();
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let targets: BTreeSet<String> = truth
        .iter()
        .filter_map(|record| {
            parsed(&record.plaintext)["revoke"]["pre_msgid"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    let expected: BTreeSet<u64> = truth
        .iter()
        .filter(|record| targets.contains(&record.msgid))
        .map(|record| record.seq)
        .collect();
    assert!(expected.len() > 3, "the corpus has recalls");
    assert!(
        targets.len() > expected.len(),
        "and some whose original is not there"
    );
    let hits = library.archive.search("is:recalled");
    assert_eq!(seqs(&hits), expected);
    assert!(
        hits.iter().all(|hit| hit["recalled"]["by"].is_string()),
        "each says who"
    );

    let msgid = hits[0]["msgid"].as_str().expect("a msgid");
    let shown = library.archive.run(["show", msgid, "--context", "3"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("已撤回"), "{}", shown.stdout);
    let english = library.archive.run(["show", msgid, "--language", "en"]);
    assert!(english.stdout.contains("recalled by"), "{}", english.stdout);
}

#[test]
fn an_answer_says_what_it_could_not_see() {
    let library = library(300);
    let seq = library.corpus.truth()[10].seq;
    library
        .corpus
        .misbehave(&Faults::new().with(Rule::chatdata(Fault::ShortBody).at_seq(seq..=seq + 4)));
    library.archive.pull(&[3]);
    let finished = library.archive.run(["search", "的"]);
    assert!(finished.stderr.contains("尚未解密"), "{}", finished.stderr);
    let english = library.archive.run(["search", "--language", "en", "的"]);
    assert!(english.stderr.contains("not yet opened"), "{}", english.stderr);
    let json = library.archive.run(["search", "--json", "的"]);
    let summary: Value = serde_json::from_str(json.stderr.lines().last().expect("a line")).expect("JSON");
    assert!(
        summary["coverage"]["waiting"]["malformed"].as_u64() > Some(0),
        "{summary}"
    );
}

#[test]
fn a_question_that_is_not_understood_is_an_error_with_its_column() {
    let library = library(50);
    library.archive.pull(&[0]);
    for query in [
        "退款 form:abc",
        "\"open",
        "after:yesterdayish",
        "is:deleted",
        "(退款",
        "",
    ] {
        let finished = library.archive.run(["search", query]);
        assert_eq!(finished.code, Some(2), "{query}: {}", finished.stdout);
        assert!(finished.stdout.is_empty(), "{query}: {}", finished.stdout);
        assert!(finished.stderr.contains("column"), "{query}: {}", finished.stderr);
    }
    let near = library.archive.run(["search", "form:abc"]).stderr;
    assert!(near.contains("from"), "names the nearest known word: {near}");
}

#[test]
fn a_conversation_reads_from_its_beginning() {
    let library = library(600);
    library.archive.pull(&[0]);
    let chats = library.archive.run(["chat", "--json", "--all"]).json_lines();
    let largest = chats
        .iter()
        .max_by_key(|chat| chat["messages"].as_u64())
        .expect("a chat");
    let id = largest["chat"].as_str().expect("a name");
    let finished = library.archive.run(["chat", id, "--json", "--all"]);
    let messages = finished.json_lines();
    assert_eq!(
        messages.len() as u64,
        largest["messages"].as_u64().expect("a count")
    );
    let times: Vec<i64> = messages
        .iter()
        .map(|message| message["msgtime"].as_i64().unwrap_or(0))
        .collect();
    assert!(times.is_sorted());
    assert!(messages.iter().all(|message| message["chat"] == *id));
}
