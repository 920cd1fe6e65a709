//! A handshake over a socket that is read and written as one likes afterwards: for what is no node, but speaks to one.

use std::io;

use beamlink::dist::{Connected, Flags, InitiateProgress, Initiator, Local};
use beamlink::{Cookie, NodeName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Dials `peer` at `port` of this host as `name`.
pub(crate) async fn dial(
    name: &NodeName,
    cookie: &str,
    flags: Flags,
    peer: &NodeName,
    port: u16,
) -> io::Result<(TcpStream, Connected)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let local = Local {
        name: name.clone(),
        creation: rand::random_range(4..=u32::MAX),
        flags,
        cookie: Cookie::new(cookie),
    };
    let (mut initiator, first) = Initiator::new(local, peer.clone(), rand::random());
    send(&mut stream, &first).await?;
    loop {
        let length = stream.read_u16().await?;
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await?;
        match initiator.receive(&message).map_err(io::Error::other)? {
            InitiateProgress::Wait => {}
            InitiateProgress::Send(answer) => send(&mut stream, &answer).await?,
            InitiateProgress::Alive => send(&mut stream, &initiator.alive(true)).await?,
            InitiateProgress::Done(connected) => return Ok((stream, connected)),
        }
    }
}

async fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes(), message].concat())
        .await
}
