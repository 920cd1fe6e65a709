//! A client of HTTP on a host of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use interop::Namespace;
use serde_json::Value;

pub(crate) const PORT: &str = "4000";
const LIMIT: Duration = Duration::from_secs(30);

/// What a server answered: status, head and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn connect(host: &Namespace) -> TcpStream {
    let connected = host.inside(|| TcpStream::connect(format!("127.0.0.1:{PORT}")));
    let stream = connected.unwrap().unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

pub(crate) fn get(host: &Namespace, path: &str) -> Answer {
    let mut stream = connect(host);
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    answer(stream)
}

pub(crate) fn answer(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// The view of the cluster once `wanted` says yes to it.
#[track_caller]
pub(crate) fn wait_cluster(host: &Namespace, wanted: impl Fn(&Value) -> bool) -> Value {
    let begin = Instant::now();
    loop {
        let cluster: Value = serde_json::from_str(&get(host, "/api/cluster").body).unwrap();
        if wanted(&cluster) {
            return cluster;
        }
        assert!(begin.elapsed() < 2 * LIMIT, "{cluster:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
