//! Tokens: one per secret, early, once more when they end, and never at the cost of the address.

use std::sync::Arc;

use kit::{WeCom, wecom::Reaction};
use serde_json::json;
use shiguan::directory::{
    Access, Client, Credential, Error, Kept, MemoryShelf, SuiteTicket, Supplying, TokenKey, TokenKind,
    TokenShelf, TokenSource,
    rows::{contacts::GetFollowUserList, members::UserGet, members::UserListId, msgaudit::GetPermitUserList},
};
use shiguan::secret::Secret;

use super::{APP, ARCHIVE, CORP, access, block_on, client, client_with, options, pass, wecom};

const TOKEN: &str = "/cgi-bin/gettoken";
const PERMIT: &str = "/cgi-bin/msgaudit/get_permit_user_list";

async fn all_at_once(client: &Client, calls: usize) -> Vec<Result<(), Error>> {
    let tasks: Vec<_> = (0..calls)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call(&GetPermitUserList::new()).await.map(drop) })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("no panic"));
    }
    results
}

#[test]
fn fifty_callers_fetch_one_token() {
    let server = wecom();
    let client = client(&server);
    let results = block_on(all_at_once(&client, 50));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((server.count(TOKEN), server.count(PERMIT)), (1, 50));
}

#[test]
fn each_secret_has_a_token_of_its_own() {
    let server = wecom();
    let client = client(&server);
    block_on(async {
        client.call(&GetPermitUserList::new()).await.expect("archive");
        client.call(&GetFollowUserList::new()).await.expect("app");
        client.call(&UserListId::new()).await.expect("contact");
        client
            .call(&GetPermitUserList::new())
            .await
            .expect("archive again");
    });
    assert_eq!(server.count(TOKEN), 3);
    assert_eq!(server.served(48002), 0);
}

#[test]
fn a_token_is_replaced_before_it_ends() {
    let server = wecom();
    let client = client(&server);
    block_on(async {
        for _ in 0..10 {
            client.call(&GetPermitUserList::new()).await.expect("an answer");
            pass(&server, 1800);
        }
    });
    assert_eq!(server.served(42001), 0, "no call ever met its end");
    assert_eq!(server.count(TOKEN), 3, "five hours at two hours each");
}

#[test]
fn a_short_life_leaves_half_of_it() {
    let server = wecom();
    let client = client(&server);
    server.token_life(100);
    block_on(async {
        client.call(&GetPermitUserList::new()).await.expect("an answer");
        pass(&server, 49);
        client.call(&GetPermitUserList::new()).await.expect("an answer");
        assert_eq!(server.count(TOKEN), 1);
        pass(&server, 2);
        client.call(&GetPermitUserList::new()).await.expect("an answer");
        assert_eq!(server.count(TOKEN), 2);
    });
}

#[test]
fn a_token_taken_back_is_fetched_once_and_every_call_repeated_once() {
    let server = wecom();
    let client = client(&server);
    block_on(async {
        client.call(&GetPermitUserList::new()).await.expect("an answer");
        server.revoke();
        let results = all_at_once(&client, 8).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    });
    assert_eq!(server.count(TOKEN), 2, "one more, not eight");
    assert!(server.served(40014) <= 8);
}

#[test]
fn every_code_that_says_so_leads_to_another_token_and_a_second_failure_is_final() {
    for code in [40014, 42001, 41001, 40001] {
        let server = wecom();
        let client = client(&server);
        server.script(PERMIT, [Reaction::Code(code)]);
        block_on(client.call(&GetPermitUserList::new())).expect("an answer");
        assert_eq!((server.count(PERMIT), server.count(TOKEN)), (2, 2), "{code}");

        server.script(PERMIT, [Reaction::Code(code), Reaction::Code(code)]);
        let error = block_on(client.call(&GetPermitUserList::new())).expect_err("final");
        assert_eq!(error.code(), Some(code));
        assert_eq!((server.count(PERMIT), server.count(TOKEN)), (4, 3), "{code}");
    }
}

#[test]
fn a_send_is_repeated_too_when_only_the_token_was_refused() {
    use shiguan::directory::rows::{messages::MessageSend, shapes::Text};
    let server = wecom();
    let client = client(&server);
    let request = MessageSend {
        text: Some(Text {
            content: "x".into(),
            ..Text::default()
        }),
        ..MessageSend::new("text", 1)
    };
    server.script("/cgi-bin/message/send", [Reaction::Code(42001)]);
    block_on(client.call(&request)).expect("an answer");
    assert_eq!(server.count("/cgi-bin/message/send"), 2);
}

#[test]
fn a_wrong_secret_is_not_tried_again_until_its_rest_is_over() {
    let server = wecom();
    server.reset(ARCHIVE);
    let client = client(&server);
    block_on(async {
        let first = client.call(&GetPermitUserList::new()).await.expect_err("wrong");
        assert_eq!(first.code(), Some(40001));
        for result in all_at_once(&client, 30).await {
            let error = result.expect_err("resting");
            assert!(matches!(error, Error::Credential { .. }), "{error}");
            assert!(error.advice().is_some());
        }
        assert_eq!(server.count(TOKEN), 1);
        // The other secret is not concerned.
        client.call(&GetFollowUserList::new()).await.expect("the app's");
        // It grows: one minute, then two, and an hour at most.
        let mut rests = Vec::new();
        for _ in 0..9 {
            let Err(Error::Credential { seconds, .. }) = client.call(&GetPermitUserList::new()).await else {
                panic!("resting");
            };
            rests.push(seconds);
            pass(&server, i64::try_from(seconds).expect("small"));
            client
                .call(&GetPermitUserList::new())
                .await
                .expect_err("still wrong");
        }
        assert_eq!(rests[..3], [60, 120, 240]);
        assert_eq!(rests.last(), Some(&3600));
        // Set right, it works after the rest.
        server.secret(CORP, ARCHIVE);
        pass(&server, 3600);
        client.call(&GetPermitUserList::new()).await.expect("right again");
    });
}

#[test]
fn waiters_share_a_failure_as_they_share_a_token() {
    let server = wecom();
    let client = client(&server);
    // The first fetch fails slowly; everybody who waited for it gets its failure.
    let slow = std::time::Duration::from_millis(150);
    server.script(TOKEN, [Reaction::Slow(slow, Box::new(Reaction::Code(301_007)))]);
    let results = block_on(all_at_once(&client, 8));
    let failed = results.iter().filter(|result| result.is_err()).count();
    assert!(failed >= 1);
    assert!(server.count(TOKEN) <= 2, "{} fetches", server.count(TOKEN));
}

#[test]
fn a_token_that_has_not_ended_serves_while_the_platform_is_in_trouble() {
    let server = wecom();
    let client = client(&server);
    block_on(async {
        client.call(&GetPermitUserList::new()).await.expect("an answer");
        // Inside the margin: due for another one, but good for 4 minutes yet.
        pass(&server, 7200 - 240);
        server.script(TOKEN, (0..4).map(|_| Reaction::Status(502, "bad gateway".into())));
        client
            .call(&GetPermitUserList::new())
            .await
            .expect("the old token");
        let health = client.health(TokenKind::Archive).expect("a credential");
        assert!(health.failed.is_some());
        client.call(&GetPermitUserList::new()).await.expect("a new token");
        let health = client.health(TokenKind::Archive).expect("a credential");
        assert!(health.failed.is_none());
    });
}

/// Answers to `gettoken` that say success and cannot be used.
fn senseless() -> Vec<serde_json::Value> {
    let token = |token: serde_json::Value| json!({"errcode": 0, "access_token": token, "expires_in": 7200});
    vec![
        json!({"errcode": 0, "errmsg": "ok"}),
        json!({"errcode": 0, "errmsg": "ok", "expires_in": 7200}),
        token(json!("")),
        token(json!(" \t ")),
        token(json!(null)),
        token(json!(["CANARYtokenOdd"])),
        token(json!("CANARYtoken\u{7}Odd")),
        token(json!("CANARYtoken Odd")),
        token(json!("CANARYtoken\r\nHost: elsewhere")),
        token(json!("令牌")),
        token(json!("CANARYtoken".repeat(1_000))),
    ]
}

/// Lifetimes that no token has; `None`: there is none in the answer.
fn no_lifetimes() -> [Option<serde_json::Value>; 8] {
    [
        None,
        Some(json!(0)),
        Some(json!(-7200)),
        Some(json!("soon")),
        Some(json!(null)),
        Some(json!(86_401)),
        Some(json!(i64::MAX)),
        Some(json!(10_000_000_000_000_i64)),
    ]
}

/// Makes the server give out the token that it takes, with this lifetime.
fn live_for(server: &WeCom, client: &Client, life: Option<serde_json::Value>) {
    block_on(client.call(&GetPermitUserList::new())).expect("an answer");
    let mut answer = json!({"errcode": 0, "access_token": server.tokens()[0]});
    if let Some(life) = life {
        answer["expires_in"] = life;
    }
    server.script(TOKEN, std::iter::repeat_n(Reaction::Json(answer), 10_000));
}

#[test]
fn a_token_without_a_usable_lifetime_or_with_none_at_all_is_used_once() {
    for life in no_lifetimes() {
        let server = wecom();
        live_for(&server, &client(&server), life.clone());
        let shelf = Arc::new(LeftBehind(std::sync::Mutex::new(None)));
        let client = client_with(&server, options(&server), Arc::clone(&shelf) as _);
        let before = server.count(TOKEN);
        block_on(async {
            for call in 1..=3 {
                client.call(&GetPermitUserList::new()).await.expect("an answer");
                assert_eq!(server.count(TOKEN), before + call, "{life:?}: it was kept");
            }
        });
        assert!(
            shelf.0.lock().expect("a lock").is_none(),
            "{life:?}: it was shelved"
        );
        let health = client.health(TokenKind::Archive).expect("a credential");
        let (_, why) = health.failed.expect("it is told");
        assert!(why.to_string().contains("used once"), "{life:?}: {why}");
        // Those who wait for one fetch share it.
        let before = server.count(TOKEN);
        let results = block_on(all_at_once(&client, 50));
        assert!(results.iter().all(Result::is_ok), "{life:?}: {results:?}");
        assert!(server.count(TOKEN) - before < 50, "{life:?}");
        server.script_clear(TOKEN);
        block_on(client.call(&GetPermitUserList::new())).expect("an answer");
        assert!(shelf.0.lock().expect("a lock").is_some(), "{life:?}");
    }
}

#[test]
fn a_success_that_holds_no_token_is_a_failure_and_asked_again_with_growing_pauses() {
    for answer in senseless() {
        let server = wecom();
        let client = client(&server);
        server.script(TOKEN, std::iter::repeat_n(Reaction::Json(answer.clone()), 1_000));
        block_on(async {
            let error = client
                .call(&GetPermitUserList::new())
                .await
                .expect_err("no token");
            assert!(
                matches!(error, Error::Implausible { api: "get_token", .. }),
                "{answer}: {error}"
            );
            assert!(
                !format!("{error} {error:?}").contains("CANARY"),
                "{answer}: {error}"
            );
            for _ in 0..20 {
                let error = client
                    .call(&GetPermitUserList::new())
                    .await
                    .expect_err("no token");
                assert!(matches!(error, Error::Resting { .. }), "{answer}: {error}");
            }
            assert_eq!(server.count(TOKEN), 1, "{answer}");
            // For a day somebody asks every ten seconds.
            for _ in 0..24 * 360 {
                pass(&server, 10);
                client
                    .call(&GetPermitUserList::new())
                    .await
                    .expect_err("no token");
            }
            assert!(
                (50..200).contains(&server.count(TOKEN)),
                "{answer}: {}",
                server.count(TOKEN)
            );
            assert_eq!(server.count(PERMIT), 0, "{answer}: called with what is no token");
            server.script_clear(TOKEN);
            pass(&server, 600);
            client.call(&GetPermitUserList::new()).await.expect("an answer");
        });
    }
}

#[test]
fn the_background_does_not_hammer_a_platform_that_gives_no_tokens() {
    let lifeless = no_lifetimes().map(|life| {
        let mut answer = json!({"errcode": 0, "access_token": "CANARYtokenOdd"});
        if let Some(life) = life {
            answer["expires_in"] = life;
        }
        answer
    });
    for answer in senseless().into_iter().chain(lifeless) {
        let server = wecom();
        let client = client(&server);
        server.script(TOKEN, std::iter::repeat_n(Reaction::Json(answer.clone()), 10_000));
        let (clock, began) = (
            server.clock(),
            server.clock().load(std::sync::atomic::Ordering::SeqCst),
        );
        block_on(async {
            let hour = async {
                while clock.load(std::sync::atomic::Ordering::SeqCst) < began + 3_600_000 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                () = client.keep_fresh() => {}
                () = hour => {}
            }
        });
        let each = server.count(TOKEN) / 3;
        assert!(
            (3..40).contains(&each),
            "{answer}: {each} for each of three secrets in an hour"
        );
    }
}

#[test]
fn a_ticket_that_is_none_is_a_failure_and_rests_too() {
    let ticket = "/cgi-bin/get_jsapi_ticket";
    for answer in [
        json!({"errcode": 0}),
        json!({"errcode": 0, "ticket": "  ", "expires_in": 7200}),
    ] {
        let server = wecom();
        let client = client(&server);
        server.answer(ticket, answer.clone());
        block_on(async {
            let error = client.ticket(false).await.expect_err("no ticket");
            assert!(matches!(error, Error::Implausible { .. }), "{answer}: {error}");
            for _ in 0..10 {
                client.ticket(false).await.expect_err("no ticket");
            }
            assert_eq!(server.count(ticket), 1, "{answer}");
            server.answer(ticket, json!({"errcode": 0, "ticket": "T", "expires_in": 7200}));
            pass(&server, 11);
            assert_eq!(client.ticket(false).await.expect("a ticket").expose(), "T");
        });
    }
    for life in [0, 99_999_999] {
        let server = wecom();
        let client = client(&server);
        server.answer(ticket, json!({"errcode": 0, "ticket": "T", "expires_in": life}));
        block_on(async {
            for call in 1..=3 {
                assert_eq!(client.ticket(false).await.expect("a ticket").expose(), "T");
                assert_eq!(server.count(ticket), call, "{life}: it was kept");
            }
        });
    }
}

/// A shelf on which somebody left something.
#[derive(Debug)]
struct LeftBehind(std::sync::Mutex<Option<Kept>>);

impl TokenShelf for LeftBehind {
    fn load(&self, _: &TokenKey) -> Result<Option<Kept>, String> {
        Ok(self.0.lock().expect("a lock").clone())
    }

    fn keep(&self, _: &TokenKey, kept: &Kept) -> Result<(), String> {
        *self.0.lock().expect("a lock") = Some(kept.clone());
        Ok(())
    }

    fn discard(&self, _: &TokenKey, token: &Secret) -> Result<(), String> {
        let mut left = self.0.lock().expect("a lock");
        if left.as_ref().is_some_and(|left| left.token == *token) {
            *left = None;
        }
        Ok(())
    }
}

#[test]
fn what_another_process_left_is_used_only_when_it_can_be_a_token() {
    use shiguan::ids::Millis;
    const YEAR_MS: i64 = 365 * 86_400_000;
    let now = |server: &WeCom| server.clock().load(std::sync::atomic::Ordering::SeqCst);
    for (text, fresh_in, ends_in, why) in [
        (
            "LEFTtoken",
            3 * YEAR_MS,
            3 * YEAR_MS,
            "written under a clock that was ahead",
        ),
        ("LEFTtoken", i64::MAX / 2, i64::MAX / 2, "no time at all"),
        ("LEFTtoken", 7_000_000, 6_000_000, "fresh beyond its end"),
        ("", 6_000_000, 7_000_000, "empty"),
        (" \n", 6_000_000, 7_000_000, "blank"),
        ("LEFT token\r\n", 6_000_000, 7_000_000, "not of one word"),
    ] {
        let server = wecom();
        let left = Kept {
            token: Secret::new(text),
            fresh_until: Millis(now(&server).saturating_add(fresh_in)),
            ends: Millis(now(&server).saturating_add(ends_in)),
        };
        let shelf = Arc::new(LeftBehind(std::sync::Mutex::new(Some(left))));
        let client = client_with(&server, options(&server), Arc::clone(&shelf) as _);
        block_on(client.call(&GetPermitUserList::new())).expect(why);
        assert_eq!(
            (server.count(TOKEN), server.count(PERMIT)),
            (1, 1),
            "{why}: it was sent to the platform"
        );
        let kept = shelf.0.lock().expect("a lock").clone().expect("the new one");
        assert_ne!(kept.token.expose(), text, "{why}");
        assert!(kept.ends.0 <= now(&server) + 7_200_000, "{why}");
    }
}

#[test]
fn a_clock_that_was_ahead_for_a_while_leaves_no_token_and_no_rest_for_years() {
    const YEAR_S: i64 = 365 * 86_400;
    // A token.
    let server = wecom();
    let good = client(&server);
    pass(&server, 3 * YEAR_S);
    block_on(good.call(&GetPermitUserList::new())).expect("an answer");
    pass(&server, -3 * YEAR_S);
    block_on(good.call(&GetPermitUserList::new())).expect("an answer");
    assert_eq!(
        server.count(TOKEN),
        2,
        "a token of three years from now was believed"
    );
    // A secret that is not taken, and one whose answers make no sense.
    for refusal in [Reaction::Code(40001), Reaction::Json(json!({"errcode": 0}))] {
        let server = wecom();
        let client = client(&server);
        pass(&server, 3 * YEAR_S);
        server.script(TOKEN, [refusal]);
        block_on(client.call(&GetPermitUserList::new())).expect_err("no token");
        pass(&server, -3 * YEAR_S);
        block_on(client.call(&GetPermitUserList::new())).expect("it does not rest for three years");
    }
    // A call that is limited.
    pass(&server, 3 * YEAR_S);
    server.script(PERMIT, [Reaction::Code(45009)]);
    block_on(good.call(&GetPermitUserList::new())).expect_err("limited");
    pass(&server, -3 * YEAR_S);
    block_on(good.call(&GetPermitUserList::new())).expect("it does not rest for three years");
}

#[test]
fn processes_that_share_a_shelf_share_the_token() {
    let server = wecom();
    let shelf = Arc::new(MemoryShelf::default());
    let (one, other) = (
        client_with(&server, options(&server), Arc::clone(&shelf) as _),
        client_with(&server, options(&server), shelf as _),
    );
    block_on(async {
        one.call(&GetPermitUserList::new()).await.expect("an answer");
        other.call(&GetPermitUserList::new()).await.expect("an answer");
        assert_eq!(server.count(TOKEN), 1);
        // One finds out that it ended; the other may use what the first fetched.
        server.revoke();
        one.call(&GetPermitUserList::new()).await.expect("an answer");
        other.call(&GetPermitUserList::new()).await.expect("an answer");
        assert_eq!(server.count(TOKEN), 2);
    });
}

#[derive(Debug)]
struct BrokenShelf;

impl TokenShelf for BrokenShelf {
    fn load(&self, _: &TokenKey) -> Result<Option<Kept>, String> {
        Err("locked".into())
    }

    fn keep(&self, _: &TokenKey, _: &Kept) -> Result<(), String> {
        Err("full".into())
    }

    fn discard(&self, _: &TokenKey, _: &Secret) -> Result<(), String> {
        Err("locked".into())
    }
}

#[test]
fn a_shelf_that_fails_fails_no_call() {
    let server = wecom();
    let client = client_with(&server, options(&server), Arc::new(BrokenShelf));
    block_on(async {
        client.call(&GetPermitUserList::new()).await.expect("an answer");
        server.revoke();
        client.call(&GetPermitUserList::new()).await.expect("an answer");
    });
    assert_eq!(server.count(TOKEN), 2);
}

#[test]
fn the_background_keeps_every_token_fresh_through_failures() {
    let server = wecom();
    let client = client(&server);
    server.script(TOKEN, (0..6).map(|_| Reaction::Code(-1)));
    block_on(async {
        let background = tokio::spawn({
            let client = client.clone();
            async move { client.keep_fresh().await }
        });
        // Time runs as fast as the background sleeps; twenty tokens are many hours.
        while server.count(TOKEN) < 26 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        background.abort();
        assert!(background.await.expect_err("aborted").is_cancelled());
    });
    for kind in [TokenKind::Archive, TokenKind::App, TokenKind::Contact] {
        let health = client.health(kind).expect("a credential");
        assert!(health.fetched_at.is_some(), "{kind:?}");
    }
}

#[derive(Debug)]
struct Embedding(std::sync::Mutex<Vec<String>>);

impl TokenSource for Embedding {
    fn token(&self) -> Supplying<'_> {
        let token = self.0.lock().expect("a lock").last().cloned();
        Box::pin(async move { token.map(Secret::new).ok_or_else(|| "no token left".to_owned()) })
    }

    fn invalidate(&self, used: &Secret) {
        self.0
            .lock()
            .expect("a lock")
            .retain(|token| token != used.expose());
    }
}

#[test]
fn an_embedding_program_may_supply_the_tokens() {
    let server = wecom();
    // Have the server make two tokens of the app, and take the second back.
    let made = client(&server);
    block_on(made.call(&GetFollowUserList::new())).expect("an answer");
    let good = server.tokens();
    let source = Arc::new(Embedding(std::sync::Mutex::new(vec![
        good[0].clone(),
        "stale".to_owned(),
    ])));
    let access = Access {
        corpid: CORP.to_owned(),
        app: Some(Credential::Supplied(Arc::clone(&source) as _)),
        ..Access::default()
    };
    let client = Client::new(options(&server), access).expect("a client");
    block_on(async {
        client
            .call(&UserGet::new("zhangsan"))
            .await
            .expect("the second one");
        assert_eq!(server.served(40014), 1);
        source.0.lock().expect("a lock").clear();
        let error = client
            .call(&UserGet::new("zhangsan"))
            .await
            .expect_err("none left");
        assert!(matches!(error, Error::Source { .. }), "{error}");
    });
}

#[test]
fn a_missing_secret_says_which_key_to_set() {
    let server: WeCom = wecom();
    let access = Access {
        contact: None,
        ..access()
    };
    let client = Client::new(options(&server), access).expect("a client");
    let error = block_on(client.call(&UserListId::new())).expect_err("no secret");
    assert!(error.to_string().contains("contact_secret_file"), "{error}");
    assert!(server.asked().is_empty());
    assert!(!format!("{client:?}").contains(APP));
}

#[test]
fn a_newer_suite_ticket_is_used_for_the_next_token() {
    use shiguan::directory::rows::ids::UnionidToExternalUserid3rd;
    let server = WeCom::start();
    let suite = "/cgi-bin/service/get_suite_token";
    let call = "/cgi-bin/service/externalcontact/unionid_to_external_userid_3rd";
    let token = |life: i64| Reaction::Json(json!({"suite_access_token": "SUITEtoken", "expires_in": life}));
    server.script(suite, [token(7200), token(7200)]);
    let fine = || Reaction::Json(json!({"external_userid_info": []}));
    server.script(call, [fine(), Reaction::Code(42009), fine()]);
    let ticket = SuiteTicket::from(Secret::new("first"));
    let access = Access {
        corpid: "ww1".to_owned(),
        suite: Some(Credential::Suite {
            suite_id: "s1".to_owned(),
            secret: Secret::new("SUITEsecret"),
            ticket: ticket.clone(),
        }),
        ..Access::default()
    };
    let client = Client::new(options(&server), access).expect("a client");
    block_on(async {
        let request = UnionidToExternalUserid3rd::new("u", "o");
        client.call(&request).await.expect("an answer");
        ticket.replace(Secret::new("second"));
        client.call(&request).await.expect("an answer");
    });
    let tickets: Vec<_> = server
        .asked()
        .iter()
        .filter(|asked| asked.path == suite)
        .map(|asked| asked.json()["suite_ticket"].clone())
        .collect();
    assert_eq!(tickets, ["first", "second"]);
    assert!(!format!("{ticket:?}").contains("second"));
}

#[test]
fn suite_tokens_corp_tokens_tickets_and_stable_tokens_are_kept_like_the_others() {
    use shiguan::directory::rows::ids::UnionidToExternalUserid3rd;
    let server = WeCom::start();
    let suite = "/cgi-bin/service/get_suite_token";
    let corp = "/cgi-bin/service/get_corp_token";
    let call = "/cgi-bin/service/externalcontact/unionid_to_external_userid_3rd";
    let ticket = "/cgi-bin/get_jsapi_ticket";
    // None of these paths takes an access_token of `gettoken`, so everything is scripted.
    let suite_token = || Reaction::Json(json!({"suite_access_token": "SUITEtoken", "expires_in": 7200}));
    server.script(suite, [suite_token(), suite_token()]);
    server.script(
        call,
        [
            Reaction::Code(42009),
            Reaction::Json(json!({"external_userid_info": [{"corpid": "ww1", "external_userid": "wm1"}]})),
        ],
    );
    server.script(
        corp,
        [Reaction::Json(
            json!({"access_token": "CORPtoken", "expires_in": 7200}),
        )],
    );
    server.script(
        ticket,
        [Reaction::Json(
            json!({"errcode": 0, "ticket": "TICKETone", "expires_in": 7200}),
        )],
    );
    server.script(
        "/cgi-bin/stable_token",
        [Reaction::Json(
            json!({"access_token": "STABLEtoken", "expires_in": 345}),
        )],
    );
    let ticket_of_suite = SuiteTicket::from(Secret::new("SUITEticket"));
    let access = Access {
        corpid: "ww1".to_owned(),
        suite: Some(Credential::Suite {
            suite_id: "s1".to_owned(),
            secret: Secret::new("SUITEsecret"),
            ticket: ticket_of_suite.clone(),
        }),
        app: Some(Credential::Authorised {
            permanent_code: Secret::new("PERMANENTcode"),
        }),
        ..Access::default()
    };
    let client = Client::new(options(&server), access).expect("a client");
    block_on(async {
        let found = client
            .call(&UnionidToExternalUserid3rd::new("u", "o"))
            .await
            .expect("an answer");
        assert_eq!(found.external_userid_info[0].external_userid, "wm1");
        assert_eq!((server.count(suite), server.count(call)), (2, 2));
        for _ in 0..3 {
            assert_eq!(
                client.ticket(false).await.expect("a ticket").expose(),
                "TICKETone"
            );
            let stable = client.stable_token("wx1", &Secret::new("MPsecret")).await;
            assert_eq!(stable.expect("a token").expose(), "STABLEtoken");
        }
        for path in [corp, ticket, "/cgi-bin/stable_token"] {
            assert_eq!(server.count(path), 1, "{path}");
        }
    });
    let asked = server.asked();
    let of = |path: &str| {
        asked
            .iter()
            .find(|asked| asked.path == path)
            .expect("asked")
            .clone()
    };
    assert_eq!(of(call).query["suite_access_token"], "SUITEtoken");
    assert_eq!(of(corp).query["suite_access_token"], "SUITEtoken");
    assert_eq!(of(ticket).query["access_token"], "CORPtoken");
    assert_eq!(
        of("/cgi-bin/stable_token").json()["grant_type"],
        "client_credential"
    );
}
