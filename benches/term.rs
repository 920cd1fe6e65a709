//! Encoding and decoding of five messages: ours, eetf's and a BEAM's, in one run. `cargo bench --bench term`
//!
//! Each figure is the median of [`ROUNDS`] rounds, in which the contenders take turns.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use beamlink::term::{Term, decode, skip};
use bytes::{Bytes, BytesMut};

const ROUNDS: usize = 7;
/// How long one contender works in one round, in nanoseconds.
const SLICE: f64 = 30e6;

fn messages() -> Vec<(&'static str, Term)> {
    let erlang = |text: &str| Term::parse_erlang(text).unwrap();
    let event = "#{event_id => <<\"0f8fad5b-d9cb-469f-a165-70867728950e\">>,event_type => <<\"user_registered\">>,\
        stream_id => <<\"user-7c9e6679\">>,event_number => 42,data => #{name => <<\"Ada\">>,email => <<\"ada@example.org\">>},\
        metadata => #{},created => 1732370000123456,created_epoch => 1732370000}";
    let map = "#{id => 12345,name => <<\"a name of some length\">>,active => true,score => 99.5,role => admin,\
        tags => [a,b,c],count => 3000000000,parent => undefined,email => <<\"user@example.org\">>,at => {2026,11,23}}";
    vec![
        (
            "gen_call",
            erlang(
                "{'$gen_call',{#Pid<'client@127.0.0.1',110,0,1700000000>,#Ref<'client@127.0.0.1',1700000000,1000,2000,3000>},{get,key}}",
            ),
        ),
        ("map of 10", erlang(map)),
        ("event", erlang(event)),
        ("64 KiB", Term::Binary(vec![7; 65536].into())),
        (
            "10,000 ints",
            Term::list((0..10_000).map(|n| Term::from(n * 7 % 100_000))),
        ),
    ]
}

/// Nanoseconds that `work` takes.
fn time(mut work: impl FnMut()) -> f64 {
    let mut once = |times: u32| {
        let start = Instant::now();
        (0..times).for_each(|_| work());
        start.elapsed().as_nanos() as f64 / f64::from(times)
    };
    let guess = once(3).max(5.0);
    once(((SLICE / guess) as u32).max(3))
}

/// An `erl` that times its own encoder and decoder: a line `What Times Hex` is answered with nanoseconds.
struct Beam {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// Compiled, since the shell's evaluated funs are slow.
const MODULE: &str = r#"
-module(beamlink_bench).
-export([run/0]).
%% The result is handed on: the compiler drops calls whose result is not used.
encode(_, 0, Last) -> Last;
encode(T, N, _) -> encode(T, N - 1, term_to_binary(T)).
decode(_, 0, Last) -> Last;
decode(B, N, _) -> decode(B, N - 1, binary_to_term(B)).
run() ->
    case io:get_line("") of
        eof -> halt();
        Line ->
            [What, Times, Hex] = string:lexemes(Line, " \n"),
            N = list_to_integer(Times),
            B = binary:decode_hex(list_to_binary(Hex)),
            T = binary_to_term(B),
            {Time, _} = timer:tc(fun() ->
                case What of "encode" -> encode(T, N, none); "decode" -> decode(B, N, none) end
            end),
            io:format("~p~n", [Time * 1000 / N]),
            run()
    end.
"#;

impl Beam {
    fn start() -> Option<Beam> {
        let folder = std::env::temp_dir().join(format!("beamlink-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).ok()?;
        std::fs::write(folder.join("beamlink_bench.erl"), MODULE).ok()?;
        let mut compiler = Command::new("erlc");
        compiler
            .arg("beamlink_bench.erl")
            .current_dir(&folder)
            .status()
            .ok()?;
        let mut erl = Command::new("erl");
        erl.args(["-noshell", "-s", "beamlink_bench", "run"])
            .current_dir(&folder);
        let mut child = erl
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let to = child.stdin.take()?;
        let from = BufReader::new(child.stdout.take()?);
        Some(Beam { child, to, from })
    }

    fn run(&mut self, what: &str, times: u32, hex: &str) -> f64 {
        writeln!(self.to, "{what} {times} {hex}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    fn time(&mut self, what: &str, hex: &str) -> f64 {
        let guess = self.run(what, 20, hex).max(50.0);
        self.run(what, ((SLICE / guess) as u32).max(20), hex)
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Medians of ours, eetf's and the BEAM's (when there is one), and of `skip` for decoding.
fn compare(what: &str, bytes: &Bytes, beam: &mut Option<Beam>) -> [f64; 4] {
    let term = decode(bytes.clone()).unwrap();
    let theirs = eetf::Term::decode(&bytes[..]).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut times: [Vec<f64>; 4] = Default::default();
    let mut buffer = BytesMut::new();
    let mut sink = Vec::new();
    for _ in 0..ROUNDS {
        if what == "encode" {
            times[0].push(time(|| {
                buffer.clear();
                black_box(&term).encode(&mut buffer).unwrap();
                black_box(&buffer);
            }));
            times[1].push(time(|| {
                sink.clear();
                black_box(&theirs).encode(&mut sink).unwrap();
                black_box(&sink);
            }));
        } else {
            times[0].push(time(|| drop(black_box(decode(black_box(bytes).clone())))));
            times[1].push(time(|| {
                drop(black_box(eetf::Term::decode(black_box(&bytes[..]))))
            }));
            times[3].push(time(|| drop(black_box(skip(black_box(&bytes[1..]))))));
        }
        if let Some(beam) = beam {
            times[2].push(beam.time(what, &hex));
        }
    }
    times.map(median)
}

fn main() {
    let mut beam = Beam::start();
    if beam.is_none() {
        eprintln!("SKIPPED: no erl on this machine, the BEAM's column is empty");
    }
    println!(
        "nanoseconds per operation, median of {ROUNDS} rounds; targets: encode 0.4, decode 0.6, skip 0.15 of the BEAM\n"
    );
    println!("| what | message | bytes | beamlink | eetf | BEAM | / BEAM | skip | skip / BEAM |");
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|");
    for what in ["encode", "decode"] {
        for (name, term) in messages() {
            let bytes = term.to_external().unwrap();
            let [ours, theirs, beam, skip] = compare(what, &bytes, &mut beam);
            println!(
                "| {what} | {name} | {} | {ours:.0} | {theirs:.0} | {beam:.0} | {:.2} | {skip:.0} | {:.2} |",
                bytes.len(),
                ours / beam,
                skip / beam,
            );
        }
    }
    if let Some(Beam {
        mut child,
        to,
        from,
    }) = beam
    {
        drop((to, from));
        let _ = child.wait();
    }
}
