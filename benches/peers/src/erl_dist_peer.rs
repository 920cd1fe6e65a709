//! erl_dist: `send COUNT` sends `{tick, Number}` to `sink`, `calls COUNT` calls `:echo` as a GenServer is called. Its
//! socket has TCP_NODELAY set: without it a call takes 44 ms.

use std::time::Instant;

use eetf11::{Atom, FixInteger, Pid, Reference, Term, Tuple};
use erl_dist::message::{Message, Receiver, Sender, channel};
use erl_dist::node::{Creation, LocalNode};
use smol::net::TcpStream;

use crate::{Answer, Error, answer, now, percentiles};

struct Peer {
    to: Sender<TcpStream>,
    from: Receiver<TcpStream>,
    node: LocalNode,
}

pub(crate) fn serve(name: &str, peer: &str, port: &str, cookie: &str) -> Result<(), Error> {
    let mut peer = smol::block_on(connect(name, peer, port.parse()?, cookie))?;
    answer(|words| match words {
        ["send", count] => smol::block_on(peer.send(count.parse()?)),
        ["calls", count] => smol::block_on(peer.calls(count.parse()?)),
        _ => Err("send or calls".into()),
    })
}

async fn connect(name: &str, peer: &str, port: u16, cookie: &str) -> Result<Peer, Error> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let node = LocalNode::new(name.parse()?, Creation::random());
    let mut handshake = erl_dist::handshake::ClientSideHandshake::new(stream, node.clone(), cookie);
    handshake.execute_send_name(erl_dist::LOWEST_DISTRIBUTION_PROTOCOL_VERSION).await?;
    let (connection, theirs) = handshake.execute_rest(true).await?;
    if theirs.name.to_string() != peer {
        return Err(format!("{} is not {peer}", theirs.name).into());
    }
    let (to, from) = channel(connection, node.flags & theirs.flags);
    Ok(Peer { to, from, node })
}

impl Peer {
    fn pid(&self) -> Pid {
        Pid::new(self.node.name.to_string(), 1, 0, self.node.creation.get())
    }

    async fn send(&mut self, count: u32) -> Answer {
        let pid = self.pid();
        let begin = now();
        for number in 0..count {
            let message = Tuple::from(vec![
                Atom::from("tick").into(),
                FixInteger::from(number as i32).into(),
            ]);
            let message = Message::reg_send(pid.clone(), Atom::from("sink"), message.into());
            self.to.send(message).await?;
        }
        Ok(vec![begin])
    }

    async fn calls(&mut self, count: usize) -> Answer {
        let pid = self.pid();
        let mut micros = Vec::with_capacity(count);
        for number in 0..count {
            let start = Instant::now();
            let reference = Reference {
                node: Atom::from(self.node.name.to_string()),
                id: vec![number as u32 & 0x3ffff, 1, 0],
                creation: self.node.creation.get(),
            };
            let tag = Tuple::from(vec![pid.clone().into(), reference.clone().into()]);
            let request = Tuple::from(vec![Atom::from("get").into(), Atom::from("key").into()]);
            let call = vec![Atom::from("$gen_call").into(), tag.into(), request.into()];
            let call = Message::reg_send(pid.clone(), Atom::from("echo"), Tuple::from(call).into());
            self.to.send(call).await?;
            let wanted = Term::from(reference);
            while !answers(&self.from.recv().await?, &wanted) {}
            micros.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Ok(percentiles(micros))
    }
}

fn answers(message: &Message, reference: &Term) -> bool {
    let body = match message {
        Message::Send(send) => &send.message,
        Message::SendSender(send) => &send.message,
        _ => return false,
    };
    matches!(body, Term::Tuple(tuple) if tuple.elements.first() == Some(reference))
}
