//! The loop against servers that behave and servers that do not.

use std::{collections::VecDeque, io::Write as _};

use bytes::Bytes;
use md5::Md5;
use proptest::prelude::*;
use sdk_ffi::codes::Code;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    media::sniff::sniff,
    source::{Call, Error},
};

const PLENTY: Limits = Limits { most: 1 << 30 };

/// A server with a file and a list of answers that go wrong before it goes on.
struct Server {
    file: Vec<u8>,
    chunk: usize,
    odd: VecDeque<Odd>,
    calls: usize,
}

#[derive(Debug, Clone, Copy)]
enum Odd {
    Right,
    Fails(i32),
    Empty,
    Stuck,
}

impl ChunkPort for Server {
    async fn chunk(&mut self, _: &Secret, cursor: &str) -> Result<Chunk, Error> {
        self.calls += 1;
        let from: usize = cursor.parse().unwrap_or(0);
        let end = (from + self.chunk).min(self.file.len());
        let chunk = Chunk {
            data: self.file[from..end].to_vec().into(),
            next: end.to_string(),
            finished: end == self.file.len(),
        };
        match self.odd.pop_front().unwrap_or(Odd::Right) {
            Odd::Right => Ok(chunk),
            Odd::Fails(code) => Err(Error::Sdk {
                call: Call::Media,
                code: Code::from_raw(code).expect("not 0"),
                errcode: 0,
                message: String::new(),
            }),
            Odd::Empty => Ok(Chunk {
                data: Bytes::new(),
                finished: false,
                ..chunk
            }),
            Odd::Stuck => Ok(Chunk {
                next: cursor.to_owned(),
                finished: false,
                ..chunk
            }),
        }
    }
}

fn server(file: Vec<u8>, chunk: usize, odd: &[Odd]) -> Server {
    Server {
        file,
        chunk,
        odd: odd.iter().copied().collect(),
        calls: 0,
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}

fn digesters() -> Digesters {
    Digesters::start().expect("two threads")
}

async fn begin(path: &Path, announced: &Announced) -> Download {
    Download::take_up(path, 0, &Secret::default(), announced, PLENTY, &digesters())
        .await
        .expect("begun")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the chunks, wherever it stops, however often it fails on the way: in the end the bytes are there.
    #[test]
    fn a_file_taken_up_again_and_again_is_the_file(
        file in proptest::collection::vec(any::<u8>(), 0..5000),
        chunk in 1usize..900,
        odd in proptest::collection::vec(
            prop_oneof![Just(Odd::Right), Just(Odd::Fails(10001)), Just(Odd::Fails(10003)), Just(Odd::Empty), Just(Odd::Stuck)], 0..30),
        leave in proptest::collection::vec(1usize..6, 0..5),
        lost in 0usize..3,
    ) {
        run(async {
            let scratch = tempfile::tempdir().expect("a folder");
            let path = scratch.path().join("begun/1");
            let handle = Secret::new("h");
            let announced = Announced { size: Some(file.len() as u64), md5: None };
            let mut port = server(file.clone(), chunk, &odd);
            let digesters = digesters();
            let (mut have, mut cursor) = (0, Secret::default());
            let mut leave = leave.into_iter();
            let whole = 'file: loop {
                let mut download =
                    Download::take_up(&path, have, &cursor, &announced, PLENTY, &digesters).await.expect("taken up");
                let mut steps = leave.next().unwrap_or(usize::MAX);
                while steps > 0 {
                    steps -= 1;
                    match download.step(&mut port, &handle).await {
                        Ok(Step::Whole(whole)) => break 'file whole,
                        Ok(Step::More) | Err(Fault::Passing(_) | Fault::Nonsense(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
                (have, cursor) = download.reach().await.expect("reached");
                drop(download);
                // What was not told may have been written; it must not count. And a beginning may be lost.
                std::fs::OpenOptions::new().append(true).open(&path).and_then(|mut f| f.write_all(b"torn")).expect("written");
                if lost == 0 { std::fs::remove_file(&path).expect("removed"); }
            };
            prop_assert_eq!(std::fs::read(&path).expect("a file"), file.clone());
            prop_assert_eq!(whole.digest.sha256, <[u8; 32]>::from(Sha256::digest(&file)));
            prop_assert_eq!(whole.digest.md5, <[u8; 16]>::from(Md5::digest(&file)));
            prop_assert_eq!(whole.bytes, file.len() as u64);
            Ok(())
        })?;
    }
}

#[test]
fn servers_without_an_end_are_left() {
    run(async {
        struct Endless;
        impl ChunkPort for Endless {
            async fn chunk(&mut self, _: &Secret, cursor: &str) -> Result<Chunk, Error> {
                Ok(Chunk {
                    data: vec![0; 1 << 20].into(),
                    next: format!("{cursor}x"),
                    finished: false,
                })
            }
        }
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("1");
        let announced = Announced {
            size: Some(1000),
            md5: None,
        };
        let mut download = begin(&path, &announced).await;
        let fault = loop {
            if let Err(fault) = download.step(&mut Endless, &Secret::new("h")).await {
                break fault;
            }
            assert!(download.have() <= 2000 + MARGIN);
        };
        assert!(matches!(fault, Fault::Endless), "{fault}");
        let mut unknown = Download::take_up(
            &path,
            0,
            &Secret::default(),
            &Announced::default(),
            Limits { most: 3 << 20 },
            &digesters(),
        )
        .await
        .expect("begun");
        let fault = loop {
            if let Err(fault) = unknown.step(&mut Endless, &Secret::new("h")).await {
                break fault;
            }
        };
        assert!(matches!(fault, Fault::Overlong(_)), "{fault}");
    });
}

#[test]
fn what_is_announced_too_large_is_not_asked_for() {
    run(async {
        let scratch = tempfile::tempdir().expect("a folder");
        let announced = Announced {
            size: Some(11),
            md5: None,
        };
        let refused = Download::take_up(
            &scratch.path().join("1"),
            0,
            &Secret::default(),
            &announced,
            Limits { most: 10 },
            &digesters(),
        )
        .await;
        assert!(matches!(refused, Err(Fault::TooLarge(11))));
    });
}

#[test]
fn announcements_are_compared_where_they_say_anything() {
    let whole = Whole {
        digest: Digest {
            sha256: [0; 32],
            md5: Md5::digest(b"x").into(),
        },
        bytes: 1,
        sniffed: sniff(b"x"),
    };
    let announced = |md5: &str, size| Announced {
        md5: Some(md5.to_owned()),
        size,
    };
    let empty = Whole {
        digest: Digest {
            sha256: [0; 32],
            md5: Md5::digest(b"").into(),
        },
        bytes: 0,
        sniffed: sniff(b""),
    };
    assert!(
        Announced::default().differs(&empty).is_some(),
        "nothing says that nothing was sent"
    );
    assert_eq!(announced("", Some(0)).differs(&empty), None);
    assert_eq!(announced(MD5_OF_NOTHING, None).differs(&empty), None);
    assert_eq!(Announced::default().differs(&whole), None);
    assert_eq!(announced("", Some(0)).differs(&whole), None);
    assert_eq!(
        announced("9DD4E461268C8034F5C8564E155C67A6", Some(1)).differs(&whole),
        None
    );
    assert!(
        announced("9dd4e461268c8034f5c8564e155c67a7", None)
            .differs(&whole)
            .is_some()
    );
    assert!(announced("", Some(2)).differs(&whole).is_some());
}

/// A success without bytes, for a file that has some: nothing is believed of it, and the next try brings the file.
#[test]
fn an_empty_success_is_no_file() {
    run(async {
        let scratch = tempfile::tempdir().expect("a folder");
        let md5 = |text: &str| Some(text.to_owned());
        for (size, digest, is_file) in [
            (Some(3), None, false),
            (None, md5("9dd4e461268c8034f5c8564e155c67a6"), false),
            (Some(0), md5("9dd4e461268c8034f5c8564e155c67a6"), false),
            (Some(u64::MAX), None, false),
            (Some(0), None, true),
            (None, None, true),
            (Some(3), md5(" D41D8CD98F00B204E9800998ECF8427E"), true),
        ] {
            let announced = Announced { size, md5: digest };
            let mut download = begin(&scratch.path().join("1"), &announced).await;
            let came = download
                .step(&mut server(Vec::new(), 1, &[]), &Secret::new("h"))
                .await;
            assert_eq!(
                matches!(came, Ok(Step::Whole(_))),
                is_file,
                "{announced:?}: {came:?}"
            );
            assert!(is_file || matches!(came, Err(Fault::Empty)), "{came:?}");
            if !is_file {
                let again = download
                    .step(&mut server(b"abc".to_vec(), 9, &[]), &Secret::new("h"))
                    .await;
                assert!(matches!(again, Ok(Step::Whole(whole)) if whole.bytes == 3));
            }
        }
    });
}

/// Nobody sends an exabyte: such an announcement neither refuses the file nor bounds it, and in the end it differs.
#[test]
fn an_announced_size_that_cannot_be_is_not_believed() {
    run(async {
        let scratch = tempfile::tempdir().expect("a folder");
        let announced = Announced {
            size: Some(1 << 60),
            md5: None,
        };
        let mut download = begin(&scratch.path().join("1"), &announced).await;
        assert_eq!(download.coming(), None);
        let came = download
            .step(&mut server(b"abc".to_vec(), 9, &[]), &Secret::new("h"))
            .await;
        let Ok(Step::Whole(whole)) = came else {
            panic!("{came:?}")
        };
        assert!(announced.differs(&whole).is_some());
    });
}
