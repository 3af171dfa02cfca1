//! `DecryptData`, and the faults that any call can have, at engine level.

use std::time::Duration;

use sdk_mock::{
    engine::{Ask, Death, Effect, code, decrypt as bare_decrypt},
    faults::{Fault, Rule},
};

use crate::scene::{ask, decrypt, ends_in, engine, key_text, page};

#[test]
fn decryption_distinguishes_null_keys_foreign_keys_and_torn_bodies() {
    let (_folder, engine) = engine([]);
    let items = page(&engine, 0, 2);
    let (key, body) = (key_text(&items[0]).unwrap(), items[0].encrypt_chat_msg.as_bytes());
    let other = key_text(&items[1]).unwrap();
    let code_of = |key: Option<&str>, body: &[u8]| engine.decrypt(key.map(str::as_bytes), body).reply.code;
    assert_eq!(code_of(Some(&key), body), code::OK);
    assert_eq!(code_of(None, body), code::ARGUMENT);
    assert_eq!(code_of(Some(""), body), code::KEY);
    assert_eq!(code_of(Some(&key[..87]), body), code::KEY);
    assert_eq!(code_of(Some(&other), body), code::KEY);
    assert_eq!(code_of(Some(&key), &body[..body.len() - 8]), code::DECRYPT);
    assert_eq!(code_of(Some(&key), b"1234567890123"), code::DECRYPT);
    assert!(bare_decrypt(Some(b""), b"1234567890123").reply == sdk_mock::engine::Reply::failed(code::KEY));
}

#[test]
fn a_body_below_13_characters_is_the_end_whatever_the_key() {
    for length in 0..13 {
        assert!(ends_in(
            &bare_decrypt(Some(b"any"), &b"123456789012"[..length]),
            &Effect::Die(Death::Terminate)
        ));
    }
    assert!(bare_decrypt(Some(b"any"), b"1234567890123").effects.is_empty());
}

#[test]
fn any_return_code_can_be_asked_for_with_a_slice_that_says_why() {
    let slice = r#"{"errcode":301042,"errmsg":"ip"}"#;
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::Return {
            code: 10009,
            slice: slice.into(),
        })
        .at_call(1),
        Rule::decrypt(Fault::Return {
            code: 10011,
            slice: String::new(),
        })
        .at_seq(3),
    ]);
    let turn = ask(&engine, 0, 10);
    assert_eq!(
        (turn.reply.code, turn.reply.content.as_slice()),
        (10009, slice.as_bytes())
    );
    let items = page(&engine, 0, 4);
    let codes: Vec<_> = items
        .iter()
        .map(|item| decrypt(&engine, item).reply.code)
        .collect();
    assert_eq!(codes, [0, 0, 10011, 0]);
}

#[test]
fn latency_passes_unless_the_timeout_is_shorter() {
    let (_folder, engine) = engine([Rule::chatdata(Fault::Latency { ms: 3000 })]);
    let timed = |timeout| {
        engine.chat_data(Ask {
            seq: 0,
            limit: 1,
            timeout,
        })
    };
    let wait = |seconds| vec![Effect::Wait(Duration::from_secs(seconds))];
    assert_eq!((timed(5).reply.code, timed(5).effects), (0, wait(3)));
    assert_eq!((timed(2).reply.code, timed(2).effects), (code::NETWORK, wait(2)));
    assert_eq!((timed(0).reply.code, timed(0).effects), (0, wait(3)));
}

#[test]
fn latencies_add_up_to_the_timeout_and_no_further() {
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::Latency { ms: 1500 }),
        Rule::chatdata(Fault::Latency { ms: 1500 }),
    ]);
    let turn = engine.chat_data(Ask {
        seq: 0,
        limit: 1,
        timeout: 2,
    });
    assert_eq!(turn.reply.code, code::NETWORK);
    assert_eq!(
        turn.effects,
        [1500, 500].map(|ms| Effect::Wait(Duration::from_millis(ms)))
    );
}

#[test]
fn a_silent_peer_costs_exactly_the_timeout_and_without_one_everything() {
    let (_folder, engine) = engine([Rule::chatdata(Fault::Silent), Rule::media(Fault::Silent)]);
    let turn = engine.chat_data(Ask {
        seq: 0,
        limit: 1,
        timeout: 5,
    });
    assert_eq!(
        (turn.reply.code, turn.effects),
        (code::NETWORK, vec![Effect::Wait(Duration::from_secs(5))])
    );
    assert_eq!(
        engine
            .chat_data(Ask {
                seq: 0,
                limit: 1,
                timeout: 0
            })
            .effects,
        [Effect::Hang]
    );
    assert_eq!(
        engine.media(b"", b"any", 7).effects,
        [Effect::Wait(Duration::from_secs(7))]
    );
}

#[test]
fn a_hang_heeds_no_timeout_on_any_call() {
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::Hang).at_call(2),
        Rule::decrypt(Fault::Hang),
        Rule::media(Fault::Hang),
    ]);
    let item = &page(&engine, 0, 1)[0];
    assert_eq!(ask(&engine, 0, 1).effects, [Effect::Hang]);
    assert_eq!(decrypt(&engine, item).effects, [Effect::Hang]);
    assert_eq!(engine.media(b"", b"any", 1).effects, [Effect::Hang]);
}

#[test]
fn every_death_can_befall_every_call() {
    for (fault, death) in [
        (Fault::Segfault, Death::Segfault),
        (Fault::Abort, Death::Abort),
        (Fault::Terminate, Death::Terminate),
        (Fault::Exit { status: 0 }, Death::Exit(0)),
    ] {
        let (_folder, engine) = engine([
            Rule::chatdata(fault.clone()).at_call(2),
            Rule::decrypt(fault.clone()).at_seq(1),
            Rule::media(fault),
        ]);
        let items = page(&engine, 0, 2);
        assert_eq!(ask(&engine, 0, 1).effects, [Effect::Die(death)]);
        assert_eq!(decrypt(&engine, &items[0]).effects, [Effect::Die(death)]);
        assert_eq!(decrypt(&engine, &items[1]).reply.code, 0);
        assert_eq!(engine.media(b"", b"any", 1).effects, [Effect::Die(death)]);
    }
}

#[test]
fn garbage_and_leaks_leave_the_answer_whole() {
    let (_folder, engine) = engine([
        Rule::chatdata(Fault::Garbage { bytes: 100 }),
        Rule::chatdata(Fault::Leak { bytes: 4096 }),
    ]);
    let turn = ask(&engine, 0, 3);
    assert_eq!(turn.effects, [Effect::Print(100), Effect::Leak(4096)]);
    assert_eq!(crate::scene::items(&turn.reply).len(), 3);
}
