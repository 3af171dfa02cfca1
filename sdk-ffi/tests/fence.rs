//! The fence on a library compiled here: loading, ownership, the child's loop over pipes in memory.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use sdk_ffi::child::{self, Process};
use sdk_ffi::handle::Sdk;
use sdk_ffi::load::{Library, LoadError, fingerprint};
use sdk_ffi::mark::Mark;
use sdk_ffi::wire::{self, Batch, Fields, Frame, HEADER, Header, Hello, Kind, Welcome, WireError};
use tempfile::TempDir;

/// Compiles the odd SDK under its own name, so that every test has its own counters.
fn odd_sdk(folder: &TempDir, options: &[&str]) -> PathBuf {
    let library = folder.path().join("libodd.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/odd_sdk.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-w", source, "-o"])
        .arg(&library)
        .args(options);
    assert!(cc.status().expect("a C compiler named cc").success());
    library
}

fn live(library: &Path) -> i32 {
    // SAFETY: the library is the one compiled above, already loaded, and the function has this signature.
    unsafe {
        let again = libloading::Library::new(library).unwrap();
        again.get::<unsafe extern "C" fn() -> i32>("OddLive").unwrap()()
    }
}

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

#[test]
fn a_library_without_all_symbols_is_refused_with_every_missing_name() {
    let folder = TempDir::new().unwrap();
    let path = odd_sdk(&folder, &["-DMISSING"]);
    match Library::open(&path).unwrap_err() {
        LoadError::Missing { missing, .. } => {
            assert_eq!(missing, ["GetSliceLen", "NewMediaData", "FreeMediaData"]);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_that_is_no_library_is_refused_with_the_loaders_words() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("text.so");
    std::fs::write(&path, "not a library").unwrap();
    let error = Library::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("text.so") && (error.contains("ELF") || error.contains("short")),
        "{error}"
    );
    assert!(
        Library::open(&folder.path().join("absent.so"))
            .unwrap_err()
            .to_string()
            .contains("No such file")
    );
}

#[test]
fn every_object_is_freed_exactly_once() {
    let folder = TempDir::new().unwrap();
    let path = odd_sdk(&folder, &[]);
    let library = Library::open(&path).unwrap();
    {
        let refused = Sdk::new(&library).unwrap().init(c"", c"secret");
        assert_eq!(refused.err(), Some(10000));
        assert_eq!(live(&path), 0, "a handle whose Init failed is destroyed");

        let mut sdk = Sdk::new(&library).unwrap().init(c"corp", c"secret").unwrap();
        let (code, page) = sdk.chat_data(41, 7, c"http://p", c"u:p", 5).unwrap();
        assert_eq!(code, 0);
        let text = std::str::from_utf8(page.bytes()).unwrap();
        assert!(
            text.contains("\"seq\":42") && text.contains("http://p|u:p|5"),
            "{text}"
        );
        let (code, refused) = sdk.decrypt(c"key", c"code:10008").unwrap();
        assert_eq!(
            (code, refused.bytes()),
            (10008, &b"said no"[..]),
            "read although the call failed"
        );
        let (_, empty) = sdk.decrypt(c"key", c"empty").unwrap();
        assert_eq!(empty.bytes(), b"", "a NULL buffer is nothing");
        let (code, chunk) = sdk.media_chunk(c"", c"file", c"", c"", 5).unwrap();
        assert_eq!(
            (code, chunk.data(), chunk.finished()),
            (0, &b"one\0more"[..], false)
        );
        let next = c(std::str::from_utf8(chunk.next_index()).unwrap());
        let (_, chunk) = sdk.media_chunk(&next, c"file", c"", c"", 5).unwrap();
        assert_eq!((chunk.data(), chunk.finished()), (&b"the last"[..], true));
        assert!(live(&path) > 4);
    }
    assert_eq!(live(&path), 0);
}

#[test]
fn a_fingerprint_is_the_files_sha_256() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("abc");
    std::fs::write(&path, "abc").unwrap();
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(fingerprint(&path).unwrap(), (known.to_owned(), 3));
}

/// One reply.
type Said = (Header, Vec<u8>);

/// A conversation written down in advance.
struct Script {
    requests: Vec<u8>,
    number: u32,
    folder: TempDir,
}

impl Script {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        File::create(folder.path().join("mark")).unwrap();
        Self {
            requests: Vec::new(),
            number: 0,
            folder,
        }
    }

    fn say(mut self, kind: Kind, payload: impl FnOnce(&mut Frame<'_>)) -> Self {
        self.number += 1;
        let mut buffer = Vec::new();
        let mut frame = Frame::begin(&mut buffer, kind, false, self.number);
        payload(&mut frame);
        frame.finish().unwrap();
        self.requests.extend(buffer);
        self
    }

    fn hello(self, library: &Path) -> Self {
        let mark = self.folder.path().join("mark");
        self.say(Kind::Hello, |frame| {
            Hello {
                library,
                mark: &mark,
                keep_proxies: true,
            }
            .write(frame)
        })
    }

    fn init(self, corpid: &str) -> Self {
        self.say(Kind::Init, |frame| {
            frame.bytes(corpid.as_bytes());
            frame.bytes(b"secret");
        })
    }

    fn decrypt(self, items: &[(&str, &str)]) -> Self {
        self.say(Kind::Decrypt, |frame| {
            Batch::write(
                frame,
                items.iter().map(|(key, body)| (key.as_bytes(), body.as_bytes())),
            );
        })
    }

    fn play(&self) -> (Vec<Said>, Result<(), WireError>) {
        let mut replies = Vec::new();
        let end = child::serve(&mut Cursor::new(&self.requests), &mut replies, Process::Borrowed);
        let (mut from, mut said) = (Cursor::new(replies), Vec::new());
        let mut payload = Vec::new();
        while let Some(header) = wire::read_frame(&mut from, &mut payload).unwrap() {
            said.push((header, payload.clone()));
        }
        (said, end)
    }
}

#[test]
fn the_childs_loop_greets_initialises_and_opens_a_batch_in_order() {
    let folder = TempDir::new().unwrap();
    let path = odd_sdk(&folder, &[]);
    let script = Script::new().hello(&path).init("corp").decrypt(&[
        ("k1", "first"),
        ("k2", "code:10008"),
        ("k3", "third\0hidden"),
    ]);
    let (said, end) = script.play();
    end.unwrap();
    assert_eq!(
        said.iter()
            .map(|(h, _)| (h.kind, h.reply, h.number))
            .collect::<Vec<_>>(),
        [
            (Kind::Hello, true, 1),
            (Kind::Init, true, 2),
            (Kind::Decrypt, true, 3)
        ]
    );
    let welcome = Welcome::read(&said[0].1).unwrap();
    assert!(
        welcome.loaded && welcome.missing.is_empty() && welcome.resident > 100_000,
        "{welcome:?}"
    );
    assert_eq!((welcome.sha256, welcome.size), fingerprint(&path).unwrap());

    let mut fields = Fields::new(&said[2].1);
    assert!(fields.u64().unwrap() > 100_000, "resident size");
    assert_eq!(fields.u32().unwrap(), 3);
    for (code, text) in [(0, "k1 opens first"), (10008, "said no"), (0, "k3 opens third")] {
        assert_eq!((fields.i32().unwrap(), fields.text().unwrap()), (code, text));
    }
    fields.done().unwrap();
    let mark = Mark::read(&File::open(script.folder.path().join("mark")).unwrap()).unwrap();
    assert_eq!((mark.request, mark.inside), (3, false));
    assert_eq!(live(&path), 0);
}

#[test]
fn a_library_that_does_not_load_is_reported_in_the_greeting() {
    let folder = TempDir::new().unwrap();
    let (said, end) = Script::new().hello(&odd_sdk(&folder, &["-DMISSING"])).play();
    end.unwrap();
    let welcome = Welcome::read(&said[0].1).unwrap();
    assert!(!welcome.loaded);
    assert_eq!(welcome.missing, ["GetSliceLen", "NewMediaData", "FreeMediaData"]);
    assert_eq!(welcome.sha256.len(), 64);

    let (said, _) = Script::new().hello(&folder.path().join("absent.so")).play();
    let welcome = Welcome::read(&said[0].1).unwrap();
    assert!(!welcome.loaded && welcome.sha256.is_empty() && welcome.refusal.contains("absent.so"));
}

#[test]
fn nothing_is_opened_before_init_and_nothing_is_initialised_twice() {
    let folder = TempDir::new().unwrap();
    let path = odd_sdk(&folder, &[]);
    let early = Script::new().hello(&path).decrypt(&[("key", "body")]).play();
    assert_eq!(early.0.len(), 1);
    assert!(early.1.unwrap_err().to_string().contains("before Init"));
    let twice = Script::new().hello(&path).init("corp").init("corp").play();
    assert!(twice.1.unwrap_err().to_string().contains("second Init"));
    let refused = Script::new()
        .hello(&path)
        .init("")
        .decrypt(&[("key", "body")])
        .play();
    assert_eq!(refused.0.len(), 2);
    assert!(refused.1.unwrap_err().to_string().contains("before Init"));
}

#[test]
fn a_peer_without_a_greeting_is_refused() {
    let script = Script::new().init("corp");
    assert!(script.play().1.unwrap_err().to_string().contains("greeting"));
    assert!(
        Script::new()
            .play()
            .1
            .unwrap_err()
            .to_string()
            .contains("greeting")
    );
    let mut replies = Vec::new();
    let end = child::serve(
        &mut Cursor::new(b"GET / HTTP/1.1\r\n\r\n"),
        &mut replies,
        Process::Borrowed,
    );
    assert!(end.unwrap_err().to_string().contains("not a frame"));
    assert!(replies.is_empty());
}

#[test]
fn a_header_that_claims_more_than_the_bound_takes_no_memory() {
    let mut bytes = Vec::new();
    Frame::begin(&mut bytes, Kind::Init, false, 1).finish().unwrap();
    bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut payload = Vec::new();
    assert!(matches!(
        wire::read_frame(&mut Cursor::new(&bytes), &mut payload),
        Err(WireError::TooLong(_))
    ));
    // Below the bound and yet not there: memory is taken as bytes arrive.
    bytes[8..12].copy_from_slice(&(wire::MAX_PAYLOAD as u32).to_le_bytes());
    assert!(matches!(
        wire::read_frame(&mut Cursor::new(&bytes), &mut payload),
        Err(WireError::Io(_))
    ));
    assert!(payload.capacity() < 4 << 20);
}

#[derive(Debug, Clone)]
enum Field {
    U8(u8),
    U32(u32),
    I32(i32),
    U64(u64),
    Bytes(Vec<u8>),
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        any::<u8>().prop_map(Field::U8),
        any::<u32>().prop_map(Field::U32),
        any::<i32>().prop_map(Field::I32),
        any::<u64>().prop_map(Field::U64),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Field::Bytes),
    ]
}

proptest! {
    #[test]
    fn what_goes_into_a_frame_comes_out(fields in prop::collection::vec(field(), 0..20), number: u32) {
        let mut bytes = Vec::new();
        let mut frame = Frame::begin(&mut bytes, Kind::ChatData, true, number);
        for field in &fields {
            match field {
                Field::U8(v) => frame.u8(*v),
                Field::U32(v) => frame.u32(*v),
                Field::I32(v) => frame.i32(*v),
                Field::U64(v) => frame.u64(*v),
                Field::Bytes(v) => frame.bytes(v),
            }
        }
        frame.finish().unwrap();
        let mut payload = Vec::new();
        let header = wire::read_frame(&mut Cursor::new(&bytes), &mut payload).unwrap().unwrap();
        prop_assert_eq!(header, Header { kind: Kind::ChatData, reply: true, number, len: bytes.len() - HEADER });
        let mut read = Fields::new(&payload);
        for field in &fields {
            match field {
                Field::U8(v) => prop_assert_eq!(read.u8().unwrap(), *v),
                Field::U32(v) => prop_assert_eq!(read.u32().unwrap(), *v),
                Field::I32(v) => prop_assert_eq!(read.i32().unwrap(), *v),
                Field::U64(v) => prop_assert_eq!(read.u64().unwrap(), *v),
                Field::Bytes(v) => prop_assert_eq!(read.bytes().unwrap(), v),
            }
        }
        read.done().unwrap();

        // Every proper beginning of a frame is an error, except the empty one, which is a clean end.
        for cut in 0..bytes.len() {
            let short = wire::read_frame(&mut Cursor::new(&bytes[..cut]), &mut payload);
            prop_assert_eq!(short.is_err(), cut > 0);
        }
    }

    #[test]
    fn arbitrary_bytes_never_do_more_than_fail(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut payload = Vec::new();
        let _ = wire::read_frame(&mut Cursor::new(&bytes), &mut payload);
        let _ = (Hello::read(&bytes), Welcome::read(&bytes));
        if let Ok(mut batch) = Batch::read(&bytes) {
            for _ in 0..batch.count {
                if batch.item().is_err() { break; }
            }
        }
        let mut fields = Fields::new(&bytes);
        while fields.bytes().is_ok() || fields.c_str().is_ok() || fields.u64().is_ok() {}
    }

    #[test]
    fn a_well_formed_header_over_garbage_ends_the_childs_loop_with_an_error(
        kind in prop::sample::select(&[Kind::Init, Kind::ChatData, Kind::Decrypt, Kind::MediaChunk][..]),
        garbage in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        // No library is loaded: the loop must not get as far as needing one.
        let mut bytes = Vec::new();
        Frame::begin(&mut bytes, kind, false, 1).finish().unwrap();
        bytes[8] = garbage.len() as u8;
        bytes.extend(garbage);
        prop_assert!(child::serve(&mut Cursor::new(bytes), &mut Vec::new(), Process::Borrowed).is_err());
    }

    #[test]
    fn a_batch_keeps_keys_and_bodies_together(
        items in prop::collection::vec(("[ -~]{0,40}", "[ -~]{0,80}"), 0..20),
    ) {
        let mut bytes = Vec::new();
        let mut frame = Frame::begin(&mut bytes, Kind::Decrypt, false, 9);
        let written = Batch::write(&mut frame, items.iter().map(|(key, body)| (key.as_bytes(), body.as_bytes())));
        frame.finish().unwrap();
        let mut batch = Batch::read(&bytes[HEADER..]).unwrap();
        prop_assert_eq!((batch.count as usize, batch.secret_prefix), (items.len(), written));
        for (key, body) in &items {
            let (k, b) = batch.item().unwrap();
            prop_assert_eq!((k, b), (&*CString::new(key.as_str()).unwrap(), &*CString::new(body.as_str()).unwrap()));
        }
        let secret = &bytes[HEADER..HEADER + batch.secret_prefix];
        for (_, body) in items.iter().filter(|(_, body)| body.len() > 20) {
            prop_assert!(!secret.windows(body.len()).any(|w| w == body.as_bytes())
                || items.iter().any(|(key, _)| key.contains(body.as_str())));
        }
    }
}

#[test]
fn a_string_ends_at_its_first_zero_as_in_c() {
    let mut bytes = Vec::new();
    let mut frame = Frame::begin(&mut bytes, Kind::Init, false, 1);
    frame.bytes(b"ab\0cd");
    frame.finish().unwrap();
    assert_eq!(Fields::new(&bytes[HEADER..]).c_str().unwrap(), c"ab" as &CStr);
    assert_eq!(Fields::new(&bytes[HEADER..]).bytes().unwrap(), b"ab\0cd");
}
