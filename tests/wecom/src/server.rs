//! A fake WeCom: the server side of its API as far as a client can notice, over real sockets.
//!
//! Tokens that expire and are revoked in mid-use, limits that bite, errors of every class, slow, torn and foreign answers,
//! paging that changes under the reader, and a record of everything that was asked. Its time is a number that tests move,
//! so that nothing waits.
//!
//! Must not know `src`: the rules here were written down a second time, from the reference.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// Where the clock begins: milliseconds since 1970.
const BEGIN: i64 = 1_800_000_000_000;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// Without parameters.
    pub path: String,
    /// Parameters, decoded.
    pub query: HashMap<String, String>,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// The server's time.
    pub at: i64,
    /// `host` as a proxy sees it; none for a direct call.
    pub through: Option<String>,
}

impl Asked {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What the server does about a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// Answers this.
    Json(Value),
    /// Answers an error in the documented form.
    Code(i64),
    /// Answers a status and a text, as something in between would.
    Status(u16, String),
    /// Announces more bytes than it sends, and hangs up.
    Torn(String),
    /// Hangs up without a word.
    HangUp,
    /// Waits so long before it goes on.
    Slow(Duration, Box<Reaction>),
    /// Answers a file.
    File(String, Vec<u8>),
}

type Handler = Arc<dyn Fn(&Asked) -> Reaction + Send + Sync>;

#[derive(Debug, Clone)]
struct Token {
    secret: String,
    ends: i64,
    revoked: bool,
}

#[derive(Debug)]
struct Limit {
    calls: usize,
    window_ms: i64,
}

#[derive(Default)]
struct State {
    /// corpid and secret.
    secrets: Vec<(String, String)>,
    /// Beginning of a path, and the secret it takes.
    rights: Vec<(String, String)>,
    tokens: HashMap<String, Token>,
    made: u64,
    life: i64,
    handlers: HashMap<String, Handler>,
    scripts: HashMap<String, VecDeque<Reaction>>,
    limits: HashMap<String, Vec<Limit>>,
    parallel: HashMap<String, usize>,
    running: HashMap<String, usize>,
    asked: Vec<Asked>,
    codes: HashMap<i64, usize>,
}

struct Shared {
    state: Mutex<State>,
    clock: Arc<AtomicI64>,
    stopped: AtomicBool,
}

/// The server; it ends when this is dropped.
pub struct WeCom {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl std::fmt::Debug for WeCom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WeCom({})", self.address)
    }
}

impl WeCom {
    /// A server that knows a company's two secrets, the archive's and an app's, and what each of them may ask.
    pub fn of(corpid: &str, archive: &str, app: &str) -> Self {
        let server = Self::start();
        server
            .secret(corpid, archive)
            .secret(corpid, app)
            .right("/cgi-bin/msgaudit/", archive)
            .right("/cgi-bin/externalcontact/", app);
        server
    }

    /// Starts on a free port of this machine.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                life: 7200,
                ..State::default()
            }),
            clock: Arc::new(AtomicI64::new(BEGIN)),
            stopped: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if server.stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    let server = Arc::clone(&server);
                    thread::spawn(move || server.serve(&stream));
                }
            }
        });
        Self { shared, address }
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's time, for tests to move and for a client's clock to share.
    pub fn clock(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.shared.clock)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// A company's secret that is good for a token.
    pub fn secret(&self, corpid: &str, secret: &str) -> &Self {
        self.state().secrets.push((corpid.into(), secret.into()));
        self
    }

    /// Takes a secret back, as a reset in the console does.
    pub fn reset(&self, secret: &str) {
        self.state().secrets.retain(|(_, known)| known != secret);
    }

    /// Paths that begin so take only tokens of that secret (48002).
    pub fn right(&self, path: &str, secret: &str) -> &Self {
        self.state().rights.push((path.into(), secret.into()));
        self
    }

    /// Seconds that tokens made from now on live.
    pub fn token_life(&self, seconds: i64) {
        self.state().life = seconds;
    }

    /// Every token dies now, as when the platform takes them back.
    pub fn revoke(&self) {
        self.state()
            .tokens
            .values_mut()
            .for_each(|token| token.revoked = true);
    }

    /// Answers a path by what it was asked.
    pub fn on(&self, path: &str, handler: impl Fn(&Asked) -> Reaction + Send + Sync + 'static) -> &Self {
        self.state().handlers.insert(path.into(), Arc::new(handler));
        self
    }

    /// Answers a path always the same.
    pub fn answer(&self, path: &str, answer: Value) -> &Self {
        self.on(path, move |_| Reaction::Json(answer.clone()))
    }

    /// What happens next on a path, before it goes on as usual. Comes before tokens are looked at.
    pub fn script(&self, path: &str, reactions: impl IntoIterator<Item = Reaction>) -> &Self {
        self.state()
            .scripts
            .entry(path.into())
            .or_default()
            .extend(reactions);
        self
    }

    /// Forgets what was scripted for a path.
    pub fn script_clear(&self, path: &str) {
        self.state().scripts.remove(path);
    }

    /// So many calls in any window of so many seconds; 45009 above.
    pub fn limit(&self, path: &str, calls: usize, seconds: i64) -> &Self {
        self.state().limits.entry(path.into()).or_default().push(Limit {
            calls,
            window_ms: seconds * 1000,
        });
        self
    }

    /// So many calls at once; 45033 above.
    pub fn parallel(&self, path: &str, calls: usize) -> &Self {
        self.state().parallel.insert(path.into(), calls);
        self
    }

    /// Everything that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How often a path was asked.
    pub fn count(&self, path: &str) -> usize {
        self.state()
            .asked
            .iter()
            .filter(|asked| asked.path == path)
            .count()
    }

    /// How often a code was answered.
    pub fn served(&self, code: i64) -> usize {
        self.state().codes.get(&code).copied().unwrap_or(0)
    }

    /// Every token that was ever given out.
    pub fn tokens(&self) -> Vec<String> {
        self.state().tokens.keys().cloned().collect()
    }
}

impl Drop for WeCom {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The listener looks up only when somebody calls.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(asked) = read(&mut reader, &self.clock) {
            let path = asked.path.clone();
            *self.state().running.entry(path.clone()).or_default() += 1;
            let reaction = self.react(&asked);
            let goes_on = self.write(stream, reaction);
            *self.state().running.entry(path).or_default() -= 1;
            if !goes_on {
                return;
            }
        }
    }

    fn react(&self, asked: &Asked) -> Reaction {
        let handler = {
            let mut state = self.state();
            state.asked.push(asked.clone());
            if let Some(scripted) = state.scripts.get_mut(&asked.path).and_then(VecDeque::pop_front) {
                return scripted;
            }
            if asked.path == "/cgi-bin/gettoken" {
                return state.token(asked);
            }
            // A robot's key stands for itself.
            if !asked.path.starts_with("/cgi-bin/webhook/")
                && let Some(refused) = state.unwelcome(asked)
            {
                return refused;
            }
            if state.too_often(asked) {
                return Reaction::Code(45009);
            }
            let most = state.parallel.get(&asked.path).copied().unwrap_or(usize::MAX);
            if state.running.get(&asked.path).copied().unwrap_or(0) > most {
                return Reaction::Code(45033);
            }
            state.handlers.get(&asked.path).cloned()
        };
        match handler {
            Some(handler) => handler(asked),
            None => Reaction::Json(json!({"errcode": 0, "errmsg": "ok"})),
        }
    }

    /// False when the connection is over.
    fn write(&self, mut stream: &TcpStream, reaction: Reaction) -> bool {
        let code = match &reaction {
            Reaction::Json(answer) => answer["errcode"].as_i64().unwrap_or(0),
            Reaction::Code(code) => *code,
            _ => 0,
        };
        *self.state().codes.entry(code).or_default() += 1;
        match reaction {
            Reaction::Json(answer) => put(
                stream,
                200,
                "application/json; charset=UTF-8",
                answer.to_string().as_bytes(),
            ),
            Reaction::Code(code) => put(
                stream,
                200,
                "application/json; charset=UTF-8",
                refusal(code, "refused").to_string().as_bytes(),
            ),
            Reaction::Status(status, text) => put(stream, status, "text/html", text.as_bytes()),
            Reaction::File(kind, bytes) => put(stream, 200, &kind, &bytes),
            Reaction::Torn(text) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len() + 50
                );
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.shutdown(Shutdown::Both);
                false
            }
            Reaction::HangUp => {
                let _ = stream.shutdown(Shutdown::Both);
                false
            }
            Reaction::Slow(pause, then) => {
                thread::sleep(pause);
                self.write(stream, *then)
            }
        }
    }
}

impl State {
    fn token(&mut self, asked: &Asked) -> Reaction {
        let given = |name: &str| asked.query.get(name).cloned().unwrap_or_default();
        let (corpid, secret) = (given("corpid"), given("corpsecret"));
        if !self.secrets.iter().any(|(known, _)| *known == corpid) {
            return Reaction::Code(40013);
        }
        if !self.secrets.contains(&(corpid, secret.clone())) {
            return Reaction::Code(40001);
        }
        self.made += 1;
        let token = format!(
            "CANARYtoken{}_{:x}",
            self.made,
            self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        );
        self.tokens.insert(
            token.clone(),
            Token {
                secret,
                ends: asked.at + self.life * 1000,
                revoked: false,
            },
        );
        Reaction::Json(json!({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": self.life}))
    }

    fn unwelcome(&self, asked: &Asked) -> Option<Reaction> {
        let Some(used) = asked.query.get("access_token").filter(|token| !token.is_empty()) else {
            return Some(Reaction::Code(41001));
        };
        let Some(token) = self.tokens.get(used).filter(|token| !token.revoked) else {
            // A clumsy server tells what it was given.
            return Some(Reaction::Json(refusal(
                40014,
                &format!("invalid access_token {used}"),
            )));
        };
        if token.ends <= asked.at {
            return Some(Reaction::Code(42001));
        }
        self.rights
            .iter()
            .find(|(path, _)| asked.path.starts_with(path))
            .filter(|(_, secret)| *secret != token.secret)
            .map(|_| Reaction::Code(48002))
    }

    fn too_often(&self, asked: &Asked) -> bool {
        let Some(limits) = self.limits.get(&asked.path) else {
            return false;
        };
        limits.iter().any(|limit| {
            let recent = self
                .asked
                .iter()
                .filter(|earlier| earlier.path == asked.path && earlier.at > asked.at - limit.window_ms)
                .count();
            recent > limit.calls
        })
    }
}

/// An error in the documented form.
pub fn refusal(code: i64, text: &str) -> Value {
    json!({
        "errcode": code,
        "errmsg": format!(
            "{text}, hint: [1700000000000000000000001], from ip: 203.0.113.7, more info at \
             https://open.work.weixin.qq.com/devtool/query?e={code}"
        ),
    })
}

/// The time of this machine as a server tells it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days of a calendar that begins in March (the civil calendar's usual arithmetic).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(month >= 10);
    let months = [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
    ];
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        weekdays[(days % 7) as usize],
        months[month as usize],
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

fn put(mut stream: &TcpStream, status: u16, kind: &str, body: &[u8]) -> bool {
    let head = format!(
        "HTTP/1.1 {status} X\r\nDate: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        date(),
        body.len()
    );
    let mut whole = head.into_bytes();
    whole.extend_from_slice(body);
    stream.write_all(&whole).is_ok()
}

fn read(reader: &mut BufReader<&TcpStream>, clock: &AtomicI64) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    // Only now: a connection may have waited long for its next request.
    let at = clock.load(Ordering::SeqCst);
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    // A proxy is asked for a whole address.
    let (through, target) = match target.strip_prefix("http://") {
        Some(rest) => {
            let slash = rest.find('/').unwrap_or(rest.len());
            (Some(rest[..slash].to_owned()), rest[slash..].to_owned())
        }
        None => (None, target),
    };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked {
        method,
        path: path.to_owned(),
        query: query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect(),
        headers,
        body,
        at,
        through,
    })
}

fn decoded(text: &str) -> String {
    let bytes = text.replace('+', " ").into_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
