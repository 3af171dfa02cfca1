//! The client of WeCom's server API, through a fake WeCom over real sockets. Time is virtual: no test waits for a pause.

mod answers;
mod command;
mod many;
mod tls;
mod tokens;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use kit::{WeCom, wecom::Reaction};
use serde_json::json;
use shiguan::{
    directory::{Access, Client, Clock, Credential, MemoryShelf, Options, Sleep, TokenShelf},
    ids::Millis,
    secret::Secret,
};

const CORP: &str = "wwfake";
const ARCHIVE: &str = "CANARYsecretArchiveQ1";
const APP: &str = "CANARYsecretAppQ2";
const CONTACT: &str = "CANARYsecretContactQ3";

/// The server's time is the client's; a pause moves both on.
#[derive(Debug, Clone)]
struct Virtual(Arc<AtomicI64>);

impl Clock for Virtual {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, pause: Duration) -> Sleep<'_> {
        let until = self.now().0 + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_max(until, Ordering::SeqCst);
        Box::pin(tokio::task::yield_now())
    }
}

/// A company whose three secrets have the rights they have in life.
fn wecom() -> WeCom {
    let server = WeCom::of(CORP, ARCHIVE, APP);
    server
        .secret(CORP, CONTACT)
        .right("/cgi-bin/user/list_id", CONTACT)
        .answer(
            "/cgi-bin/msgaudit/get_permit_user_list",
            json!({"errcode": 0, "errmsg": "ok", "ids": ["ken"]}),
        )
        .answer(
            "/cgi-bin/externalcontact/get_follow_user_list",
            json!({"errcode": 0, "errmsg": "ok", "follow_user": ["ken"]}),
        )
        .answer(
            "/cgi-bin/msgaudit/check_room_agree",
            json!({"errcode": 0, "errmsg": "ok", "agreeinfo": []}),
        )
        .answer(
            "/cgi-bin/externalcontact/groupchat/list",
            json!({"errcode": 0, "errmsg": "ok", "group_chat_list": []}),
        )
        .on("/cgi-bin/user/get", |asked| {
            Reaction::Json(json!({"errcode": 0, "errmsg": "ok", "userid": asked.query["userid"]}))
        });
    server
}

fn access() -> Access {
    let credential = |secret: &str| Some(Credential::Secret(Secret::new(secret)));
    Access {
        corpid: CORP.to_owned(),
        archive: credential(ARCHIVE),
        app: credential(APP),
        contact: credential(CONTACT),
        ..Access::default()
    }
}

fn options(server: &WeCom) -> Options {
    Options {
        host: server.url(),
        weixin_host: server.url(),
        timeout: Duration::from_secs(20),
        ..Options::default()
    }
}

fn client_with(server: &WeCom, options: Options, shelf: Arc<dyn TokenShelf>) -> Client {
    Client::with(options, access(), shelf, Arc::new(Virtual(server.clock()))).expect("a client")
}

fn client(server: &WeCom) -> Client {
    client_with(server, options(server), Arc::new(MemoryShelf::default()))
}

fn pass(server: &WeCom, seconds: i64) {
    server.clock().fetch_add(seconds * 1000, Ordering::SeqCst);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}
