//! Our EPMD client, server and keeper against the `epmd` and the `erl` of this host.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use beamlink::epmd::{
    EpmdKeeper, EpmdMode, EpmdServer, EpmdSettings, EpmdState, LookupError, NodeEntry, NodeType,
    RegisterError, ServerSettings, lookup, names, register,
};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Ten times and more what anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Ends the test, loudly, when a program is not installed.
macro_rules! needs {
    ($program:literal, $test:literal) => {
        if !installed($program) {
            eprintln!("SKIPPED {}: no {} on this host", $test, $program);
            return;
        }
    };
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A process that ends, by its id, with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The `epmd` of OTP.
fn otp_epmd(port: u16) -> Process {
    let port_text = port.to_string();
    let mut command = Command::new("epmd");
    command.args(["-port", &port_text, "-address", "127.0.0.1"]);
    let process = Process(command.spawn().unwrap());
    let started = Instant::now();
    while TcpStream::connect(at(port)).is_err() {
        assert!(started.elapsed() < LONG, "epmd does not come up");
        std::thread::sleep(Duration::from_millis(5));
    }
    process
}

/// Runs one command of OTP's epmd against the EPMD on `port`.
fn epmd_says(port: u16, command: &str) -> String {
    let port = port.to_string();
    let output = Command::new("epmd")
        .args(["-port", &port, command])
        .output();
    text(output.unwrap())
}

fn text(output: Output) -> String {
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// Our own EPMD, as `beamlink` would run it.
fn our_epmd(port: u16) -> JoinHandle<()> {
    let settings = ServerSettings {
        port,
        ..ServerSettings::default()
    };
    let server = EpmdServer::bind(settings).unwrap();
    tokio::spawn(async { server.run().await })
}

fn erl(port: u16, name: &str, eval: &str) -> Command {
    let mut command = Command::new("erl");
    command
        .env("ERL_EPMD_PORT", port.to_string())
        .env("HOME", std::env::temp_dir())
        .args(["-noinput", "-sname", &format!("{name}@localhost")])
        .args(["-setcookie", "epmd_beam", "-eval", eval])
        .stdin(Stdio::null());
    command
}

/// A BEAM node that stays, and the creation that it got.
struct Beam {
    process: Process,
    creation: u32,
}

fn beam(port: u16, name: &str) -> Beam {
    let eval = "io:format(\"~p~n\", [erlang:system_info(creation)])";
    let mut command = erl(port, name, eval);
    let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
    let stdout = process.0.stdout.take().unwrap();
    let (lines, line) = mpsc::channel();
    std::thread::spawn(move || lines.send(BufReader::new(stdout).lines().next()));
    let line = line.recv_timeout(LONG).expect("erl says something");
    let creation = line.expect("erl is up").unwrap().parse().unwrap();
    Beam { process, creation }
}

/// What a BEAM node that lives for this question prints.
fn beam_says(port: u16, name: &str, eval: &str) -> String {
    let eval = format!("{eval}, halt().");
    text(erl(port, name, &eval).output().unwrap())
}

/// Waits until EPMD knows exactly these names, in any order.
async fn until_names(port: u16, wanted: &[&str]) {
    let known = async {
        loop {
            let mut nodes = names(at(port), LONG).await.unwrap_or_default();
            nodes.sort();
            if nodes
                .iter()
                .map(|(name, _)| name.as_str())
                .eq(wanted.iter().copied())
            {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let reached = timeout(LONG, known).await;
    reached.unwrap_or_else(|_| panic!("never {wanted:?}"));
}

async fn until_state(keeper: &EpmdKeeper, wanted: EpmdState) {
    let mut state = keeper.state();
    let reached = timeout(LONG, state.wait_for(|state| *state == wanted)).await;
    reached
        .unwrap_or_else(|_| panic!("never {wanted:?}"))
        .unwrap();
}

async fn keeper(mode: EpmdMode, port: u16) -> EpmdKeeper {
    let settings = EpmdSettings {
        mode,
        port,
        ..EpmdSettings::new("rust@localhost".parse().unwrap(), 9100)
    };
    EpmdKeeper::start(settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_and_otps_epmd_understand_each_other() {
    needs!("epmd", "the_client_and_otps_epmd_understand_each_other");
    let port = interop::tcp();
    let _epmd = otp_epmd(port);
    let mut entry = NodeEntry::new("ñandú", 9100, NodeType::Hidden);
    entry.extra = vec![1, 0, 255];
    let registration = register(at(port), entry.clone(), LONG).await.unwrap();
    let first = registration.creation();
    assert!(first > 3);
    assert_eq!(lookup(at(port), "ñandú", LONG).await, Ok(entry.clone()));
    assert_eq!(
        names(at(port), LONG).await,
        Ok(vec![("ñandú".into(), 9100)])
    );
    let (name, epmd) = (String::from("ñandú"), at(port));
    let taken = register(at(port), entry.clone(), LONG).await.unwrap_err();
    assert_eq!(taken, RegisterError::NameTaken { name, epmd });

    drop(registration);
    until_names(port, &[]).await;
    let (name, epmd) = (String::from("ñandú"), at(port));
    let gone = lookup(at(port), "ñandú", LONG).await;
    assert_eq!(gone, Err(LookupError::UnknownName { name, epmd }));
    let again = register(at(port), entry.clone(), LONG).await.unwrap();
    assert_eq!(again.creation(), first + 1);

    drop(again);
    until_names(port, &[]).await;
    entry.highest_version = 5;
    let old = register(at(port), entry, LONG).await.unwrap();
    assert!((1..=3).contains(&old.creation()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_back_after_otps_epmd_was_killed_and_restarted() {
    needs!(
        "epmd",
        "a_node_is_back_after_otps_epmd_was_killed_and_restarted"
    );
    let port = interop::tcp();
    let mut epmd = otp_epmd(port);
    let keeper = keeper(EpmdMode::External, port).await;
    until_state(&keeper, EpmdState::RegisteredWith(at(port))).await;
    epmd.kill();
    let _epmd = otp_epmd(port);
    let restarted = Instant::now();
    until_names(port, &["rust"]).await;
    eprintln!("registered {:?} after the restart", restarted.elapsed());
    until_state(&keeper, EpmdState::RegisteredWith(at(port))).await;
    keeper.stop().await;
    until_names(port, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_serves_when_otps_epmd_does_not_come_back() {
    needs!("epmd", "a_node_serves_when_otps_epmd_does_not_come_back");
    let port = interop::tcp();
    let mut epmd = otp_epmd(port);
    let keeper = keeper(EpmdMode::Auto, port).await;
    epmd.kill();
    let killed = Instant::now();
    until_state(&keeper, EpmdState::Serving(port)).await;
    eprintln!("serving {:?} after the kill", killed.elapsed());
    assert!(epmd_says(port, "-names").contains("name rust at port 9100"));
    // A second epmd goes away quietly, as the daemon of a starting `erl` does.
    let port = port.to_string();
    let late = Command::new("epmd").args(["-port", &port]).status();
    assert!(late.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn otps_tools_read_our_epmd() {
    needs!("epmd", "otps_tools_read_our_epmd");
    let port = interop::tcp();
    let _keeper = keeper(EpmdMode::Embedded, port).await;
    let up = format!("epmd: up and running on port {port} with data:\n");
    let one = format!("{up}name rust at port 9100\n");
    assert_eq!(epmd_says(port, "-names"), one);
    let dump = epmd_says(port, "-dump");
    assert!(
        dump.contains("active name     <rust> at port 9100, fd = 0\n"),
        "{dump}"
    );
    let killed = epmd_says(port, "-kill");
    assert!(killed.contains("living nodes"), "{killed}");
    until_names(port, &["rust"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beams_find_each_other_and_us_through_our_epmd() {
    needs!("erl", "beams_find_each_other_and_us_through_our_epmd");
    let port = interop::tcp();
    let _keeper = keeper(EpmdMode::Auto, port).await;
    let _one = beam(port, "one");
    let said = beam_says(
        port,
        "two",
        "{ok, Names} = erl_epmd:names(\"localhost\"),
         {port, Rust, Version} = erl_epmd:port_please(\"rust\", \"localhost\"),
         io:format(\"~p ~p ~p~n\", [net_adm:ping('one@localhost'),
                                    lists:sort([Name || {Name, _} <- Names]), {Rust, Version}])",
    );
    assert_eq!(said, "pong [\"one\",\"rust\",\"two\"] {9100,6}\n");
    until_names(port, &["one", "rust"]).await;
    let entry = lookup(at(port), "one", LONG).await.unwrap();
    let same = NodeEntry::new("one", entry.port, NodeType::Visible);
    assert_eq!(entry, same);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beams_name_is_its_own_until_it_is_killed() {
    needs!("erl", "a_beams_name_is_its_own_until_it_is_killed");
    let port = interop::tcp();
    let _epmd = our_epmd(port);
    let mut first = beam(port, "same");
    let second = beam_says(port, "same", "io:format(\"up\")");
    assert!(second.contains("seems to be in use"), "{second}");
    until_names(port, &["same"]).await;
    first.process.kill();
    let killed = Instant::now();
    until_names(port, &[]).await;
    eprintln!("name free {:?} after kill -9", killed.elapsed());
    let next = beam(port, "same");
    assert_eq!(next.creation, first.creation.wrapping_add(1).max(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn beams_come_back_when_another_of_us_takes_over() {
    needs!("erl", "beams_come_back_when_another_of_us_takes_over");
    let port = interop::tcp();
    let first = our_epmd(port);
    let keeper = keeper(EpmdMode::Auto, port).await;
    let _one = beam(port, "one");
    first.abort();
    until_state(&keeper, EpmdState::Serving(port)).await;
    let serving = Instant::now();
    until_names(port, &["one", "rust"]).await;
    eprintln!("the BEAM is back {:?} later", serving.elapsed());
}
