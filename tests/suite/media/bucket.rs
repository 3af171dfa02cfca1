//! The vault in a bucket: a real S3-compatible service (`s3s` with its file system, signatures checked) in a process of its
//! own on loopback. That process is this test program, started again for one test that serves until it is ended.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use kit::{Archive, Corpus};
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
    let file = archive.dir.join("s3.secret");
    fs::write(&file, secret).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("permissions");
    let config = fs::read_to_string(&archive.config).expect("the configuration");
    let config = config.replacen(
        "[media]\n",
        &format!(
            "[media]\ns3_bucket = \"files\"\ns3_endpoint = \"http://{}\"\ns3_prefix = \"archive/one\"\n\
             s3_access_key = \"{ACCESS}\"\ns3_secret_key_file = \"{}\"\n",
            service.address,
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
