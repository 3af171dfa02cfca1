//! Single calls: what is repeated and what is not, limits, broken answers, files, routes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use kit::{
    WeCom,
    wecom::{Reaction, refusal},
};
use serde_json::{Value, json};
use shiguan::directory::{
    Actor, Class, Client, Endpoint, Error, Options, Range, Upload,
    rows::{
        callbacks::CallbackVerify,
        contacts::{ExternalContactBatchGet, ExternalContactList},
        media::{MediaGet, MediaUpload},
        members::{UserGet, UseridByMobile},
        messages::{MessageSend, WebhookSend},
        msgaudit::{CheckRoomAgree, GetPermitUserList},
        shapes::Text,
    },
};
use shiguan::secret::Secret;

use super::{access, block_on, client, options, pass, wecom};

const GET: &str = "/cgi-bin/user/get";
const SEND: &str = "/cgi-bin/message/send";

fn user() -> Value {
    json!({"errcode": 0, "errmsg": "ok", "userid": "zhangsan", "name": "张三", "gender": "1", "new_field": [1]})
}

fn text() -> MessageSend {
    MessageSend {
        text: Some(Text {
            content: "x".into(),
            ..Text::default()
        }),
        ..MessageSend::new("text", 1)
    }
}

#[test]
fn an_answer_is_typed_and_what_is_new_survives() {
    let server = wecom();
    server.answer(GET, user());
    let found = block_on(client(&server).call(&UserGet::new("zhangsan"))).expect("an answer");
    assert_eq!((found.name.as_deref(), found.gender), (Some("张三"), Some(1)));
    assert_eq!(found.more["new_field"], json!([1]));
    assert!(!found.more.contains_key("errcode"));
    let asked = server.asked();
    let call = asked.iter().find(|asked| asked.path == GET).expect("asked");
    assert_eq!(call.query["userid"], "zhangsan");
    assert!(call.headers["user-agent"].starts_with("shiguan/"));
}

/// What may be repeated, how often, after what.
#[test]
fn busy_lost_torn_and_foreign_answers_are_repeated_where_that_is_safe() {
    let torn = || Reaction::Torn("{\"errcode\":0,".into());
    let html = || Reaction::Json(Value::from("<html>"));
    for (name, reaction) in [
        ("busy", Reaction::Code(-1)),
        ("502", Reaction::Status(502, "<html>".into())),
        ("torn", torn()),
        ("hung up", Reaction::HangUp),
        ("no object", html()),
    ] {
        let server = wecom();
        server.answer(GET, user());
        let client = client(&server);
        server.script(GET, [reaction.clone(), reaction.clone(), reaction.clone()]);
        block_on(client.call(&UserGet::new("zhangsan"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(server.count(GET), 4, "{name}");
        // A fourth failure is one too many.
        server.script(GET, (0..4).map(|_| reaction.clone()));
        block_on(client.call(&UserGet::new("zhangsan"))).expect_err(name);
        assert_eq!(server.count(GET), 8, "{name}");
        // A send is never made twice: it may have arrived.
        server.script(SEND, [reaction.clone()]);
        block_on(client.call(&text())).expect_err(name);
        assert_eq!(server.count(SEND), 1, "{name}");
        // Unless the platform was told to recognise it.
        server.script(SEND, [reaction]);
        let recognised = MessageSend {
            enable_duplicate_check: Some(shiguan::directory::Flag(true)),
            ..text()
        };
        block_on(client.call(&recognised)).expect(name);
        assert_eq!(server.count(SEND), 3, "{name}");
    }
}

#[test]
fn a_slow_answer_is_given_up_and_says_so() {
    let server = wecom();
    server.answer(GET, user());
    let hasty = Options {
        timeout: Duration::from_millis(150),
        ..options(&server)
    };
    let client = Client::new(hasty, access()).expect("a client");
    block_on(async {
        client.call(&UserGet::new("zhangsan")).await.expect("an answer");
        let slow = Reaction::Slow(
            Duration::from_millis(900),
            Box::new(Reaction::Json(json!({"errcode": 0}))),
        );
        server.script(SEND, [slow]);
        let error = client.call(&text()).await.expect_err("too slow");
        assert!(matches!(error, Error::Unreachable { sent: true, .. }), "{error}");
        assert_eq!(error.actor(), Actor::Operator);
        assert!(error.to_string().contains("too long"), "{error}");
    });
}

#[test]
fn nobody_at_home_is_an_error_of_the_network_and_holds_no_secret() {
    let server = wecom();
    let dead = options(&server);
    drop(server);
    std::thread::sleep(Duration::from_millis(50));
    let nowhere = WeCom::start();
    let client = Client::with(
        dead,
        access(),
        std::sync::Arc::new(shiguan::directory::MemoryShelf::default()),
        std::sync::Arc::new(super::Virtual(nowhere.clock())),
    )
    .expect("a client");
    let error = block_on(client.call(&GetPermitUserList::new())).expect_err("nobody");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let told = format!("{error} {error:?}");
    assert!(!told.contains("CANARY") && !told.contains("corpsecret"), "{told}");
}

/// Every sample of an error, as class, actor, hint and address; and no token in what is told.
#[test]
fn every_documented_error_says_who_must_act() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/api/errors");
    let mut seen = 0;
    for file in fs::read_dir(folder).expect("a folder") {
        let path: PathBuf = file.expect("an entry").path();
        let answer: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a file")).expect("JSON");
        let Some(code) = answer["errcode"].as_i64().filter(|code| *code != 0) else {
            continue;
        };
        let server = wecom();
        server.answer("/cgi-bin/msgaudit/check_room_agree", answer);
        let client = client(&server);
        let error = block_on(client.call(&CheckRoomAgree::new("wr1"))).expect_err("an error");
        let Error::Refused(refusal) = &error else {
            panic!("{code}: {error}");
        };
        assert_eq!(refusal.code, code);
        assert_eq!(refusal.ip, "203.0.113.7".parse().ok(), "{code}");
        assert!(
            refusal.hint.as_ref().is_some_and(|hint| hint.len() > 20),
            "{code}"
        );
        assert_ne!(refusal.class(), Class::Unknown, "{code}");
        if refusal.class() == Class::Config {
            assert!(
                error.advice().is_some() && error.actor() == Actor::Operator,
                "{code}"
            );
        }
        // Repeated exactly where the table says so.
        let calls = server.count("/cgi-bin/msgaudit/check_room_agree");
        let expected = match refusal.class() {
            Class::Busy | Class::Parallel => 4,
            Class::Token => 2,
            _ if code == 40001 => 2,
            _ => 1,
        };
        assert_eq!(calls, expected, "{code}");
        let told = format!("{error} {error:?}");
        assert!(
            !told.contains("CANARY") && !told.contains("access_token="),
            "{told}"
        );
        seen += 1;
    }
    assert!(seen >= 25, "{seen}");
}

#[test]
fn a_server_that_repeats_the_token_does_not_get_it_into_our_errors() {
    let server = wecom();
    let client = client(&server);
    server.on(GET, |asked| {
        Reaction::Json(refusal(
            60011,
            &format!("no right for {}", asked.query["access_token"]),
        ))
    });
    let error = block_on(client.call(&UserGet::new("a"))).expect_err("refused");
    assert!(error.to_string().contains("no right for ***"), "{error}");
}

#[test]
fn nothing_there_is_an_answer() {
    let server = wecom();
    server.on("/cgi-bin/externalcontact/list", |_| Reaction::Code(84061));
    server.on("/cgi-bin/user/getuserid", |_| Reaction::Code(46004));
    let client = client(&server);
    block_on(async {
        let contacts = client
            .call(&ExternalContactList::new("zhangsan"))
            .await
            .expect("empty");
        assert!(contacts.external_userid.is_empty());
        let nobody = client
            .call(&UseridByMobile::new("13800000000"))
            .await
            .expect("nobody");
        assert_eq!(nobody.userid, "");
    });
}

/// 2240 calls against a limit of 1500 a minute, eight callers at once: the server never has to say 45009.
#[test]
fn a_server_that_enforces_its_limits_never_has_to_use_them() {
    let server = wecom();
    let room = "/cgi-bin/msgaudit/check_room_agree";
    server
        .limit(room, 1500, 60)
        .limit("/cgi-bin/webhook/send", 20, 60);
    let client = client(&server);
    block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    for _ in 0..280 {
                        client
                            .call(&CheckRoomAgree::new("wr1"))
                            .await
                            .expect("never limited");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        for _ in 0..60 {
            let robot = WebhookSend::new(Secret::new("CANARYrobotQ9"), "text");
            client.call(&robot).await.expect("never limited");
        }
    });
    assert_eq!(server.served(45009), 0);
    assert_eq!(
        (server.count(room), server.count("/cgi-bin/webhook/send")),
        (2240, 60)
    );
}

#[test]
fn the_server_of_that_test_does_bite() {
    let server = wecom();
    server.limit(GET, 20, 60);
    let client = client(&server);
    block_on(async {
        for _ in 0..20 {
            client.call(&UserGet::new("a")).await.expect("below the limit");
        }
        let error = client.call(&UserGet::new("a")).await.expect_err("above");
        assert_eq!((error.code(), error.retry_after()), (Some(45009), Some(60)));
        // It rests: nothing is sent until the window is over; others go on.
        let asked = server.count(GET);
        let resting = client.call(&UserGet::new("a")).await.expect_err("resting");
        assert!(matches!(resting, Error::Resting { seconds: 60, .. }), "{resting}");
        assert_eq!(server.count(GET), asked);
        client
            .call(&ExternalContactList::new("a"))
            .await
            .expect("another call");
        pass(&server, 61);
        client.call(&UserGet::new("a")).await.expect("after the rest");
    });
}

#[test]
fn too_many_at_once_become_fewer_and_all_are_answered() {
    let server = wecom();
    let batch = "/cgi-bin/externalcontact/batch/get_by_user";
    server.parallel(batch, 1).on(batch, |_| {
        Reaction::Slow(
            Duration::from_millis(20),
            Box::new(Reaction::Json(
                json!({"errcode": 0, "external_contact_list": [], "next_cursor": ""}),
            )),
        )
    });
    let client = client(&server);
    block_on(async {
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    let request = ExternalContactBatchGet::new(vec!["rocky".to_owned()]);
                    client.call(&request).await.expect("answered in the end");
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    assert!(server.served(45033) <= 6, "{}", server.served(45033));
}

#[test]
fn files_go_up_as_a_form_and_come_down_in_pieces() {
    let server = wecom();
    server.on("/cgi-bin/media/upload", |asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        assert_eq!(asked.query["type"], "file");
        assert!(asked.headers["content-type"].starts_with("multipart/form-data; boundary="));
        assert!(
            body.contains("name=\"media\"; filename=\"合同 %22一%22.pdf\"; filelength=11"),
            "{body}"
        );
        assert!(body.contains("\r\n\r\nhello world\r\n--"), "{body}");
        Reaction::Json(
            json!({"errcode": 0, "errmsg": "", "type": "file", "media_id": "m1", "created_at": "1380000000"}),
        )
    });
    server.on("/cgi-bin/media/get", |asked| {
        match asked.query["media_id"].as_str() {
            "gone" => Reaction::Code(40007),
            "page" => Reaction::File("text/html".into(), b"<html>".to_vec()),
            _ => {
                let range = asked.headers.get("range").cloned().unwrap_or_default();
                Reaction::File("image/png".into(), format!("png{range}").into_bytes())
            }
        }
    });
    let client = client(&server);
    block_on(async {
        let file = Upload {
            filename: "合同 \"一\".pdf".into(),
            content_type: "application/pdf".into(),
            bytes: b"hello world".to_vec(),
        };
        let up = client
            .upload(&MediaUpload::new("file"), &file)
            .await
            .expect("uploaded");
        assert_eq!((up.media_id.as_str(), up.created_at), ("m1", 1_380_000_000));
        let mut down = client
            .download(
                MediaGet::ROW,
                &json!({"media_id": "m1"}),
                Some(Range { from: 0, to: 9 }),
            )
            .await
            .expect("a file");
        assert_eq!(down.content_type(), Some("image/png"));
        let mut whole = Vec::new();
        while let Some(piece) = down.piece().await.expect("a piece") {
            whole.extend(piece);
        }
        assert_eq!(whole, b"pngbytes=0-9");
        // An error comes with status 200 and as JSON.
        let gone = client
            .download(MediaGet::ROW, &json!({"media_id": "gone"}), None)
            .await;
        assert_eq!(gone.expect_err("gone").class(), Some(Class::Gone));
        // Something between here and there answers: no file, and no success.
        let page = client
            .download(MediaGet::ROW, &json!({"media_id": "page"}), None)
            .await;
        assert!(matches!(page, Err(Error::Torn { .. })));
        // The wrong way of asking is our mistake, told without a call.
        let misused = client
            .call(&MediaUpload::new("file"))
            .await
            .expect_err("needs a file");
        assert_eq!(misused.actor(), Actor::Developer);
        let listener = CallbackVerify::new("s", "1", "n", "e");
        assert!(matches!(client.call(&listener).await, Err(Error::Misused { .. })));
    });
}

#[test]
fn the_route_is_what_the_options_say() {
    let server = wecom();
    server.answer(GET, user());
    server.answer("/gateway/cgi-bin/user/get", user());
    // A host with a path and a slash at its end.
    let gateway = Options {
        host: format!("{}/gateway/", server.url()),
        user_agent: "our-archive/1".into(),
        ..options(&server)
    };
    // `gettoken` of the gateway is answered by hand.
    server.script(
        "/gateway/cgi-bin/gettoken",
        [Reaction::Json(
            json!({"errcode": 0, "access_token": "x", "expires_in": 7200}),
        )],
    );
    server.script("/gateway/cgi-bin/user/get", [Reaction::Json(user())]);
    block_on(
        Client::new(gateway, access())
            .expect("a client")
            .call(&UserGet::new("zhangsan")),
    )
    .expect("an answer");
    let asked = server.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.headers["user-agent"] == "our-archive/1")
    );
    assert!(
        asked
            .iter()
            .all(|asked| asked.path.starts_with("/gateway/cgi-bin/")),
        "{asked:?}"
    );

    // Everything goes through the proxy, with its credentials.
    let proxied = Options {
        host: "http://qyapi.example".into(),
        proxy: Some(server.url()),
        proxy_credentials: Some(Secret::new("CANARYuser:pass%40word")),
        ..options(&server)
    };
    block_on(
        Client::new(proxied, access())
            .expect("a client")
            .call(&UserGet::new("zhangsan")),
    )
    .expect("an answer");
    let through: Vec<_> = server
        .asked()
        .into_iter()
        .filter(|asked| asked.through.is_some())
        .collect();
    assert_eq!(through.len(), 2);
    for asked in through {
        assert_eq!(asked.through.as_deref(), Some("qyapi.example"));
        // CANARYuser:pass@word
        assert_eq!(
            asked.headers["proxy-authorization"],
            "Basic Q0FOQVJZdXNlcjpwYXNzQHdvcmQ="
        );
    }
}

#[test]
fn no_redirect_is_followed_since_the_token_would_go_along() {
    let server = wecom();
    server.on(GET, |_| Reaction::Status(302, "elsewhere".into()));
    let error = block_on(client(&server).call(&UserGet::new("a"))).expect_err("a redirect");
    assert!(matches!(error, Error::Status { status: 302, .. }), "{error}");
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let server = wecom();
    server.on(GET, |_| {
        Reaction::Json(json!({"errcode": 0, "name": "x".repeat(4096)}))
    });
    let small = Options {
        largest_answer: 1024,
        ..options(&server)
    };
    let client = Client::new(small, access()).expect("a client");
    let error = block_on(client.call(&UserGet::new("a"))).expect_err("too large");
    assert!(matches!(error, Error::TooLarge { limit: 1024, .. }), "{error}");
}

#[test]
fn options_that_make_no_sense_are_refused_with_a_reason() {
    let server = wecom();
    for (wrong, expected) in [
        (
            Options {
                host: "qyapi.weixin.qq.com".into(),
                ..options(&server)
            },
            "api.host",
        ),
        (
            Options {
                host: "https://u:p@qyapi.weixin.qq.com".into(),
                ..options(&server)
            },
            "api.host",
        ),
        (
            Options {
                root_ca: Some(b"nothing".to_vec()),
                ..options(&server)
            },
            "root_ca",
        ),
        (
            Options {
                proxy: Some("http://p:1".into()),
                proxy_credentials: Some(Secret::new("CANARYnocolon")),
                ..options(&server)
            },
            "credentials",
        ),
    ] {
        let error = Client::new(wrong, access()).expect_err("refused").to_string();
        assert!(error.contains(expected) && !error.contains("CANARY"), "{error}");
    }
}
