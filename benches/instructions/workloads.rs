//! What is counted: each workload does one thing as often as it is told.

use std::hint::black_box;

use beamlink::Cookie;
use beamlink::dist::{Control, Frame, FrameDecoder, FrameLimits, Framing, encode_frame};
use beamlink::otp::gen_server::{Answer, Context, From, GenServer, ServerOptions, call, start};
use beamlink::runtime::{Item, Runtime, RuntimeSettings};
use beamlink::term::{Atom, Decoder, Pid, Term, deserialize, serialize, skip};
use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

use crate::messages::{EVENT, GEN_CALL, MAP, binary, integers};
use crate::typed::{Binary, Call, Event, Mixed};

/// A name, and what is done so many times.
pub(crate) type Workload = (&'static str, Box<dyn Fn(u32)>);

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Workload> {
    let erlang = |text: &str| Term::parse_erlang(text).unwrap();
    let mut all = Vec::new();
    message::<Call>(
        &mut all,
        [
            "encode gen_call",
            "decode gen_call",
            "skip gen_call",
            "write gen_call",
            "read gen_call",
        ],
        erlang(GEN_CALL),
    );
    message::<Mixed>(
        &mut all,
        [
            "encode map",
            "decode map",
            "skip map",
            "write map",
            "read map",
        ],
        erlang(MAP),
    );
    message::<Event>(
        &mut all,
        [
            "encode event",
            "decode event",
            "skip event",
            "write event",
            "read event",
        ],
        erlang(EVENT),
    );
    message::<Binary>(
        &mut all,
        [
            "encode 64 KiB",
            "decode 64 KiB",
            "skip 64 KiB",
            "write 64 KiB",
            "read 64 KiB",
        ],
        binary(),
    );
    message::<Vec<i64>>(
        &mut all,
        [
            "encode list",
            "decode list",
            "skip list",
            "write list",
            "read list",
        ],
        integers(),
    );
    frames(&mut all);
    all.push(("local call", Box::new(local_calls)));
    all
}

fn message<T: Serialize + DeserializeOwned + 'static>(
    all: &mut Vec<Workload>,
    [encode, decode, skipped, write, read]: [&'static str; 5],
    term: Term,
) {
    let bytes = term.to_external().unwrap().slice(1..);
    let value: T = deserialize(&bytes).unwrap();
    let encoded = move |times| {
        let mut buffer = BytesMut::with_capacity(bytes_of(&term));
        for _ in 0..times {
            buffer.clear();
            black_box(&term).encode(&mut buffer).unwrap();
            black_box(&buffer);
        }
    };
    all.push((encode, Box::new(encoded)));
    let input = bytes.clone();
    let decoded = move |times| {
        for _ in 0..times {
            drop(black_box(
                Decoder::new(black_box(&input).clone()).term().unwrap(),
            ));
        }
    };
    all.push((decode, Box::new(decoded)));
    let input = bytes.clone();
    let checked = move |times| {
        for _ in 0..times {
            black_box(skip(black_box(&input)).unwrap());
        }
    };
    all.push((skipped, Box::new(checked)));
    let written = move |times| {
        let mut buffer = BytesMut::with_capacity(65536 + 64);
        for _ in 0..times {
            buffer.clear();
            serialize(black_box(&value), &mut buffer).unwrap();
            black_box(&buffer);
        }
    };
    all.push((write, Box::new(written)));
    let done = move |times| {
        for _ in 0..times {
            drop(black_box(deserialize::<T>(black_box(&bytes)).unwrap()));
        }
    };
    all.push((read, Box::new(done)));
}

fn bytes_of(term: &Term) -> usize {
    term.to_external().unwrap().len()
}

/// A small message into a frame and out of it.
fn frames(all: &mut Vec<Workload>) {
    let pid = |node: &'static str| Pid {
        node: Atom::from_static(node),
        id: 110,
        serial: 0,
        creation: 1_700_000_000,
    };
    let control = Control::SendSender {
        from: pid("client@127.0.0.1"),
        to: pid("server@127.0.0.1"),
    };
    let message = Term::parse_erlang("{get,key,42}").unwrap();
    let mut frame = BytesMut::new();
    encode_frame(Framing::Header, &control, Some(&message), &mut frame).unwrap();
    let encoded = move |times| {
        let mut buffer = BytesMut::with_capacity(256);
        for _ in 0..times {
            buffer.clear();
            encode_frame(
                Framing::Header,
                black_box(&control),
                Some(&message),
                &mut buffer,
            )
            .unwrap();
            black_box(&buffer);
        }
    };
    all.push(("frame out", Box::new(encoded)));
    let read = move |times| {
        let mut decoder = FrameDecoder::new(Framing::Header, FrameLimits::default());
        let mut buffer = BytesMut::with_capacity(4096);
        for _ in 0..times {
            buffer.extend_from_slice(&frame);
            let whole = decoder.next(&mut buffer).unwrap();
            assert!(matches!(black_box(whole), Some(Frame::Signal(..))));
        }
    };
    all.push(("frame in", Box::new(read)));
}

struct Echo;

impl GenServer for Echo {
    type Call = Term;
    type Reply = Term;
    type Cast = Term;
    type Info = Term;
    type Continue = ();

    async fn handle_call(
        &mut self,
        request: Term,
        _: From<Term>,
        _: &mut Context<'_, Self>,
    ) -> Answer<Term> {
        Answer::Reply(request)
    }
}

/// A call to a GenServer of the same node.
fn local_calls(times: u32) {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    tokio.block_on(async {
        let (runtime, _events) = Runtime::start(RuntimeSettings {
            name: "here@localhost".parse().unwrap(),
            cookie: Cookie::new("instructions"),
            creation: 1_700_000_000,
            hidden: false,
            net_ticktime: Duration::from_secs(60),
            setup_time: Duration::from_secs(7),
        });
        let server = start(&runtime, Echo, ServerOptions::default())
            .await
            .unwrap();
        let request = Term::tuple([Term::atom("get"), Term::atom("key")]);
        for _ in 0..times {
            let item = Item::Pid(server.pid().clone());
            let answer = call(&runtime, item, &request, Duration::from_secs(60)).await;
            black_box(answer.unwrap());
        }
    });
}
