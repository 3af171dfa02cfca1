//! Bounds that only real connections show.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use super::*;

/// Far longer than anything here may take.
const NEVER: Duration = Duration::from_secs(600);
const LONG: Duration = Duration::from_secs(60);

fn limits() -> Limits {
    Limits {
        connections: 4,
        head: NEVER,
        body: NEVER,
        answer: NEVER,
        whole: NEVER,
        leave: Duration::from_millis(50),
    }
}

fn start(limits: Limits) -> (SocketAddr, watch::Sender<bool>, JoinHandle<io::Result<()>>) {
    let (events, _gone) = mpsc::channel(1);
    let listener = Listener::bind(Options {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        doors: Vec::new(),
        events,
        limits,
    })
    .unwrap();
    let address = listener.address().unwrap();
    let (stop, stopped) = watch::channel(false);
    (address, stop, tokio::spawn(listener.serve(stopped)))
}

/// Waits until the other side hangs up; what it said before.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let ended = time::timeout(LONG, stream.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "still open");
    String::from_utf8(said).unwrap()
}

async fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    rest(&mut stream).await
}

#[tokio::test]
async fn when_all_places_are_taken_the_oldest_makes_room() {
    let (address, _stop, _task) = start(limits());
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(ask(address).await.starts_with("HTTP/1.1 404 "));
    // Ten and one came, four have places: those before were pushed out, long before any wait of theirs ended.
    for stream in &mut silent[..7] {
        assert_eq!(rest(stream).await, "");
    }
    let youngest = &mut silent[9];
    let open = time::timeout(Duration::from_millis(50), youngest.read_u8()).await;
    assert!(open.is_err(), "the youngest was pushed out");
}

#[tokio::test]
async fn who_waits_for_a_genuine_event_to_be_kept_makes_room_for_nobody() {
    let mut by_age = VecDeque::new();
    let mut tasks = JoinSet::new();
    let mut come = |by_age: &mut VecDeque<_>, genuine: bool| {
        make_room(by_age, 3);
        let connection = Arc::new(Connection::new());
        connection.genuine.store(genuine, Ordering::Relaxed);
        let task = tasks.spawn(std::future::pending::<()>());
        by_age.push_back((task.id(), task, connection));
    };
    let stay = |by_age: &VecDeque<(Id, AbortHandle, Arc<Connection>)>| -> Vec<bool> {
        let of = |(_, _, connection): &(_, _, Arc<Connection>)| connection.genuine.load(Ordering::Relaxed);
        by_age.iter().map(of).collect()
    };
    for genuine in [true, false, true, false, false] {
        come(&mut by_age, genuine);
    }
    assert_eq!(stay(&by_age), [true, false, true, false, false]);
    come(&mut by_age, false);
    assert_eq!(stay(&by_age), [true, true, false, false, false]);
    for _ in 0..5 {
        come(&mut by_age, true);
    }
    assert_eq!(stay(&by_age).iter().filter(|genuine| **genuine).count(), 7);
}

#[tokio::test]
async fn a_connection_is_for_one_request() {
    let (address, _stop, _task) = start(limits());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let twice = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2);
    stream.write_all(&twice).await.unwrap();
    let mut said = [0; 512];
    let length = time::timeout(LONG, stream.read(&mut said))
        .await
        .unwrap()
        .unwrap();
    let said = std::str::from_utf8(&said[..length]).unwrap();
    assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
    assert!(said.contains("connection: close"), "{said}");
    // What was left unread may end it harder than by a mere end.
    let end = time::timeout(LONG, stream.read_u8()).await.expect("still open");
    assert!(end.is_err(), "more was said");
}

#[tokio::test]
async fn whoever_says_nothing_is_given_up_in_time() {
    let short = Duration::from_millis(50);
    for limits in [
        Limits {
            head: short,
            ..limits()
        },
        Limits {
            whole: short,
            ..limits()
        },
    ] {
        let (address, _stop, _task) = start(limits);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        let said = rest(&mut stream).await;
        assert!(!said.contains(" 200 "), "{said}");
    }
}

#[tokio::test]
async fn a_stop_ends_the_listener_also_while_somebody_dawdles() {
    let (address, stop, task) = start(limits());
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert!(ask(address).await.starts_with("HTTP/1.1 404 "));
    stop.send_replace(true);
    let ended = time::timeout(LONG, task).await.expect("it ends");
    assert!(ended.unwrap().is_ok());
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn the_listener_ends_when_nobody_is_left_to_stop_it() {
    let (_, stop, task) = start(limits());
    drop(stop);
    assert!(time::timeout(LONG, task).await.expect("it ends").unwrap().is_ok());
}
