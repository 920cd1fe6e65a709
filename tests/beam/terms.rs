//! Terms over a real connection: equal on the far side, judged by the BEAM.

use std::time::Duration;

use beamlink::runtime::{Destination, Process, Received, SpawnOptions};
use beamlink::term::{Atom, Term};
use beamlink::{Cookie, Node, NodeName};
use interop::{BeamNode, BeamOptions, Epmd, Missing, Otp};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::ground::COOKIE;

const LIMIT: Duration = Duration::from_secs(60);

/// An Elixir node on loopback, whose process `:judge` answers `{Pid, Text, Term}` by whether the text's value is the
/// term, and `{Pid, send, Text}` by the value.
const JUDGE: &str = "spawn(fn -> Process.register(self(), :judge); loop = fn loop -> receive do \
    {pid, :send, text} -> send(pid, (try do elem(Code.eval_string(text), 0) rescue error -> inspect(error) end)); \
    {pid, text, term} -> send(pid, (try do elem(Code.eval_string(text), 0) === term rescue error -> inspect(error) end)) end; loop.(loop) end; loop.(loop) end)";

/// Each as Elixir reads it and as we read it.
const TERMS: &[&str] = &[
    "[-1, 2]",
    "[300]",
    "[1, 2, 3]",
    "[]",
    "[1 | 2]",
    "[:alias | {}]",
    "{}",
    "{:ok, [a: 1]}",
    "0",
    "255",
    "256",
    "-1",
    "2147483647",
    "-2147483648",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-123456789012345678901234567890",
    "1.0",
    "-0.0",
    "1.0e300",
    "5.0e-324",
    ":ok",
    ":\"\"",
    ":\"with space\"",
    ":\"grüße\"",
    ":\"日本\"",
    "nil",
    "true",
    "Foo.Bar",
    "\"\"",
    "\"text\"",
    "\"日本\"",
    "<<0, 255>>",
    "<<1, 2::3>>",
    "<<1::1>>",
    "%{}",
    "%{\"b\" => [2], 3 => %{4.0 => {}}, a: 1}",
    "%{1 => :int, 1.0 => :float}",
    "&:erlang.node/0",
    "&Enum.map/2",
];

async fn connected() -> Result<(Epmd, BeamNode, Node), Missing> {
    connected_to(&Otp::host()?).await
}

async fn connected_to(otp: &Otp) -> Result<(Epmd, BeamNode, Node), Missing> {
    let port = interop::tcp();
    let epmd = Epmd::start(port, None)?;
    let mut beam = BeamNode::start(BeamOptions::new(otp, "judge@localhost", COOKIE, port))?;
    beam.value(JUDGE);
    let node = Node::builder("zz_maint_terms@localhost")
        .cookie(Cookie::new(COOKIE))
        .epmd_port(port)
        .peer("judge@localhost".parse().unwrap())
        .start()
        .await
        .unwrap();
    timeout(LIMIT, node.events().recv()).await.unwrap();
    Ok((epmd, beam, node))
}

fn judge() -> Destination {
    let node: NodeName = "judge@localhost".parse().unwrap();
    Destination::Remote(Atom::from_static("judge"), node.atom().clone())
}

/// Sends each message to the judge and returns what it answers.
async fn asked(node: &Node, messages: Vec<Vec<Term>>) -> Vec<Term> {
    let (answer, answered) = oneshot::channel();
    node.runtime().spawn(
        SpawnOptions::default(),
        async move |mut process: Process| {
            let mut answers = Vec::new();
            for message in messages {
                let own = Term::Pid(process.pid().clone());
                let message = Term::tuple([own].into_iter().chain(message));
                process.send(judge(), message).await.unwrap();
                let Received::Message(body) = process.receive().await else {
                    panic!("a message");
                };
                answers.push(body.term().unwrap());
            }
            answer.send(answers).unwrap();
        },
    );
    timeout(LIMIT, answered).await.unwrap().unwrap()
}

fn nested(depth: usize) -> Term {
    (0..depth).fold(Term::nil(), |inner, _| Term::list([inner]))
}

/// Terms that are too large to be written down, as Elixir makes them and as we do.
fn large() -> Vec<(String, Term)> {
    let binary = |size: usize| {
        (
            format!(":binary.copy(<<7>>, {size})"),
            Term::Binary(vec![7; size].into()),
        )
    };
    let deep = |depth: usize| {
        (
            format!("Enum.reduce(1..{depth}, [], fn _, inner -> [inner] end)"),
            nested(depth),
        )
    };
    vec![
        binary(8 * 1024 * 1024),
        binary(65_536),
        binary(65_400),
        deep(200),
        deep(100_000),
        (
            "Enum.to_list(1..100_000)".to_owned(),
            Term::list((1..=100_000).map(Term::from)),
        ),
        (
            "List.to_tuple(Enum.to_list(1..300))".to_owned(),
            Term::tuple((1..=300).map(Term::from)),
        ),
        (
            "Map.new(1..1000, &{&1, &1})".to_owned(),
            Term::Map((1..=1000).map(|n| (Term::from(n), Term::from(n))).collect()),
        ),
        (
            "Integer.pow(2, 4000)".to_owned(),
            Term::integer(beamlink::term::BigInt::from(2).pow(4000)),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_equal_on_the_far_side() {
    let (_epmd, mut beam, node) = match connected().await {
        Ok(connected) => connected,
        Err(missing) => return interop::skip("terms_are_equal_on_the_far_side", &missing),
    };
    let written = TERMS
        .iter()
        .map(|text| ((*text).to_owned(), Term::parse_elixir(text).unwrap()));
    let all: Vec<(String, Term)> = written.chain(large()).collect();
    let to_beam = all
        .iter()
        .map(|(text, term)| vec![Term::from(text.as_str()), term.clone()]);
    let verdicts = asked(&node, to_beam.collect()).await;
    for ((text, _), verdict) in all.iter().zip(verdicts) {
        assert_eq!(verdict, Term::from(true), "{text} to the BEAM");
    }
    let from_beam = all
        .iter()
        .map(|(text, _)| vec![Term::atom("send"), Term::from(text.as_str())]);
    let received = asked(&node, from_beam.collect()).await;
    for ((text, term), received) in all.iter().zip(received) {
        assert!(*term == received, "{text} from the BEAM");
    }
    assert_eq!(beam.log(), "[]");
    node.stop().await;
}

/// A process `mirror` that sends the second element of what it gets back to the first.
async fn mirror(node: &Node) {
    let (ready, mut told) = mpsc::channel(1);
    node.runtime().spawn(
        SpawnOptions::default(),
        async move |mut process: Process| {
            process.register(&Atom::from_static("mirror")).unwrap();
            ready.send(()).await.unwrap();
            while let Received::Message(body) = process.receive().await {
                let body = body.term().unwrap();
                let [Term::Pid(from), term] = body.as_tuple().unwrap() else {
                    panic!("{body:?}");
                };
                process.send(from, term.clone()).await.unwrap();
            }
        },
    );
    timeout(LIMIT, told.recv()).await.unwrap();
}

/// What only a BEAM can make comes back to it as it was: pids, references, ports, funs.
#[tokio::test(flavor = "multi_thread")]
async fn what_we_only_carry_comes_back_unchanged() {
    let (_epmd, mut beam, node) = match connected().await {
        Ok(connected) => connected,
        Err(missing) => return interop::skip("what_we_only_carry_comes_back_unchanged", &missing),
    };
    mirror(&node).await;
    let things = "x = 7; {:ok, l} = :gen_tcp.listen(0, []); r = :erlang.monitor(:process, self(), [alias: :demonitor]); \
        things = [self(), make_ref(), r, l, fn -> x end, fn a -> a + x end, &Enum.map/2, :erlang.list_to_pid('<0.1.0>'), \
        hd(:erlang.ports()), :erlang.group_leader()]; \
        Enum.map(things, fn t -> send({:mirror, :zz_maint_terms@localhost}, {self(), t}); receive do ^t -> :same; other -> other after 5000 -> :hang end end) |> Enum.uniq()";
    assert_eq!(beam.value(things), "[:same]");
    node.stop().await;
}

/// OTP 29 has records as terms of their own, and sends them whether we offered that or not.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_otp_29_come_back_unchanged() {
    let name = "records_of_otp_29_come_back_unchanged";
    let connected = match Otp::of("sid") {
        Ok(otp) => connected_to(&otp).await,
        Err(missing) => Err(missing),
    };
    let (_epmd, mut beam, node) = match connected {
        Ok(connected) => connected,
        Err(missing) => return interop::skip(name, &missing),
    };
    mirror(&node).await;
    let record = "atom = fn text -> <<119, byte_size(text), text::binary>> end; \
        record = :erlang.binary_to_term(<<131, 67, 2::32, 1, atom.(\"shop\")::binary, atom.(\"item\")::binary, \
        atom.(\"name\")::binary, atom.(\"price\")::binary, 109, 3::32, \"tea\", 97, 7>>); \
        send({:mirror, :zz_maint_terms@localhost}, {self(), [record, {record}]}); \
        receive do [^record, {^record}] -> :same; other -> other after 5000 -> :hang end";
    assert_eq!(beam.value(record), ":same");
    assert_eq!(beam.log(), "[]");
    node.stop().await;
}

/// A peer's flood of one process does not stop the reader: others are answered meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_process_ends_and_the_node_stays() {
    let (_epmd, mut beam, node) = match connected().await {
        Ok(connected) => connected,
        Err(missing) => {
            return interop::skip("a_flooded_process_ends_and_the_node_stays", &missing);
        }
    };
    let (ready, mut told) = mpsc::channel(1);
    let mut options = SpawnOptions::default();
    options.mailbox.bytes = 1024 * 1024;
    node.runtime()
        .spawn(options, async move |process: Process| {
            process.register(&Atom::from_static("deaf")).unwrap();
            ready.send(()).await.unwrap();
            std::future::pending::<()>().await;
        });
    timeout(LIMIT, told.recv()).await.unwrap();
    let flood = "deaf = {:deaf, :zz_maint_terms@localhost}; ref = Process.monitor(deaf); \
        body = :binary.copy(<<1>>, 10_000); for _ <- 1..1000, do: send(deaf, body); \
        pong = :net_adm.ping(:zz_maint_terms@localhost); \
        receive do {:DOWN, ^ref, _, _, reason} -> {pong, reason} after 5000 -> {pong, :hang} end";
    assert_eq!(beam.value(flood), "{:pong, :mailbox_overflow}");
    assert_eq!(beam.log(), "[]");
    node.stop().await;
}
