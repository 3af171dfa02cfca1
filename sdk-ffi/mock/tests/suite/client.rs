//! A client as others write it for the official library: opens the shared object, knows the header and nothing else.
//! It runs in a process of its own, made by starting this test binary again, because much of what it does is fatal.

use std::{
    env,
    ffi::{CStr, CString, OsString, c_char, c_int, c_uint, c_ulonglong, c_void},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    ptr,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libloading::Library;
use serde::{Deserialize, Serialize};

const SCRIPT: &str = "MOCK_TEST_SCRIPT";

/// One thing the client does.
#[derive(Serialize, Deserialize, Clone)]
pub enum Step {
    New,
    Init(Option<String>, Option<String>),
    ChatData {
        seq: u64,
        limit: u32,
        timeout: i32,
    },
    Decrypt {
        key: Option<String>,
        body: String,
    },
    Media {
        cursor: Option<String>,
        id: Option<String>,
        timeout: i32,
    },
    Destroy,
    /// Frees the same slice twice.
    DoubleFree,
    /// Numbers of live handles, slices, media objects, and of a kind that does not exist.
    Live,
}

/// What a step gave: the return code, whether the content pointer was NULL, and the content.
#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
pub struct Outcome {
    pub code: i32,
    pub null: bool,
    pub content: String,
    pub next: String,
    pub finished: i32,
}

impl Outcome {
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.content).unwrap()
    }
}

/// A client process that is under way.
pub struct Running {
    pub child: Child,
    folder: tempfile::TempDir,
}

/// How a client ended.
pub struct Ended {
    pub status: std::process::ExitStatus,
    pub outcomes: Vec<Outcome>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Starts a client in a process of its own.
pub fn start(corpus: Option<&Path>, steps: &[Step]) -> Running {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("steps"), serde_json::to_vec(steps).unwrap()).unwrap();
    let file = |name: &str| fs::File::create(folder.path().join(name)).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "client::runs_the_script_it_is_given", "--nocapture"])
        .env(SCRIPT, folder.path())
        .env_remove(sdk_mock::CORPUS_VARIABLE)
        .stdin(Stdio::null())
        .stdout(file("stdout"))
        .stderr(file("stderr"));
    if let Some(corpus) = corpus {
        command.env(sdk_mock::CORPUS_VARIABLE, corpus);
    }
    Running {
        child: command.spawn().unwrap(),
        folder,
    }
}

/// Runs a client to its end.
pub fn run(corpus: Option<&Path>, steps: &[Step]) -> Ended {
    let mut running = start(corpus, steps);
    let status = running.child.wait().unwrap();
    running.ended(status)
}

impl Running {
    /// How many steps have been done.
    pub fn done(&self) -> usize {
        fs::read_to_string(self.folder.path().join("outcomes"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    pub fn ended(self, status: std::process::ExitStatus) -> Ended {
        let read = |name: &str| fs::read(self.folder.path().join(name)).unwrap_or_default();
        let outcomes = String::from_utf8(read("outcomes")).unwrap();
        Ended {
            status,
            outcomes: outcomes
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            stdout: read("stdout"),
            stderr: String::from_utf8_lossy(&read("stderr")).into_owned(),
        }
    }
}

/// The library that cargo built for this test.
pub fn library() -> PathBuf {
    let program = env::current_exe().unwrap();
    // `deps/` first: a test builds the library there, and lifts no copy up.
    let deps = program.with_file_name(sdk_mock::LIBRARY_FILE);
    if deps.is_file() {
        deps
    } else {
        sdk_mock::find_library(&program).expect("cargo builds the library for this test")
    }
}

/// Started by [`start`] as the client. Run as an ordinary test it checks that the library is there to be loaded.
#[test]
fn runs_the_script_it_is_given() {
    let folder: Option<OsString> = env::var_os(SCRIPT);
    let Some(folder) = folder.map(PathBuf::from) else {
        assert!(library().is_file());
        return;
    };
    let steps: Vec<Step> = serde_json::from_slice(&fs::read(folder.join("steps")).unwrap()).unwrap();
    let mut outcomes = fs::File::create(folder.join("outcomes")).unwrap();
    let mut client = Client::load(&library());
    for step in steps {
        for outcome in client.step(step) {
            let mut line = serde_json::to_vec(&outcome).unwrap();
            line.push(b'\n');
            outcomes.write_all(&line).unwrap();
        }
    }
    std::process::exit(0);
}

struct Client {
    library: Library,
    sdk: *mut c_void,
}

type Object = *mut c_void;
type Text = *const c_char;

macro_rules! call {
    ($client:expr, $name:literal, fn($($kind:ty),*) -> $result:ty, $($value:expr),*) => {{
        // SAFETY: the signature is the header's (finance-sdk §3); the arguments are live objects or texts.
        unsafe {
            let function = $client.library.get::<unsafe extern "C" fn($($kind),*) -> $result>($name).unwrap();
            function($($value),*)
        }
    }};
}

impl Client {
    fn load(path: &Path) -> Self {
        // SAFETY: the mock has no initialisers.
        let library = unsafe { Library::new(path) }.unwrap();
        Self {
            library,
            sdk: ptr::null_mut(),
        }
    }

    fn step(&mut self, step: Step) -> Vec<Outcome> {
        let code = |code: i32| {
            vec![Outcome {
                code,
                ..Outcome::default()
            }]
        };
        match step {
            Step::New => {
                self.sdk = call!(self, b"NewSdk", fn() -> Object,);
                code(i32::from(self.sdk.is_null()))
            }
            Step::Init(corpid, secret) => {
                let (corpid, secret) = (c_text(corpid), c_text(secret));
                code(call!(
                    self,
                    b"Init",
                    fn(Object, Text, Text) -> c_int,
                    self.sdk,
                    pointer(&corpid),
                    pointer(&secret)
                ))
            }
            Step::Destroy => {
                call!(self, b"DestroySdk", fn(Object) -> (), self.sdk);
                code(0)
            }
            Step::ChatData { seq, limit, timeout } => {
                let slice = call!(self, b"NewSlice", fn() -> Object,);
                let code = call!(
                    self,
                    b"GetChatData",
                    fn(Object, c_ulonglong, c_uint, Text, Text, c_int, Object) -> c_int,
                    self.sdk,
                    seq,
                    limit,
                    ptr::null(),
                    c"".as_ptr(),
                    timeout,
                    slice
                );
                vec![self.slice(code, slice)]
            }
            Step::Decrypt { key, body } => {
                let slice = call!(self, b"NewSlice", fn() -> Object,);
                let (key, body) = (c_text(key), c_text(Some(body)));
                let code = call!(
                    self,
                    b"DecryptData",
                    fn(Text, Text, Object) -> c_int,
                    pointer(&key),
                    pointer(&body),
                    slice
                );
                vec![self.slice(code, slice)]
            }
            Step::Media { cursor, id, timeout } => {
                let media = call!(self, b"NewMediaData", fn() -> Object,);
                let (cursor, id) = (c_text(cursor), c_text(id));
                let code = call!(
                    self,
                    b"GetMediaData",
                    fn(Object, Text, Text, Text, Text, c_int, Object) -> c_int,
                    self.sdk,
                    pointer(&cursor),
                    pointer(&id),
                    ptr::null(),
                    ptr::null(),
                    timeout,
                    media
                );
                vec![self.media(code, media)]
            }
            Step::DoubleFree => {
                let slice = call!(self, b"NewSlice", fn() -> Object,);
                call!(self, b"FreeSlice", fn(Object) -> (), slice);
                call!(self, b"FreeSlice", fn(Object) -> (), slice);
                code(0)
            }
            Step::Live => (0..4)
                .map(|kind| {
                    let live = call!(self, b"ShiguanMockLiveObjects", fn(c_int) -> c_int, kind);
                    Outcome {
                        code: live,
                        ..Outcome::default()
                    }
                })
                .collect(),
        }
    }

    fn slice(&self, code: i32, slice: Object) -> Outcome {
        let content = call!(self, b"GetContentFromSlice", fn(Object) -> Text, slice);
        let len = call!(self, b"GetSliceLen", fn(Object) -> c_int, slice);
        let outcome = Outcome {
            code,
            null: content.is_null(),
            content: encoded(content, len),
            ..Outcome::default()
        };
        if !content.is_null() {
            // SAFETY: for clients that use `strlen` there is a NUL behind the bytes.
            assert!(unsafe { CStr::from_ptr(content) }.to_bytes().len() <= len as usize);
        }
        call!(self, b"FreeSlice", fn(Object) -> (), slice);
        outcome
    }

    fn media(&self, code: i32, media: Object) -> Outcome {
        let data = call!(self, b"GetData", fn(Object) -> Text, media);
        let len = call!(self, b"GetDataLen", fn(Object) -> c_int, media);
        let cursor = call!(self, b"GetOutIndexBuf", fn(Object) -> Text, media);
        let cursor_len = call!(self, b"GetIndexLen", fn(Object) -> c_int, media);
        let finished = call!(self, b"IsMediaDataFinish", fn(Object) -> c_int, media);
        let next = STANDARD.decode(encoded(cursor, cursor_len)).unwrap();
        let outcome = Outcome {
            code,
            null: data.is_null(),
            content: encoded(data, len),
            next: String::from_utf8(next).unwrap(),
            finished,
        };
        call!(self, b"FreeMediaData", fn(Object) -> (), media);
        outcome
    }
}

fn encoded(content: Text, len: c_int) -> String {
    if content.is_null() {
        assert_eq!(len, 0);
        return String::new();
    }
    // SAFETY: the library says that so many bytes are there.
    STANDARD.encode(unsafe { std::slice::from_raw_parts(content.cast::<u8>(), len as usize) })
}

fn c_text(text: Option<String>) -> Option<CString> {
    text.map(|text| CString::new(text).unwrap())
}

fn pointer(text: &Option<CString>) -> Text {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}
