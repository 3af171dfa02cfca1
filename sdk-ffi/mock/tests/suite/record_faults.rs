//! Faults of single records: one is spoilt, its neighbours are whole.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sdk_mock::{
    engine::{Death, Effect, Engine, code},
    faults::{Fault, Rule},
    seal::Item,
};

use crate::scene::{decrypt, ends_in, engine, key_text, page};

/// Record 7 as it is spoilt and as it was, and the engine. The rest of the page is checked to be whole.
fn spoilt(fault: Fault) -> (tempfile::TempDir, Engine, Item, Item) {
    let (folder, engine) = engine([Rule::chatdata(fault).at_seq(7).at_call([1, 2])]);
    let (bad, good) = (page(&engine, 0, 20), {
        page(&engine, 0, 1);
        page(&engine, 0, 20)
    });
    for (bad, good) in bad.iter().zip(&good).filter(|(_, good)| good.seq != 7) {
        assert_eq!(bad, good);
    }
    assert_ne!(bad[6], good[6]);
    let (bad, good) = (bad[6].clone(), good[6].clone());
    assert_eq!((bad.seq, &bad.msgid), (7, &good.msgid));
    (folder, engine, bad, good)
}

#[test]
fn a_truncated_body_is_refused_with_10006() {
    let (_folder, engine, bad, good) = spoilt(Fault::TruncateBody { keep: None });
    assert!(good.encrypt_chat_msg.starts_with(&bad.encrypt_chat_msg));
    assert_eq!(bad.encrypt_chat_msg.len(), good.encrypt_chat_msg.len() / 2);
    assert_eq!(decrypt(&engine, &bad).reply.code, code::DECRYPT);
    let (_folder, engine, bad, _) = spoilt(Fault::TruncateBody { keep: Some(13) });
    assert_eq!(bad.encrypt_chat_msg.len(), 13);
    assert_eq!(decrypt(&engine, &bad).reply.code, code::DECRYPT);
}

#[test]
fn a_body_of_12_characters_takes_the_library_down() {
    let (_folder, engine, bad, _) = spoilt(Fault::ShortBody);
    assert_eq!(bad.encrypt_chat_msg.len(), 12);
    assert!(ends_in(&decrypt(&engine, &bad), &Effect::Die(Death::Terminate)));
}

#[test]
fn a_truncated_key_does_not_make_256_bytes() {
    let (_folder, _engine, bad, good) = spoilt(Fault::TruncateKey { keep: Some(200) });
    assert_eq!(bad.encrypt_random_key, good.encrypt_random_key[..200]);
    assert_eq!(STANDARD.decode(&bad.encrypt_random_key).unwrap().len(), 150);
    let (_folder, _engine, bad, _) = spoilt(Fault::TruncateKey { keep: None });
    assert_eq!(bad.encrypt_random_key.len(), 172);
}

#[test]
fn a_garbled_key_is_no_base64() {
    let (_folder, _engine, bad, _) = spoilt(Fault::GarbleKey);
    assert!(STANDARD.decode(&bad.encrypt_random_key).is_err());
}

#[test]
fn a_wrong_version_names_a_key_nobody_has() {
    let (_folder, _engine, bad, good) = spoilt(Fault::WrongVersion { version: 77 });
    assert_eq!((bad.publickey_ver, good.publickey_ver), (77, 1));
    assert_eq!(bad.encrypt_random_key, good.encrypt_random_key);
}

#[test]
fn a_foreign_key_is_a_whole_block_that_does_not_open() {
    let (_folder, engine, bad, good) = spoilt(Fault::ForeignKey);
    assert_eq!(STANDARD.decode(&bad.encrypt_random_key).unwrap().len(), 256);
    assert_ne!(key_text(&bad), key_text(&good));
    // A client whose RSA rejects implicitly hands random bytes on: 10008.
    let turn = engine.decrypt(Some(b"\x07\xf0random"), bad.encrypt_chat_msg.as_bytes());
    assert_eq!(turn.reply.code, code::KEY);
}

#[test]
fn a_swapped_key_opens_and_is_refused_with_10008() {
    let (_folder, engine, bad, good) = spoilt(Fault::SwappedKey);
    assert!(key_text(&bad).is_some());
    assert_ne!(key_text(&bad), key_text(&good));
    assert_eq!(decrypt(&engine, &bad).reply.code, code::KEY);
    let (_folder, engine) = crate::scene::engine([Rule::chatdata(Fault::SwappedKey).at_seq(1)]);
    assert_eq!(
        decrypt(&engine, &page(&engine, 0, 1)[0]).reply.code,
        code::KEY,
        "the first has a neighbour too"
    );
}

#[test]
fn a_message_says_another_time_and_nothing_else_changes() {
    let (_folder, engine) = engine([Rule::decrypt(Fault::Msgtime {
        value: "\"soon\"".to_owned(),
    })
    .at_seq(7)]);
    let page = page(&engine, 0, 20);
    let of = |place: usize| -> serde_json::Value {
        let reply = decrypt(&engine, &page[place]).reply;
        assert_eq!(reply.code, code::OK);
        serde_json::from_slice(&reply.content).unwrap()
    };
    assert_eq!(of(6)["msgtime"], "soon");
    assert_eq!(of(6)["msgid"], page[6].msgid);
    assert_ne!(of(7)["msgtime"], "soon");
}
