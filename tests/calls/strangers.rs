//! A stranger without the cookie gets nothing; a friend with it gets only what was exported.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use beamlink::Node;
use beamlink::dist::{Control, Framing, encode_frame};
use beamlink::otp::Raised;
use beamlink::runtime::{Process, Received};
use beamlink::term::{Atom, Pid, Term};
use bytes::BytesMut;

use crate::ground::{Ground, LIMIT, OWN, PEER, with_each};

/// What reached us: messages to the process `open_door`, and runs of `Elixir.Rust.exported/0`.
#[derive(Debug, Clone, Default)]
struct Reached {
    messages: Arc<AtomicUsize>,
    runs: Arc<AtomicUsize>,
}

impl Reached {
    fn new(ground: &Ground) -> Reached {
        let _tokio = ground.tokio.enter();
        let reached = Reached::default();
        let messages = reached.messages.clone();
        let door = ground.node().spawn(move |mut process: Process| async move {
            while let Received::Message(_) = process.receive().await {
                messages.fetch_add(1, Ordering::Relaxed);
            }
        });
        ground.node().register("open_door", door.pid()).unwrap();
        let runs = reached.runs.clone();
        ground.node().export("Elixir.Rust", "exported", move |()| {
            runs.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Raised>("exported")
        });
        reached
    }

    /// Messages and runs.
    fn count(&self) -> [usize; 2] {
        [&self.messages, &self.runs].map(|count| count.load(Ordering::Relaxed))
    }
}

/// What a BEAM with another cookie tries, and what it gets.
const STRANGERS: &[(&str, &str)] = &[
    ("Node.connect(rust)", "false"),
    ("Node.ping(rust)", ":pang"),
    (
        ":rpc.call(rust, :\"Elixir.Rust\", :exported, [])",
        "{:badrpc, :nodedown}",
    ),
    (
        "caught.(fn -> :erpc.call(rust, :\"Elixir.Rust\", :exported, []) end)",
        "{:error, {:erpc, :noconnection}}",
    ),
    (
        "caught.(fn -> GenServer.call({:open_door, rust}, :hello, 2000) end)",
        "{:exit, {{:nodedown, _}, _}}",
    ),
    ("send({:open_door, rust}, :hello)", ":hello"),
    ("GenServer.cast({:open_door, rust}, :hello)", ":ok"),
    (
        "ref = Process.monitor({:open_door, rust}); receive do {:DOWN, ^ref, _, _, why} -> why end",
        ":noconnection",
    ),
    (
        "Node.spawn(rust, :\"Elixir.Rust\", :exported, []); Node.list()",
        "[]",
    ),
];

#[test]
fn a_beam_with_another_cookie_gets_nothing() {
    with_each("a_beam_with_another_cookie", |ground| {
        let reached = Reached::new(ground);
        let mut stranger = ground.another("stranger@localhost", "another cookie");
        for (tried, expected) in STRANGERS {
            let question = format!(
                "rust = :{OWN}; caught = fn call -> try do call.() catch kind, why -> {{kind, why}} end end; \
                 _ = caught; got = ({tried}); if match?({expected}, got), do: :as_expected, else: got"
            );
            assert_eq!(stranger.value(&question), ":as_expected", "{tried}");
        }
        // Nor does one whom we dial.
        let dialled = ground.run(
            ground
                .node()
                .connect(&"stranger@localhost".parse().unwrap()),
        );
        dialled.expect_err("it has another cookie");
        assert_eq!(stranger.value("Node.list(:connected)"), "[]");
        assert_eq!(reached.count(), [0, 0]);
        assert_eq!(ground.node().nodes(), [crate::ground::peer()]);
    });
}

/// How far a stranger who speaks the protocol himself goes before he sends a message and a spawn request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Intrusion {
    /// He sends them at once.
    WithoutAName,
    /// He says a name, and answers no challenge.
    WithoutAnAnswer,
    /// He answers the challenge without knowing the cookie.
    WrongAnswer,
    /// The same, under the name of a peer that is connected, whose connection he says is dead.
    NameOfAPeer,
}

#[test]
fn a_socket_without_the_cookie_gets_no_further_than_the_challenge() {
    with_each("a_socket_without_the_cookie", |ground| {
        let reached = Reached::new(ground);
        for intrusion in [
            Intrusion::WithoutAName,
            Intrusion::WithoutAnAnswer,
            Intrusion::WrongAnswer,
            Intrusion::NameOfAPeer,
        ] {
            let learned = intrude(ground.node(), intrusion).unwrap();
            // Nothing but the status, a challenge, and an end: above all no 'a', the proof that we know the cookie.
            let kinds: Vec<u8> = learned.iter().map(|message| message[0]).collect();
            let expected: &[u8] = match intrusion {
                Intrusion::WithoutAName => b"",
                _ => b"sN",
            };
            assert_eq!(kinds, expected, "{intrusion:?}: {learned:?}");
            assert_eq!(reached.count(), [0, 0], "{intrusion:?}");
            ground.expect("Node.list()", &format!("[:{OWN}]"));
        }
        // The peer whose name was used never lost us.
        let lost = "for {_, :nodedown, node, why} <- Fixture.Nodes.events(), do: {node, why}";
        ground.expect(lost, "[]");
    });
}

/// Tries it, and returns the messages of the handshake that he got.
fn intrude(node: &Node, intrusion: Intrusion) -> std::io::Result<Vec<Vec<u8>>> {
    let mut stream = TcpStream::connect(("127.0.0.1", node.dist_port()))?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut learned = Vec::new();
    if intrusion != Intrusion::WithoutAName {
        let name = match intrusion {
            Intrusion::NameOfAPeer => PEER,
            _ => "intruder@localhost",
        };
        tell(&mut stream, &hello(name))?;
        learned.extend(told(&mut stream)?);
        if intrusion == Intrusion::NameOfAPeer {
            tell(&mut stream, b"strue")?;
        }
        learned.extend(told(&mut stream)?);
        if intrusion != Intrusion::WithoutAnAnswer {
            let answer = [&b"r"[..], &7_u32.to_be_bytes(), &[9; 16]].concat();
            tell(&mut stream, &answer)?;
        }
    }
    // The other end may be closed already.
    let _ = stream.write_all(&signals(node));
    while let Some(message) = told(&mut stream)? {
        learned.push(message);
    }
    Ok(learned)
}

fn tell(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let length = message.len() as u16;
    stream.write_all(&[&length.to_be_bytes()[..], message].concat())
}

/// One message of the handshake; `None` at the end.
fn told(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    match stream.read_exact(&mut length) {
        Err(error)
            if [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()) =>
        {
            return Ok(None);
        }
        read => read?,
    }
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok(Some(message))
}

/// `send_name` as OTP 25 sends it (PROTOCOL.md, B.1).
fn hello(name: &str) -> Vec<u8> {
    const FLAGS: u64 = 0xD_075F_5FBD;
    let length = name.len() as u16;
    [
        &b"N"[..],
        &FLAGS.to_be_bytes(),
        &77_u32.to_be_bytes(),
        &length.to_be_bytes(),
        name.as_bytes(),
    ]
    .concat()
}

/// A message to the open door, as if the handshake were over.
fn signals(node: &Node) -> BytesMut {
    let mut frames = BytesMut::new();
    let from = Pid {
        node: Atom::from_static("intruder@localhost"),
        id: 1,
        serial: 0,
        creation: 77,
    };
    let to = Atom::from_static("open_door");
    let send = Control::RegSend { from, to };
    let message = Term::from(node.name().as_str());
    for framing in [Framing::Header, Framing::PassThrough] {
        encode_frame(framing, &send, Some(&message), &mut frames).unwrap();
    }
    frames
}

/// What a friend would like to run here, which nobody exported.
const NOT_EXPORTED: &[&str] = &[
    ":os, :cmd, [~c\"true\"]",
    ":file, :list_dir, [~c\"/\"]",
    ":erlang, :halt, []",
    ":init, :stop, []",
    ":code, :load_binary, [:evil, ~c\"evil.erl\", <<>>]",
    ":erlang, :open_port, [{:spawn, ~c\"true\"}, []]",
    ":erlang, :get_cookie, []",
    ":auth, :get_cookie, []",
    ":erlang, :apply, [:os, :cmd, [~c\"true\"]]",
    ":erlang, :apply, [fn -> :ran end, []]",
    ":erlang, :spawn, [:os, :cmd, [~c\"true\"]]",
    ":erl_eval, :exprs, [[], []]",
    "Code, :eval_string, [\"1 + 1\"]",
    "System, :cmd, [\"true\", []]",
    // Of what was exported, another arity and another name.
    ":\"Elixir.Rust\", :exported, [1]",
    ":\"Elixir.Rust\", :other, []",
];

/// It ended by `undef`, or, as `erlang:apply/2` of a fun, was not even begun.
const REFUSED: &str = "why when why == {:error, :notsup} or elem(why, 0) == :undef";

fn spawned(call: &str) -> String {
    format!("caught.(fn -> {{_, ref}} = :erlang.spawn_monitor(rust, {call}); down.(ref) end)")
}

#[test]
fn a_friend_gets_only_what_was_exported() {
    with_each("a_friend", |ground| {
        let reached = Reached::new(ground);
        for call in NOT_EXPORTED {
            for way in [":rpc.call", ":rpc.block_call"] {
                ground.expect_match(
                    &format!("{way}(rust, {call})"),
                    "{:badrpc, {:EXIT, {:undef, _}}}",
                );
            }
            let erpc = format!("caught.(fn -> :erpc.call(rust, {call}) end)");
            ground.expect_match(&erpc, "{:error, {:exception, :undef, _}}");
            ground.expect_match(&spawned(call), REFUSED);
        }
        ground.expect_match(&spawned("fn -> :ran end"), "{:error, :notsup}");
        assert_eq!(reached.count(), [0, 0]);
        let exported = ":rpc.call(rust, :\"Elixir.Rust\", :exported, [])";
        ground.expect(exported, "\"exported\"");
        ground.expect(
            "send({:open_door, rust}, :hello); :rpc.call(rust, :erlang, :node, [])",
            &format!(":{OWN}"),
        );
        assert_eq!(reached.count(), [1, 1]);
        let [module, function] = ["Elixir.Rust", "exported"].map(Atom::from_static);
        assert!(ground.node().functions().unexport(&module, &function, 0));
        ground.expect_match(exported, "{:badrpc, {:EXIT, {:undef, _}}}");
    });
}
