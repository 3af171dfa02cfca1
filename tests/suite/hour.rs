//! An hour in which WeCom's directory is down, in seconds: the loop, the client, the server, the puller and the store are those
//! of the program; only time is given.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kit::{
    Corpus, WeCom,
    wecom::{
        Reaction, Town,
        town::{Company, Room},
    },
};
use serde_json::Value;
use shiguan::{
    archive::{self, Desk, Directory, Job, Progress, Pulling, Setup, keep_asking},
    directory::{Access, Client, Clock, Credential, MemoryShelf, Options, Sleep},
    ids::{CompanyId, Millis},
    people::{Aspect, Class, Round},
    secret::Secret,
    source,
    store::{
        Reader, Store,
        contract::people::{Ages, Headcount},
    },
    unseal::{Implementation, KeyRing},
};
use tokio::sync::{Notify, watch};

use super::people::{customer, guest, member, sealed, small, text};

const CORP: &str = "ww0000000000000000";
const ARCHIVE: &str = "CANARYsecretHourA";
const APP: &str = "CANARYsecretHourB";
const TOKEN: &str = "/cgi-bin/gettoken";
const HOUR: i64 = 3_600_000;
/// Pause between two passes as configured by default, and what it grows to while nobody answers.
const INTERVAL: Duration = Duration::from_secs(60);
const LONGER: i64 = 600_000;
/// What one call is tried at most: once, and three times more.
const TRIES: usize = 4;

/// Time that a test moves, from pause to pause of the one task that sleeps by it.
#[derive(Clone)]
struct Stepped {
    now: watch::Sender<i64>,
    /// When the sleeper wants to be woken.
    until: watch::Sender<Option<i64>>,
}

impl fmt::Debug for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stepped({})", *self.now.borrow())
    }
}

impl Clock for Stepped {
    fn now(&self) -> Millis {
        Millis(*self.now.borrow())
    }

    fn sleep(&self, pause: Duration) -> Sleep<'_> {
        Box::pin(async move {
            let until = *self.now.borrow() + i64::try_from(pause.as_millis()).expect("a pause");
            self.until.send_replace(Some(until));
            let mut now = self.now.subscribe();
            now.wait_for(|now| *now >= until)
                .await
                .expect("the clock is there");
        })
    }
}

impl Stepped {
    fn new(begin: i64) -> Self {
        Self {
            now: watch::Sender::new(begin),
            until: watch::Sender::new(None),
        }
    }

    /// Comes back at that time, with the task asleep until later than that.
    async fn advance(&self, to: i64) {
        let mut sleeper = self.until.subscribe();
        loop {
            let now = *self.now.borrow();
            // One whose time has come is at work, and will sleep again.
            let asleep = sleeper.wait_for(|until| until.is_some_and(|until| until > now));
            let asleep = tokio::time::timeout(Duration::from_secs(60), asleep).await;
            let until = asleep
                .expect("it comes to rest")
                .expect("it is there")
                .expect("asleep");
            if until > to {
                self.now.send_replace(to);
                return;
            }
            self.now.send_replace(until);
        }
    }
}

/// A company of which every message of the hour brings somebody new.
struct Scene {
    scratch: tempfile::TempDir,
    server: WeCom,
    town: Town,
    clock: Stepped,
    desk: Desk,
    company: CompanyId,
    messages: Vec<Value>,
}

impl Scene {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let server = WeCom::of(CORP, ARCHIVE, APP);
        let town = Town::new(small());
        town.open(&server);
        let mut store = Store::open(&scratch.path().join("archive.db")).expect("a store");
        let company = store.company("mock", CORP).expect("a company");
        Self {
            clock: Stepped::new(1_900_000_000_000),
            desk: Desk::open(store).expect("a desk"),
            company,
            messages: Vec::new(),
            scratch,
            server,
            town,
        }
    }

    /// Somebody new of each sort writes, and the puller of the program lands it on the same desk.
    async fn pull(&mut self) {
        let nth = self.messages.len();
        let (staff, outsider, room) = (
            format!("staff{nth}"),
            guest(100 + nth),
            format!("wrHOUR{nth:014}"),
        );
        {
            let mut company = self.town.company();
            company.member(member(&staff, &format!("员工{nth}"), 1));
            company.customer(customer(&outsider, &format!("客户{nth}"), &staff));
            room_of(&mut company, &room, &staff, &outsider);
        }
        let at = self.clock.now().0;
        self.messages.push(text(nth, &staff, &[&outsider], &room, at));
        let corpus = sealed(self.scratch.path(), &format!("corpus{nth}"), &self.messages);
        let setup = setup(&corpus);
        let (_going_on, stop) = watch::channel(false);
        let job = Job::Pull { from: None };
        let report = archive::execute(&self.desk, &setup, &job, &Progress::default(), stop).await;
        assert_eq!(
            report.expect("a run").books.opened,
            1,
            "message {nth} is landed and open"
        );
    }

    async fn reader(&self) -> Reader {
        let reader = self.desk.ask(|store| store.reader()).await;
        reader.expect("asked").expect("a reader")
    }

    /// People and rooms by where asking about them stands.
    async fn heads(&self) -> [Headcount; 2] {
        let company = self.company;
        let reader = self.reader().await;
        [Class::Person, Class::Room].map(|class| reader.headcount(Some(company), class).expect("counted"))
    }

    async fn name(&self, class: Class, key: String) -> Option<String> {
        let company = self.company;
        let reader = self.reader().await;
        let found = reader
            .dossiers(Some(company), class, &[&key], &[Aspect::Name])
            .expect("read");
        Some(found.first()?.history.name_now()?.value.clone())
    }

    fn calls(&self) -> usize {
        self.server.asked().len()
    }
}

fn room_of(company: &mut Company, id: &str, owner: &str, outsider: &str) {
    company.room(Room {
        id: id.to_owned(),
        name: format!("{id}的名称"),
        owner: owner.to_owned(),
        made: 1_700_000_000,
        customers: true,
        people: [owner, outsider]
            .iter()
            .map(|id| ((*id).to_owned(), 1_700_000_000, String::new()))
            .collect(),
        ..Room::default()
    });
}

fn setup(corpus: &Corpus) -> Setup {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_shiguan"));
    let library = sdk_mock::find_library(Path::new(&program)).expect("the mock library");
    let ring = KeyRing::load_dir(&corpus.path.join("keys"), None).expect("keys");
    let fingerprints = ring
        .versions()
        .iter()
        .map(|key| (key.version, key.fingerprint.to_string()))
        .collect();
    Setup {
        name: "mock".to_owned(),
        corpid: CORP.to_owned(),
        ring: Arc::new(ring.prepare(Implementation::default(), 1).expect("prepared")),
        fingerprints,
        source: source::Options {
            mock_corpus: Some(corpus.path.clone()),
            ..source::Options::new(program, library, CORP, Secret::new("mock"))
        },
        children: 1,
        pulling: Pulling {
            limit: 100,
            attempts: 2,
            backoff: Duration::from_millis(1),
            backoff_max: Duration::from_millis(2),
            max_seq_jump: 1000,
            gaps: false,
        },
        warn_after_hours: 96,
        forget_sealed_after_ms: None,
        made_up: true,
    }
}

/// As the program settles a pass: a client of its own each time.
fn directory(url: &str, clock: &Stepped) -> Directory {
    let credential = |secret: &str| Some(Credential::Secret(Secret::new(secret)));
    let access = Access {
        corpid: CORP.to_owned(),
        archive: credential(ARCHIVE),
        app: credential(APP),
        ..Access::default()
    };
    let options = Options {
        host: url.to_owned(),
        ..Options::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let shelf = Arc::new(MemoryShelf::default());
    Directory {
        name: "mock".to_owned(),
        corpid: CORP.to_owned(),
        client: Client::with(options, access, shelf, Arc::clone(&clock)).expect("a client"),
        clock,
        ages: Ages {
            people_ms: 24 * HOUR,
            rooms_ms: 24 * HOUR,
            lists_ms: 12 * HOUR,
        },
        round: Round {
            sweep_from: 20,
            calls: 500,
        },
    }
}

/// Tells a story beside the loop of the program, and stops it at the end.
fn beside(story: impl AsyncFnOnce(&mut Scene)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut scene = Scene::new();
        let (desk, clock, url) = (scene.desk.clone(), scene.clock.clone(), scene.server.url());
        let (stopping, stop) = watch::channel(false);
        let asking = tokio::spawn(async move {
            let settle = || Ok(directory(&url, &clock));
            let time = Arc::new(clock.clone());
            keep_asking(&desk, "mock", INTERVAL, time, settle, &Notify::new(), stop).await;
        });
        story(&mut scene).await;
        stopping.send_replace(true);
        let ended = tokio::time::timeout(Duration::from_secs(10), asking).await;
        ended.expect("a stop ends it").expect("no panic");
    });
}

/// Every ten minutes of an hour something is landed; each time `look` says what holds then.
async fn hour(scene: &mut Scene, look: impl AsyncFn(&Scene, i64)) {
    let begin = scene.clock.now().0;
    for minute in 1..=60 {
        scene.clock.advance(begin + minute * 60_000).await;
        if minute % 10 == 5 {
            scene.pull().await;
        }
        look(scene, minute * 60_000).await;
    }
}

/// Passes that begin within so much time, when each is followed by the longer pause.
fn passes(time: i64) -> usize {
    1 + usize::try_from(time / LONGER).expect("a number")
}

async fn everybody_is_known(scene: &Scene) {
    let [people, rooms] = scene.heads().await;
    assert_eq!((people.unknown, people.not_available), (0, 0), "{people:?}");
    assert_eq!((rooms.unknown, rooms.not_available), (0, 0), "{rooms:?}");
    for nth in 0..scene.messages.len() {
        let staff = scene.name(Class::Person, format!("staff{nth}")).await;
        assert_eq!(staff, Some(format!("员工{nth}")));
        let outsider = scene.name(Class::Person, guest(100 + nth)).await;
        assert_eq!(outsider, Some(format!("客户{nth}")));
        let room = format!("wrHOUR{nth:014}");
        assert_eq!(
            scene.name(Class::Room, room.clone()).await,
            Some(format!("{room}的名称"))
        );
    }
}

#[test]
fn an_hour_without_the_directory_costs_few_calls_and_the_archive_nothing() {
    beside(async |scene| {
        scene.server.script(
            TOKEN,
            (0..10_000).map(|nth| match nth % 3 {
                0 => Reaction::HangUp,
                1 => Reaction::Status(502, "bad gateway".to_owned()),
                _ => Reaction::Torn("{".to_owned()),
            }),
        );
        scene.pull().await;
        hour(scene, async |scene, passed| {
            let most = passes(passed) * TRIES;
            assert!(scene.calls() <= most, "{} calls in {passed} ms", scene.calls());
        })
        .await;
        // Asked all the time, and landed all the time; only names are missing.
        assert!(scene.calls() >= passes(HOUR) - 1, "{}", scene.calls());
        assert_eq!(scene.server.count(TOKEN), scene.calls());
        assert_eq!(scene.messages.len(), 7);
        let [people, rooms] = scene.heads().await;
        assert_eq!((people.known, rooms.known), (0, 0));
        assert_eq!(
            (people.not_available, rooms.not_available),
            (0, 0),
            "nobody is declared gone"
        );

        scene.server.script_clear(TOKEN);
        let now = scene.clock.now().0;
        scene.clock.advance(now + LONGER).await;
        everybody_is_known(scene).await;
        // From now on a pass comes after the short pause again.
        scene.pull().await;
        let now = scene.clock.now().0;
        scene.clock.advance(now + 60_000).await;
        everybody_is_known(scene).await;
    });
}

#[test]
fn an_hour_of_one_limited_call_keeps_only_that_one_back() {
    const GET: &str = "/cgi-bin/user/get";
    beside(async |scene| {
        scene
            .server
            .script(GET, (0..10_000).map(|_| Reaction::Code(45009)));
        scene.pull().await;
        hour(scene, async |scene, passed| {
            let count = scene.server.count(GET);
            assert!(count <= passes(passed), "{count} calls in {passed} ms");
        })
        .await;
        assert!(scene.server.count(GET) >= passes(HOUR) - 1);
        // Whoever is asked about by other calls is known meanwhile.
        assert_eq!(
            scene.name(Class::Person, guest(100)).await,
            Some("客户0".to_owned())
        );
        assert_eq!(scene.name(Class::Person, "staff0".to_owned()).await, None);
        scene.server.script_clear(GET);
        let now = scene.clock.now().0;
        scene.clock.advance(now + LONGER).await;
        everybody_is_known(scene).await;
    });
}

/// Something in between answers everything with a page of its own, and says that all is well.
#[test]
fn an_hour_behind_a_foreign_page_asks_about_few_and_holds_up_nobody() {
    const PATHS: [&str; 8] = [
        "/cgi-bin/user/get",
        "/cgi-bin/externalcontact/get",
        "/cgi-bin/externalcontact/groupchat/get",
        "/cgi-bin/msgaudit/groupchat/get",
        "/cgi-bin/department/list",
        "/cgi-bin/externalcontact/get_corp_tag_list",
        "/cgi-bin/tag/list",
        "/cgi-bin/msgaudit/get_permit_user_list",
    ];
    beside(async |scene| {
        for path in PATHS {
            let page = || Reaction::Status(200, "<html>please sign in</html>".to_owned());
            scene.server.script(path, (0..10_000).map(|_| page()));
        }
        for _ in 0..6 {
            scene.pull().await;
        }
        hour(scene, async |scene, passed| {
            // Two tokens, and four ids until it is plain that nobody is answered for.
            let most = passes(passed) * (2 + 4 * TRIES);
            assert!(scene.calls() <= most, "{} calls in {passed} ms", scene.calls());
        })
        .await;
        assert_eq!(scene.messages.len(), 12);
        for path in PATHS {
            scene.server.script_clear(path);
        }
        // Who was never asked about is known after one pass; the few others when their time has come again.
        let now = scene.clock.now().0;
        scene.clock.advance(now + LONGER).await;
        let [people, rooms] = scene.heads().await;
        assert_eq!((people.unknown, rooms.unknown), (0, 0));
        assert!(people.not_available + rooms.not_available <= 4 * passes(HOUR) as u64);
        scene.clock.advance(now + 2 * HOUR).await;
        everybody_is_known(scene).await;
    });
}
