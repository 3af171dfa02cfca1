//! The vault in a bucket: a real S3-compatible service (`s3s` with its file system, signatures checked) in a process of its
//! own on loopback. That process is this test program, started again for one test that serves until it is ended.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use kit::{Archive, Corpus};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{GET, files_under, get, handles, hex, letters, list, media_folder, program, with_state};

const ROOT: &str = "S3_TEST_ROOT";
const ACCESS: &str = "AKIATEST";
const SECRET: &str = "CANARYs3secretZq91";

/// The service's process; ended with the test.
struct Service {
    child: Child,
    address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Service {
    fn start(root: &Path) -> Self {
        fs::create_dir_all(root.join("files")).expect("a bucket");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "media::bucket::the_service_refuses_strangers",
                "--nocapture",
            ])
            .env(ROOT, root)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the service starts");
        let told = BufReader::new(child.stdout.take().expect("a pipe"));
        let address = told
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("serving ")?.1.to_owned()))
            .expect("an address");
        Self { child, address }
    }
}

/// Were it to let anybody in, the tests below would prove nothing about signatures. Started with a folder in its
/// environment, this is the service itself.
#[test]
fn the_service_refuses_strangers() {
    if let Some(root) = std::env::var_os(ROOT) {
        return serve(Path::new(&root));
    }
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let service = Service::start(scratch.path());
    let mut stranger = TcpStream::connect(&service.address).expect("a connection");
    let request = "PUT /files/object HTTP/1.1\r\nhost: s3\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx";
    stranger.write_all(request.as_bytes()).expect("asked");
    let mut answer = String::new();
    stranger.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(!scratch.path().join("files/object").exists());
}

fn serve(root: &Path) {
    let files = s3s_fs::FileSystem::new(root).expect("a folder");
    let mut builder = s3s::service::S3ServiceBuilder::new(files);
    builder.set_auth(s3s::auth::SimpleAuth::from_single(ACCESS, SECRET));
    let service = builder.build();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        println!("serving {}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let service = service.clone();
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(hyper_util::rt::TokioIo::new(stream), service);
                let _gone = connection.await;
            });
        }
    });
}

fn configure(archive: &Archive, service: &Service, secret: &str) {
    point(archive, &service.address, secret);
}

fn point(archive: &Archive, address: &str, secret: &str) {
    let file = archive.dir.join("s3.secret");
    fs::write(&file, secret).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("permissions");
    let config = fs::read_to_string(&archive.config).expect("the configuration");
    let config = config.replacen(
        "[media]\n",
        &format!(
            "[media]\ns3_bucket = \"files\"\ns3_endpoint = \"http://{}\"\ns3_prefix = \"archive/one\"\n\
             s3_access_key = \"{ACCESS}\"\ns3_secret_key_file = \"{}\"\n",
            address,
            file.display()
        ),
        1,
    );
    fs::write(&archive.config, config).expect("a file");
}

#[test]
fn a_bucket_keeps_the_same_objects_under_the_same_names() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let service = Service::start(&scratch.path().join("s3"));
    let corpus = Corpus::generate(scratch.path(), 150, 21);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    configure(&archive, &service, SECRET);
    archive.pull(&[0]);
    get(&archive, &[]);
    let listed = list(&archive);
    let expected: usize = handles(&corpus).values().map(Vec::len).sum();
    assert_eq!(
        (listed.len(), with_state(&listed, "kept").len()),
        (expected, expected)
    );
    assert!(
        files_under(&media_folder(&archive)).is_empty(),
        "nothing stays on this machine"
    );
    let objects = files_under(&scratch.path().join("s3/files/archive/one"));
    for (path, bytes) in &objects {
        let name = hex(&Sha256::digest(bytes));
        assert_eq!(path, &Path::new(&name[..2]).join(&name));
    }
    for file in &listed {
        let name = file["sha256"].as_str().expect("a digest");
        assert!(objects.contains_key(&Path::new(&name[..2]).join(name)), "{file}");
    }
    let to = scratch.path().join("out");
    let finished = archive.run([
        "media",
        "export",
        "has:media",
        "--to",
        to.to_str().expect("a path"),
    ]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    for line in fs::read_to_string(to.join("manifest.jsonl"))
        .expect("a manifest")
        .lines()
    {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let copy = fs::read(to.join(line["copy"].as_str().expect("a name"))).expect("a copy");
        assert_eq!(line["sha256"], hex(&Sha256::digest(copy)));
    }
}

/// Larger than a part of an upload, so it goes up in several.
#[test]
fn a_large_file_goes_up_in_parts_and_a_wrong_key_costs_nothing() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let service = Service::start(&scratch.path().join("s3"));
    let bytes: Vec<u8> = (0..20_000_003_u32).map(|at| (at % 251) as u8).collect();
    let corpus = letters(
        scratch.path(),
        &[("film.mp4", "aGFuZGxlIG9mIGEgZmlsbSAgIA==", &bytes)],
    );
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    let plain = fs::read_to_string(&archive.config).expect("the configuration");
    configure(&archive, &service, "wrong");
    archive.pull(&[0]);
    let finished = archive.run([&["-vv"], &GET[..]].concat());
    assert_eq!(finished.code, Some(1), "{}", finished.stdout);
    assert!(finished.stderr.contains("media store"), "{}", finished.stderr);
    assert_eq!(list(&archive)[0]["state"], "partial", "what came lies ready");

    fs::write(&archive.config, plain).expect("written");
    configure(&archive, &service, SECRET);
    let talkative = archive.run([&["-vv"], &GET[..]].concat());
    assert_eq!(talkative.code, Some(0), "{}", talkative.stderr);
    assert!(!talkative.stderr.contains("CANARY") && !talkative.stdout.contains("CANARY"));
    assert!(!talkative.stderr.contains("aGFuZGxl"), "a handle was logged");
    assert_eq!(list(&archive)[0]["state"], "kept");
    let name = hex(&Sha256::digest(&bytes));
    let object = scratch
        .path()
        .join("s3/files/archive/one")
        .join(&name[..2])
        .join(&name);
    assert!(fs::read(object).expect("an object") == bytes);
    assert!(files_under(&media_folder(&archive)).is_empty());
}

/// What `doctor` found about the vault: check, status, cause.
fn looked_at(archive: &Archive, more: &[&str]) -> (Option<i32>, Vec<[String; 3]>) {
    let finished = archive.run([&["doctor", "--json"], more].concat());
    assert!(!finished.stdout.contains("CANARY"), "{}", finished.stdout);
    let report = finished.json();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let found = report["findings"].as_array().expect("findings").iter();
    let found = found
        .filter(|finding| text(finding, "check").starts_with("media"))
        .map(|finding| ["check", "status", "cause"].map(|key| text(finding, key)));
    (finished.code, found.collect())
}

fn two(found: &[[String; 3]]) -> Vec<[&str; 2]> {
    found
        .iter()
        .map(|[check, status, _]| [check.as_str(), status.as_str()])
        .collect()
}

/// A service that answers everything with one thing.
fn answers(head: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let length = body.len();
            let mut stream = stream;
            let _gone = write!(
                stream,
                "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    address
}

#[test]
fn doctor_asks_the_bucket() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let service = Service::start(&scratch.path().join("s3"));
    let corpus = Corpus::generate(scratch.path(), 20, 21);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    let plain = fs::read_to_string(&archive.config).expect("the configuration");
    let pointed = |address: &str, secret: &str| {
        fs::write(&archive.config, &plain).expect("written");
        point(&archive, address, secret);
        looked_at(&archive, &[])
    };

    let (code, found) = pointed(&service.address, SECRET);
    assert_eq!(code, Some(0), "{found:?}");
    assert_eq!(two(&found), [["media folder", "ok"], ["media bucket", "ok"]]);
    let objects = files_under(&scratch.path().join("s3/files"));
    assert!(
        objects.is_empty() && !media_folder(&archive).exists(),
        "it only looked"
    );

    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = nobody.local_addr().expect("an address").to_string();
    drop(nobody);
    let none = answers(
        "404 Not Found",
        "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>",
    );
    let wrong = "CANARYwrongsecret";
    for (address, secret, told) in [
        (&service.address, wrong, "SignatureDoesNotMatch"),
        (&none, SECRET, "has no bucket files"),
        (&gone, SECRET, "did not answer"),
    ] {
        let (code, found) = pointed(address, secret);
        assert_eq!(code, Some(1), "{told}: {found:?}");
        let [check, status, cause] = &found[1];
        assert_eq!(
            [check.as_str(), status.as_str()],
            ["media bucket", "bad"],
            "{told}"
        );
        assert!(cause.contains(told) && !cause.contains('\n'), "{cause}");
    }

    fs::write(archive.dir.join("s3.secret"), "").expect("emptied");
    let (code, found) = looked_at(&archive, &[]);
    assert_eq!((code, found[1][1].as_str()), (Some(1), "bad"), "{found:?}");
    // Who fetches nothing needs no bucket.
    assert_eq!(
        looked_at(&archive, &["--set", "media.enabled=false"]),
        (Some(0), vec![])
    );
}

#[test]
fn doctor_looks_at_the_folder() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let corpus = Corpus::generate(scratch.path(), 20, 21);
    let archive = program().archive(&scratch.path().join("a"), &corpus);
    let (code, found) = looked_at(&archive, &[]);
    assert_eq!((code, two(&found)), (Some(0), vec![["media folder", "ok"]]));
    assert!(!media_folder(&archive).exists(), "it only looked");

    archive.pull(&[0]);
    get(&archive, &[]);
    let folder = media_folder(&archive);
    let before = files_under(&folder);
    let (code, found) = looked_at(&archive, &[]);
    assert_eq!(code, Some(0), "{found:?}");
    assert_eq!(two(&found), [["media folder", "ok"], ["media permissions", "ok"]]);
    assert!(files_under(&folder) == before, "and leaves nothing behind");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("permissions");
    let (code, found) = looked_at(&archive, &[]);
    assert_eq!((code, found[1][1].as_str()), (Some(0), "warning"), "{found:?}");

    // A file in its place, and a file system where nobody can make anything.
    let file = scratch.path().join("file");
    fs::write(&file, "").expect("a file");
    let file = file.to_str().expect("UTF-8");
    for nowhere in [file, "/proc/shiguan/media"] {
        let (code, found) = looked_at(&archive, &["--set", &format!("media.folder={nowhere}")]);
        assert_eq!(
            (code, two(&found)),
            (Some(1), vec![["media folder", "bad"]]),
            "{nowhere}"
        );
        assert!(found[0][2].contains("nothing can be written there"), "{found:?}");
    }
}
