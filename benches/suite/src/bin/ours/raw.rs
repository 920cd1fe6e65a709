//! The limit: bytes over loopback without a node, and messages that were encoded before.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use beamlink::NodeName;
use beamlink::dist::{Control, Flags, Framing, encode_frame};
use beamlink::term::{Atom, Pid, Term};
use bytes::BytesMut;

use crate::{Answer, handshake, now, number};

/// Bytes of one write of messages that were encoded before, and of one read.
const LARGE: usize = 256 * 1024;

/// `ours raw`.
pub(crate) fn serve() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // The last connection is kept until the next request: who reads from it need not hear of its end before.
    let mut kept = None;
    crate::answer(|words| match words {
        ["port"] => Ok(vec![f64::from(listener.local_addr()?.port())]),
        ["take", bytes] => take(&listener, number(bytes)?),
        ["give", bytes, size, port] => give(number(bytes)?, number(size)?, number(port)?),
        ["inject", count, peer, port, cookie] => {
            let (stream, begin) =
                tokio.block_on(inject(number(count)?, peer.parse()?, number(port)?, cookie))?;
            kept = Some(stream);
            Ok(vec![begin])
        }
        _ => Err(format!("no request: {words:?}").into()),
    })?;
    drop(kept);
    Ok(())
}

/// Reads so many bytes; when it had them.
fn take(listener: &TcpListener, bytes: usize) -> Answer {
    let (mut stream, _) = listener.accept()?;
    let mut buffer = vec![0; LARGE];
    let mut left = bytes;
    while left > 0 {
        match stream.read(&mut buffer)? {
            0 => return Err("the sender closed early".into()),
            length => left = left.saturating_sub(length),
        }
    }
    Ok(vec![now()])
}

/// Writes so many bytes in pieces of `size`; when it began.
fn give(bytes: usize, size: usize, port: u16) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let piece = vec![7; size];
    let begin = now();
    for _ in 0..bytes / size {
        stream.write_all(&piece)?;
    }
    Ok(vec![begin])
}

/// Connects as a node and writes `count` messages `{tick, 1000}` to `sink` there, all encoded beforehand. The connection,
/// and when it began to write.
async fn inject(
    count: usize,
    peer: NodeName,
    port: u16,
    cookie: &str,
) -> Result<(tokio::net::TcpStream, f64), Box<dyn std::error::Error + Send + Sync>> {
    use tokio::io::AsyncWriteExt as _;
    let name: NodeName = format!("raw{}@localhost", rand::random_range(0..1_000_000)).parse()?;
    let (mut stream, connected) =
        handshake::dial(&name, cookie, Flags::OFFERED_HIDDEN, &peer, port).await?;
    let control = Control::RegSend {
        from: Pid {
            node: name.atom().clone(),
            id: 1,
            serial: 0,
            creation: 4,
        },
        to: Atom::from_static("sink"),
    };
    let message = Term::tuple([Term::atom("tick"), Term::from(1000)]);
    let mut one = BytesMut::new();
    encode_frame(
        Framing::of(connected.flags),
        &control,
        Some(&message),
        &mut one,
    )?;
    let in_one_write = LARGE / one.len();
    let many = one.repeat(in_one_write);
    let begin = now();
    let mut left = count;
    while left > 0 {
        let messages = left.min(in_one_write);
        stream.write_all(&many[..messages * one.len()]).await?;
        left -= messages;
    }
    Ok((stream, begin))
}
