//! I/O: one HTTP GET with the standard library alone, for commands that ask a node's own HTTP server.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// The longest answer that is read.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpGetError {
    /// It is no `http://host[:port][/path]`.
    #[error("{0:?} is not a URL such as http://127.0.0.1:4000/health")]
    Url(String),
    /// The host has no address.
    #[error("{host} is not resolved: {error}")]
    Unresolved { host: String, error: io::Error },
    /// Nobody takes the connection.
    #[error("nobody answers at {host}: {error}")]
    Connect { host: String, error: io::Error },
    /// The connection ended, or nothing came in time.
    #[error("{host} does not answer: {error}")]
    Silent { host: String, error: io::Error },
    /// It speaks something else.
    #[error("{host} does not speak HTTP")]
    NotHttp { host: String },
    /// It is longer than we read.
    #[error("{host} answers with more than 4 MiB")]
    TooLong { host: String },
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Gets `url` within `limit`: the address in time, and no redirects, proxies or TLS.
///
/// # Errors
/// See [`HttpGetError`]. A status other than 200 is none.
pub(crate) fn get(url: &str, limit: Duration) -> Result<Answer, HttpGetError> {
    let (host, path) = split(url).ok_or_else(|| HttpGetError::Url(url.to_owned()))?;
    let deadline = Instant::now() + limit;
    let unresolved = |error| HttpGetError::Unresolved {
        host: host.clone(),
        error,
    };
    let mut stream = Err(unresolved(io::ErrorKind::NotFound.into()));
    for address in host.to_socket_addrs().map_err(unresolved)? {
        let connected = TcpStream::connect_timeout(&address, left(deadline));
        stream = connected.map_err(|error| HttpGetError::Connect {
            host: host.clone(),
            error,
        });
        if stream.is_ok() {
            break;
        }
    }
    let bytes =
        exchange(stream?, &host, &path, deadline).map_err(|error| HttpGetError::Silent {
            host: host.clone(),
            error,
        })?;
    if bytes.len() as u64 > MAX_ANSWER {
        return Err(HttpGetError::TooLong { host });
    }
    parse(&bytes).ok_or(HttpGetError::NotHttp { host })
}

/// `host:port` and path; the port is 80 unless given.
fn split(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let usable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if host.is_empty() || host.contains('@') || !usable(host) || !usable(path) {
        return None;
    }
    // `[::1]` has colons of its own.
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    let host = match behind.contains(':') {
        true => host.to_owned(),
        false => format!("{host}:80"),
    };
    Some((host, path.to_owned()))
}

/// HTTP/1.0: the answer ends with the connection, and is in one piece.
fn exchange(
    mut stream: TcpStream,
    host: &str,
    path: &str,
    deadline: Instant,
) -> io::Result<Vec<u8>> {
    stream.set_write_timeout(Some(left(deadline)))?;
    let head = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut bytes = Vec::new();
    let mut piece = [0; 8192];
    while bytes.len() as u64 <= MAX_ANSWER {
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left(deadline)))?;
        match stream.read(&mut piece)? {
            0 => break,
            length => bytes.extend_from_slice(&piece[..length]),
        }
    }
    Ok(bytes)
}

/// Never zero, which the system does not take for a time limit.
fn left(deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    left.max(Duration::from_millis(1))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut words = head.lines().next()?.split(' ');
    if !words.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let status = words.next()?.parse().ok()?;
    let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
    Some(Answer { status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let split = |url| split(url).map(|(host, path)| format!("{host} {path}"));
        assert_eq!(split("http://a:4000/health").unwrap(), "a:4000 /health");
        assert_eq!(split("http://a").unwrap(), "a:80 /");
        assert_eq!(split("http://[::1]/x?y").unwrap(), "[::1]:80 /x?y");
        assert_eq!(split("http://[::1]:4/").unwrap(), "[::1]:4 /");
        for bad in [
            "",
            "a:4000",
            "https://a/",
            "http:///x",
            "http://u@a/",
            "http://a/ b",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn answers() {
        let parsed = |text: &str| parse(text.as_bytes());
        let answer = parsed("HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nbody").unwrap();
        assert_eq!((answer.status, &*answer.body), (503, "body"));
        for bad in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 x\r\n\r\n",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
