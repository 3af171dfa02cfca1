//! Where the way to the platform ends: name, proxy or connection, tried one after the other.
//!
//! An HTTP client's error only says that there is no answer. Here each step is made by itself, and nothing of a company is
//! sent: neither secret nor token, and of the proxy's credentials only whether there are any.
//!
//! Must not know: rows, tokens.

use std::{io, time::Duration};

use reqwest::Url;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::Options;

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The address of the API or of the proxy is none.
    NoAddress,
    /// The proxy's name has no address.
    ProxyName(String),
    /// Nobody takes connections at the proxy's address, or it cannot be reached.
    ProxyConnection(String),
    /// The proxy takes no connection, or says nothing, for this many seconds.
    ProxySilent(u64),
    /// The proxy wants other credentials than it was given, or any at all.
    ProxyCredentials,
    /// The proxy does not connect to WeCom; its HTTP status.
    ProxyRefusal(u16),
    /// What answers there is no HTTP proxy.
    NoProxy,
    /// WeCom's name has no address.
    Name(String),
    /// The connection is refused, or there is no route.
    Connection(String),
    /// No connection for this many seconds.
    Silent(u64),
}

/// The first thing in the way to the platform's host; `None` when a connection can be made. Whether TLS and the answer are
/// good is for a call to find out.
pub async fn obstacle(options: &Options) -> Option<Obstacle> {
    let limit = options.connect_timeout;
    let Some((host, port, secure)) = place(&options.host) else {
        return Some(Obstacle::NoAddress);
    };
    let Some(proxy) = &options.proxy else {
        return match connect(&host, port, limit).await {
            Ok(_) => None,
            Err(Failed::Name(why)) => Some(Obstacle::Name(why)),
            Err(Failed::Connection(why)) => Some(Obstacle::Connection(why)),
            Err(Failed::Silent) => Some(Obstacle::Silent(limit.as_secs())),
        };
    };
    let address = match proxy.contains("://") {
        true => proxy.clone(),
        false => format!("http://{proxy}"),
    };
    let Some((proxy_host, proxy_port, _)) = place(&address) else {
        return Some(Obstacle::NoAddress);
    };
    let stream = match connect(&proxy_host, proxy_port, limit).await {
        Ok(stream) => stream,
        Err(Failed::Name(why)) => return Some(Obstacle::ProxyName(why)),
        Err(Failed::Connection(why)) => return Some(Obstacle::ProxyConnection(why)),
        Err(Failed::Silent) => return Some(Obstacle::ProxySilent(limit.as_secs())),
    };
    // Only an HTTP proxy, asked for a tunnel, can be asked without credentials; with some, the call itself will tell.
    if !address.starts_with("http://") || !secure {
        return None;
    }
    match timeout(limit, tunnel(stream, &host, port)).await {
        Err(_) => Some(Obstacle::ProxySilent(limit.as_secs())),
        Ok(Ok(Some(407))) if options.proxy_credentials.is_some() => None,
        Ok(Ok(Some(407))) => Some(Obstacle::ProxyCredentials),
        Ok(Ok(Some(200..300))) => None,
        Ok(Ok(Some(status))) => Some(Obstacle::ProxyRefusal(status)),
        Ok(Ok(None) | Err(_)) => Some(Obstacle::NoProxy),
    }
}

enum Failed {
    Name(String),
    Connection(String),
    Silent,
}

async fn connect(host: &str, port: u16, limit: Duration) -> Result<TcpStream, Failed> {
    let found = match timeout(limit, lookup_host((host, port))).await {
        Err(_) => {
            return Err(Failed::Name(format!(
                "no answer about {host} within {} s",
                limit.as_secs()
            )));
        }
        Ok(Err(error)) => return Err(Failed::Name(format!("{host}: {error}"))),
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
    };
    let mut last = Failed::Name(format!("{host} has no address"));
    for address in found {
        last = match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => Failed::Connection(format!("{address}: {error}")),
            Err(_) => Failed::Silent,
        };
    }
    Err(last)
}

/// The status that a proxy answers when it is asked for a tunnel; `None` when it does not speak HTTP.
async fn tunnel(mut stream: TcpStream, host: &str, port: u16) -> io::Result<Option<u16>> {
    let asking = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    stream.write_all(asking.as_bytes()).await?;
    let mut head = Vec::new();
    // The first line tells all.
    while head.len() < 64 && !head.contains(&b'\n') {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(status(&head))
}

/// `HTTP/1.1 407 …`
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next()?.strip_prefix("HTTP/")?;
    words
        .next()?
        .parse()
        .ok()
        .filter(|status| (100..600).contains(status))
}

/// Host, port, and whether it is HTTPS.
fn place(address: &str) -> Option<(String, u16, bool)> {
    let url = Url::parse(address).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().or(match url.scheme() {
        "socks5" | "socks5h" => Some(1080),
        _ => None,
    })?;
    Some((host, port, url.scheme() == "https"))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn through(host: &str, proxy: Option<String>) -> Options {
        Options {
            host: host.to_owned(),
            proxy,
            connect_timeout: Duration::from_secs(2),
            ..Options::default()
        }
    }

    /// A proxy that answers every connection with this, then closes.
    async fn proxy(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 256];
                let _read = stream.read(&mut asked).await;
                let _written = stream.write_all(answer.as_bytes()).await;
            }
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn each_step_of_the_way_is_told_from_the_others() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let closed = nobody.local_addr().expect("an address");
        drop(nobody);
        let found = |options: Options| async move { obstacle(&options).await };

        assert_eq!(
            found(through("no address", None)).await,
            Some(Obstacle::NoAddress)
        );
        assert!(matches!(
            found(through("https://no-such-name.invalid", None)).await,
            Some(Obstacle::Name(_))
        ));
        assert!(matches!(
            found(through(&format!("https://{closed}"), None)).await,
            Some(Obstacle::Connection(_))
        ));
        let wecom = "https://qyapi.example.invalid";
        assert!(matches!(
            found(through(
                wecom,
                Some("http://no-such-proxy.invalid:3128".to_owned())
            ))
            .await,
            Some(Obstacle::ProxyName(_))
        ));
        assert!(matches!(
            found(through(wecom, Some(format!("http://{closed}")))).await,
            Some(Obstacle::ProxyConnection(_))
        ));
        for (answer, expected) in [
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                Some(Obstacle::ProxyCredentials),
            ),
            (
                "HTTP/1.1 403 Forbidden\r\n\r\n",
                Some(Obstacle::ProxyRefusal(403)),
            ),
            ("HTTP/1.0 200 Connection established\r\n\r\n", None),
            ("SSH-2.0-OpenSSH_9.9\r\n", Some(Obstacle::NoProxy)),
        ] {
            let proxy = proxy(answer).await;
            assert_eq!(found(through(wecom, Some(proxy))).await, expected, "{answer}");
        }
    }

    #[test]
    fn only_http_is_a_status() {
        for odd in ["", "HTTP/1.1", "HTTP/1.1 abc", "HTTP/1.1 9999", "220 ftp\r\n"] {
            assert_eq!(status(odd.as_bytes()), None, "{odd}");
        }
        assert_eq!(status(b"HTTP/1.1 407 x\r\n"), Some(407));
    }
}
