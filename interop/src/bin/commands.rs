//! How long one-shot commands take as whole processes, beside those of OTP and Elixir, against the same node and in turn.
//! Prints a Markdown table.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use interop::{BeamNode, BeamOptions, Epmd, Missing, Otp};

const COOKIE: &str = "commands";
const PEER: &str = "app@localhost";
const ROUNDS: usize = 300;

fn main() -> ExitCode {
    let mut binaries = std::env::args().skip(1);
    let Some(binary) = binaries.next() else {
        eprintln!(
            "commands: give the path of beamlink, and of one that is linked statically if there is one"
        );
        return ExitCode::from(2);
    };
    match compare(&binary, binaries.next().as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(missing) => {
            eprintln!("commands: {missing}");
            ExitCode::FAILURE
        }
    }
}

/// A command line, and how often it is run.
struct Contender {
    shown: &'static str,
    words: Vec<String>,
    rounds: usize,
    times: Vec<Duration>,
}

impl Contender {
    fn new(shown: &'static str, words: &[&[&str]], rounds: usize) -> Contender {
        let words = words.concat();
        Contender {
            shown,
            words: words.into_iter().map(str::to_owned).collect(),
            rounds,
            times: Vec::new(),
        }
    }
}

fn contenders(binary: &str, static_binary: Option<&str>) -> Vec<Contender> {
    let erl_call: &[&str] = &["erl_call", "-sname", PEER, "-c", COOKIE];
    let elixir: &[&str] = &["elixir", "--sname", "asker@localhost", "--cookie", COOKIE];
    let ours = |shown, words| Contender::new(shown, &[&[binary], words], ROUNDS);
    let mut contenders = vec![
        ours(
            "`beamlink apply NODE erlang node`",
            &["apply", PEER, "erlang", "node"],
        ),
        ours("`beamlink rpc NODE 'node()'`", &["rpc", PEER, "node()"]),
        ours("`beamlink ping NODE`", &["ping", PEER]),
        Contender::new(
            "`erl_call -a 'erlang node'`",
            &[erl_call, &["-a", "erlang node"]],
            ROUNDS,
        ),
        Contender::new(
            "`erl_call -R -a 'erlang node'`",
            &[erl_call, &["-R", "-a", "erlang node"]],
            ROUNDS,
        ),
        Contender::new(
            "`elixir --rpc-eval NODE 'node()'`",
            &[elixir, &["--rpc-eval", PEER, "node()"]],
            5,
        ),
    ];
    if let Some(binary) = static_binary {
        let shown = "`beamlink apply NODE erlang node`, linked statically";
        let words: &[&str] = &["apply", PEER, "erlang", "node"];
        contenders.insert(1, Contender::new(shown, &[&[binary], words], ROUNDS));
    }
    contenders
}

fn compare(binary: &str, static_binary: Option<&str>) -> Result<(), Missing> {
    let epmd = Epmd::start(interop::tcp(), None)?;
    let _beam = BeamNode::start(BeamOptions::new(&Otp::host()?, PEER, COOKIE, epmd.port()))?;
    let mut contenders = contenders(binary, static_binary);
    for round in 0..ROUNDS {
        for contender in &mut contenders {
            if round < contender.rounds {
                contender.times.push(time(&contender.words, epmd.port())?);
            }
        }
    }
    println!("| command, from its start to its end | ms: median (min–max) |");
    println!("|---|---|");
    for Contender { shown, times, .. } in &mut contenders {
        times.sort();
        let millis = |at: usize| {
            times
                .get(at)
                .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        let (median, least, most) = (times.len() / 2, 0, times.len().saturating_sub(1));
        println!(
            "| {shown} | {:.1} ({:.1}–{:.1}) |",
            millis(median),
            millis(least),
            millis(most)
        );
    }
    Ok(())
}

fn time(words: &[String], epmd_port: u16) -> Result<Duration, Missing> {
    let [program, words @ ..] = words else {
        return Err(Missing("a command".to_owned()));
    };
    let mut command = Command::new(program);
    command
        .args(words)
        .env("ERL_EPMD_PORT", epmd_port.to_string())
        .env("RELEASE_COOKIE", COOKIE)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status();
    let time = begin.elapsed();
    match status {
        Ok(status) if status.success() => Ok(time),
        other => Err(Missing(format!("{program} {}: {other:?}", words.join(" ")))),
    }
}
