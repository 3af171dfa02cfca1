//! Bodies of any kind are read or refused, never a panic and never more than they hold.

use proptest::prelude::*;

use super::*;

fn refusal(body: &str) -> EnvelopeError {
    Envelope::read(body.as_bytes()).unwrap_err()
}

#[test]
fn both_forms_of_an_envelope_say_the_same() {
    let expected = Envelope {
        to: Some("ww1".into()),
        agent: Some("7".into()),
        encrypted: "QUJD".into(),
    };
    for body in [
        "<xml><ToUserName><![CDATA[ww1]]></ToUserName><Encrypt><![CDATA[QUJD]]></Encrypt><AgentID><![CDATA[7]]></AgentID></xml>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n <Encrypt>QUJD</Encrypt>\n <AgentID>7</AgentID>\n <ToUserName>ww1</ToUserName>\n</xml>\n",
        "\u{feff}<xml><!-- < & --><Later/><ToUserName>w&#x77;&#49;</ToUserName><AgentID>7</AgentID><Encrypt>QU<![CDATA[JD]]></Encrypt></xml>",
        r#"{"tousername":"ww1","encrypt":"QUJD","agentid":"7"}"#,
        r#" {"agentid":7,"later":{"a":[1,null]},"Encrypt":"QUJD","ToUserName":"ww1"} "#,
    ] {
        assert_eq!(Envelope::read(body.as_bytes()).unwrap(), expected, "{body}");
    }
    let bare = Envelope::read(b"<xml><AgentID></AgentID><Encrypt>QUJD</Encrypt></xml>").unwrap();
    assert_eq!((bare.to, bare.agent), (None, None));
}

#[test]
fn published_envelopes_hold_their_vector() {
    let vectors = Vector::all();
    let body = read("envelope.post.xml");
    let post = vectors
        .iter()
        .find(|vector| vector.name() == "post-message")
        .unwrap();
    assert_eq!(Envelope::read(&body).unwrap().encrypted, post.encrypted());
    let mut bodies = 0;
    for vector in vectors {
        if let Some(body) = vector.0["body"].as_str() {
            assert_eq!(
                Envelope::read(body.as_bytes()).unwrap().encrypted,
                vector.encrypted()
            );
            bodies += 1;
        }
    }
    assert_eq!(bodies, 2);
}

#[test]
fn nothing_that_expands_or_reaches_out_is_read() {
    use TreeError::{Encoding, Entity, Feature, Form, Size};
    let bomb = r#"<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>"#;
    for (body, expected) in [
        (bomb, Feature),
        ("<xml><!DOCTYPE x><Encrypt>A</Encrypt></xml>", Feature),
        ("<xml><?php x?><Encrypt>A</Encrypt></xml>", Feature),
        ("<xml a=\"b\"><Encrypt>A</Encrypt></xml>", Feature),
        ("<xml><Encrypt>&b;</Encrypt></xml>", Entity),
        ("<xml><Encrypt>&#xD800;</Encrypt></xml>", Form),
        ("<xml><Encrypt>&amp</Encrypt></xml>", Form),
        ("<xml><Encrypt>A</Encrypt></xml><xml/>", Form),
        ("<xml><Encrypt>A</xml></Encrypt>", Form),
        ("<xml><Encrypt>A</Encrypt>", Form),
        ("x<xml><Encrypt>A</Encrypt></xml>", Form),
        ("<xml><![CDATA[A</xml>", Form),
        ("<![CDATA[A]]>", Form),
        ("</xml>", Form),
        ("<>", Form),
        ("<", Form),
        ("", Form),
        ("{", Form),
    ] {
        assert_eq!(refusal(body), EnvelopeError::Tree(expected), "{body}");
    }
    assert_eq!(
        Envelope::read(b"<xml>\xff</xml>"),
        Err(EnvelopeError::Tree(Encoding))
    );
    for deep in [
        "<a>".repeat(100_000),
        r#"{"a":"#.repeat(100) + "1" + &"}".repeat(100),
        format!("<xml>{}</xml>", "<a/>".repeat(100_000)),
        format!("{{\"a\":[{}1]}}", "1,".repeat(100_000)),
    ] {
        assert_eq!(refusal(&deep), EnvelopeError::Tree(Size), "{}", &deep[..20]);
    }
    assert_eq!(refusal(&"[".repeat(100_000)), EnvelopeError::Tree(Form));
}

#[test]
fn an_envelope_needs_exactly_one_encrypted_text() {
    for body in [
        "<xml/>",
        "<xml><Encrypt/></xml>",
        "<xml><Encrypt> </Encrypt></xml>",
        "<xml><Encrypt>A</Encrypt><Encrypt>B</Encrypt></xml>",
        "<xml><Deeper><Encrypt>A</Encrypt></Deeper></xml>",
        r#"{"encrypt":"A","Encrypt":"B"}"#,
        "{}",
    ] {
        assert_eq!(refusal(body), EnvelopeError::Encrypt, "{body}");
    }
}

#[test]
fn a_body_over_the_limit_is_not_looked_at() {
    let body = format!("<xml><Encrypt>{}</Encrypt></xml>", "A".repeat(envelope::LARGEST));
    assert_eq!(refusal(&body), EnvelopeError::Large);
}

#[test]
fn what_a_tree_holds_is_not_printed() {
    let tree = Element::read(b"<xml><Token>CANARY</Token><Deep><Er>CANARY</Er></Deep></xml>").unwrap();
    let shown = format!("{tree:?}");
    assert!(shown.contains("Token") && shown.contains("Er"), "{shown}");
    assert!(!shown.contains("CANARY"), "{shown}");
}

/// Text made of the pieces that matter, so that more than the first character is reached.
fn markup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<xml>"),
        Just("</xml>"),
        Just("<Encrypt>"),
        Just("</Encrypt>"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("<!--"),
        Just("-->"),
        Just("<!"),
        Just("<?xml ?>"),
        Just("&amp;"),
        Just("&#"),
        Just("&"),
        Just(";"),
        Just("{\"encrypt\":"),
        Just("\"A\""),
        Just("}"),
        Just("["),
        Just("文"),
        Just("<"),
        Just("/>"),
        Just(" "),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn inner(document: &str) -> String {
    let root = Element::read(document.as_bytes()).unwrap();
    root.text_of("E").unwrap().to_owned()
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _either = Envelope::read(&bytes);
        let notice = Notice::read(zeroize::Zeroizing::new(bytes.clone()));
        prop_assert_eq!(notice.raw.expose(), &bytes[..]);
        prop_assert!(notice.name().len() <= 81);
    }

    #[test]
    fn any_markup_is_read_or_refused(text in markup()) {
        let _either = Envelope::read(text.as_bytes());
        let notice = Notice::read(zeroize::Zeroizing::new(text.clone().into_bytes()));
        prop_assert_eq!(notice.raw.expose(), text.as_bytes());
    }

    #[test]
    fn any_text_survives_escaping_cdata_and_json(text in "\\PC{0,60}") {
        let plain = format!("<xml><E>{}</E></xml>", escaped(&text));
        prop_assert_eq!(inner(&plain), text.clone());
        let json = serde_json::json!({ "e": text }).to_string();
        prop_assert_eq!(inner(&json), text.clone());
        if !text.contains("]]>") {
            let cdata = format!("<xml><E><![CDATA[{text}]]></E></xml>");
            prop_assert_eq!(inner(&cdata), text.clone());
        }
    }
}
