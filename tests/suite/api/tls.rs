//! Trust: a server whose certificate nobody knows is refused, and accepted once its root is configured.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use shiguan::directory::{Access, Client, Credential, Error, Options, rows::msgaudit::GetPermitUserList};
use shiguan::secret::Secret;

use super::block_on;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/api/tls")
        .join(name)
}

/// Answers every request with a token and a list, one request per connection.
fn serve() -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(golden("server.pem")).expect("a certificate")],
            PrivateKeyDer::from_pem_file(golden("server.key")).expect("a key"),
        )
        .expect("a server");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            let mut asked = [0; 4096];
            if stream.read(&mut asked).is_ok_and(|length| length > 0) {
                let body = r#"{"errcode":0,"access_token":"t","expires_in":7200,"ids":["zhangsan"]}"#;
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

fn client(port: u16, root_ca: Option<Vec<u8>>) -> Client {
    let options = Options {
        host: format!("https://localhost:{port}"),
        root_ca,
        ..Options::default()
    };
    let access = Access {
        corpid: "ww".to_owned(),
        archive: Some(Credential::Secret(Secret::new("CANARYsecret"))),
        ..Access::default()
    };
    let server = kit::WeCom::start();
    let clock = Arc::new(super::Virtual(server.clock()));
    Client::with(
        options,
        access,
        Arc::new(shiguan::directory::MemoryShelf::default()),
        clock,
    )
    .expect("a client")
}

#[test]
fn an_unknown_certificate_is_refused_until_its_root_is_configured() {
    let port = serve();
    let error = block_on(client(port, None).call(&GetPermitUserList::new())).expect_err("nobody we know");
    assert!(matches!(error, Error::Unreachable { sent: false, .. }), "{error}");
    assert!(
        error.to_string().contains("certificate") && !error.to_string().contains("CANARY"),
        "{error}"
    );

    let root = fs::read(golden("ca.pem")).expect("a file");
    let list = block_on(client(port, Some(root)).call(&GetPermitUserList::new())).expect("an answer");
    assert_eq!(list.ids, ["zhangsan"]);
}
