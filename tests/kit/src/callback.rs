//! WeCom as a caller: signs and seals callbacks by the platform's rules, and speaks HTTP by hand.
//!
//! Written from the published description, with other crates than the program where there is a choice: what both
//! agree on is then not one mistake made twice.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aes::cipher::{BlockEncryptMut, KeyIvInit, block_padding::NoPadding};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// What is entered in the admin console, and where to call.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Token.
    pub token: String,
    /// EncodingAESKey.
    pub aes_key: String,
    /// The corpid, or whom else a text is meant for.
    pub receiver: String,
    /// `/callback/NAME`
    pub path: String,
    /// The listener.
    pub address: SocketAddr,
}

/// An answer, or what is left of one.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status; 0 when the connection ended without one.
    pub status: u16,
    /// Its body.
    pub body: String,
}

/// Seconds since 1970.
pub fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_secs()).expect("a date")
}

/// The whole text of an event without further fields.
pub fn event(name: &str, further: &str) -> String {
    format!(
        "<xml><ToUserName><![CDATA[any]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>\
         <CreateTime>{}</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{name}]]></Event>{further}</xml>",
        seconds()
    )
}

impl Caller {
    /// Six bits per character; what is over after 32 bytes is thrown away.
    fn key(&self) -> [u8; 32] {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bits = Vec::new();
        for character in self.aes_key.bytes() {
            let value = ALPHABET
                .iter()
                .position(|known| *known == character)
                .expect("base64");
            bits.extend((0..6).rev().map(|bit| value >> bit & 1));
        }
        let mut key = [0; 32];
        for (byte, bits) in key.iter_mut().zip(bits.chunks(8)) {
            *byte = bits.iter().fold(0, |byte, bit| byte << 1 | *bit as u8);
        }
        key
    }

    /// The encrypted text of a message.
    pub fn seal(&self, message: &str) -> String {
        let mut plain = b"0123456789abcdef".to_vec();
        plain.extend(u32::try_from(message.len()).expect("short").to_be_bytes());
        plain.extend(message.bytes());
        plain.extend(self.receiver.bytes());
        let padding = 32 - plain.len() % 32;
        plain.resize(plain.len() + padding, u8::try_from(padding).expect("small"));
        let key = self.key();
        let sealed = cbc::Encryptor::<aes::Aes256>::new_from_slices(&key, &key[..16])
            .expect("sizes")
            .encrypt_padded_vec_mut::<NoPadding>(&plain);
        STANDARD.encode(sealed)
    }

    /// `msg_signature=…&timestamp=…&nonce=…`
    pub fn query(&self, time: i64, nonce: &str, sealed: &str) -> String {
        let time = time.to_string();
        let mut parts = [self.token.as_str(), &time, nonce, sealed];
        parts.sort_unstable();
        let digest = Sha1::digest(parts.concat());
        let signature: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("msg_signature={signature}&timestamp={time}&nonce={nonce}")
    }

    /// The body of a POST around a sealed text.
    pub fn envelope(&self, sealed: &str) -> String {
        format!(
            "<xml><ToUserName><![CDATA[{}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt><AgentID></AgentID></xml>",
            self.receiver
        )
    }

    /// Checks the address as the admin console does when it is saved.
    pub fn verify(&self, number: &str, nonce: &str) -> Answer {
        let sealed = self.seal(number);
        let query = self.query(seconds(), nonce, &sealed);
        let echo = sealed.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let path = &self.path;
        self.ask(format!("GET {path}?{query}&echostr={echo} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
    }

    /// Sends an event.
    pub fn tell(&self, message: &str, time: i64, nonce: &str) -> Answer {
        let sealed = self.seal(message);
        self.post(
            &self.query(time, nonce, &sealed),
            self.envelope(&sealed).as_bytes(),
        )
    }

    /// Sends any body under any query.
    pub fn post(&self, query: &str, body: &[u8]) -> Answer {
        let path = &self.path;
        let length = body.len();
        let mut request =
            format!("POST {path}?{query} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n")
                .into_bytes();
        request.extend(body);
        self.ask(&request)
    }

    /// Sends any bytes. Nobody listening is an answer with status 0.
    pub fn ask(&self, request: &[u8]) -> Answer {
        let Ok(mut stream) = TcpStream::connect(self.address) else {
            return Answer {
                status: 0,
                body: String::new(),
            };
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a timeout");
        // A listener may answer and hang up before it has everything.
        let _hung_up = stream.write_all(request);
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        Answer {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|word| word.parse().ok())
                .unwrap_or(0),
            body: body.to_owned(),
        }
    }
}
