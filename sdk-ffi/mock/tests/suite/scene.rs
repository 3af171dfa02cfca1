//! Small corpora for tests, and what a client would do with them.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sdk_mock::{
    corpus::{TRUTH, Truth},
    engine::{Ask, Effect, Engine, Reply, Turn},
    faults::{FAULTS_FILE, Faults, Rule},
    generate::{Plan, generate},
    seal::{Item, keys::KeyPair},
};
use serde_json::Value;
use tempfile::TempDir;

/// Seed of the corpora here; its key pairs are made once per process.
pub const SEED: u64 = 11;

/// A corpus of 60 messages without gaps in seq, with these faults.
pub fn corpus(rules: impl IntoIterator<Item = Rule>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        messages: 60,
        seed: SEED,
        gaps: false,
        ..Plan::default()
    };
    generate(&plan, folder.path(), &|_| {}).unwrap();
    Faults::from(rules.into_iter().collect::<Vec<_>>())
        .save(&folder.path().join(FAULTS_FILE))
        .unwrap();
    folder
}

/// An engine over such a corpus; the folder must outlive it.
pub fn engine(rules: impl IntoIterator<Item = Rule>) -> (TempDir, Engine) {
    let folder = corpus(rules);
    let engine = Engine::open(folder.path()).unwrap();
    (folder, engine)
}

/// Asks for a page with a timeout of 5 seconds.
pub fn ask(engine: &Engine, seq: u64, limit: u32) -> Turn<Reply> {
    engine.chat_data(Ask {
        seq,
        limit,
        timeout: 5,
    })
}

/// Asks for a page that must succeed, and reads it.
pub fn page(engine: &Engine, seq: u64, limit: u32) -> Vec<Item> {
    let turn = ask(engine, seq, limit);
    assert_eq!((turn.reply.code, turn.effects), (0, vec![]));
    items(&turn.reply)
}

pub fn items(reply: &Reply) -> Vec<Item> {
    let page: Value = serde_json::from_slice(&reply.content).unwrap();
    assert_eq!(page["errcode"].to_string(), "0");
    serde_json::from_value(page["chatdata"].clone()).unwrap()
}

pub fn seqs(items: &[Item]) -> Vec<u64> {
    items.iter().map(|item| item.seq).collect()
}

/// Reads everything a page at a time, as a client does; fails when it does not come to an end.
pub fn drain(engine: &Engine, limit: u32) -> Vec<Item> {
    let (mut all, mut seq) = (Vec::new(), 0);
    for _ in 0..1000 {
        let page = page(engine, seq, limit);
        let Some(last) = page.iter().map(|item| item.seq).max() else {
            return all;
        };
        seq = last;
        all.extend(page);
    }
    panic!("the stream has no end");
}

/// The client's RSA step, with the corpus's own key of the item's version; nothing when it does not open.
pub fn key_text(item: &Item) -> Option<String> {
    let block = STANDARD.decode(&item.encrypt_random_key).ok()?;
    let text = KeyPair::seeded(SEED, item.publickey_ver)
        .unwrap()
        .decrypt(&block)?;
    String::from_utf8(text).ok()
}

/// `DecryptData` on an item with the right key.
pub fn decrypt(engine: &Engine, item: &Item) -> Turn<Reply> {
    let key = key_text(item).expect("the key opens");
    engine.decrypt(Some(key.as_bytes()), item.encrypt_chat_msg.as_bytes())
}

pub fn truth(folder: &Path) -> Vec<Truth> {
    let text = std::fs::read_to_string(folder.join(TRUTH)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Every `sdkfileid` anywhere in a document, also in documents inside strings, with the object that holds it.
pub fn files(document: &Value, found: &mut Vec<Value>) {
    match document {
        Value::Object(fields) => {
            if fields.contains_key("sdkfileid") {
                found.push(document.clone());
            }
            fields.values().for_each(|value| files(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| files(value, found)),
        Value::String(text) if text.starts_with('{') || text.starts_with('[') => {
            if let Ok(inner) = serde_json::from_str::<Value>(text) {
                files(&inner, found);
            }
        }
        _ => {}
    }
}

/// True when the effects end in this one.
pub fn ends_in<T>(turn: &Turn<T>, effect: &Effect) -> bool {
    turn.effects.last() == Some(effect)
}
