//! The proving ground itself is put to the test: guests that are bad on purpose, each in its own way, are found to be harm.
//! All but one are real nodes in the place of the guest that do what no guest should; one that does nothing bad is harmless.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use interop::{Guest, Kind, Otp, Scenario, Step, Who};

/// How a guest is bad, what it does to its two hosts once it has joined them (Elixir), what the hosts are asked, and what
/// kind of harm that is; none for one that is good.
const GUESTS: &[(&str, &str, &str, Option<Kind>)] = &[
    ("it does nothing bad", ":ok", "ping global_register", None),
    (
        "its global does not answer",
        ":sys.suspend(:global_name_server)",
        "global_register",
        Some(Kind::Probe),
    ),
    (
        "a server of it does not answer",
        ":erlang.suspend_process(Process.whereis(:rex)); Process.sleep(:infinity)",
        "sys_get_status",
        Some(Kind::Probe),
    ),
    (
        "it comes and goes",
        "for _ <- 1..3 do Enum.each(Node.list(), &Node.disconnect/1); Process.sleep(200); \
         Enum.each(hosts, &Node.connect/1); Process.sleep(800) end",
        "ping",
        Some(Kind::Flaps),
    ),
    (
        "it speaks to pg in its own words",
        "for n <- hosts, do: send({:fixture_scope, n}, :hello)",
        "ping",
        Some(Kind::Log),
    ),
    (
        "it tells one node that it has lost the other",
        "[a, b] = hosts; send({:global_name_server, a}, {:lost_connection, node(), 1, 1, b})",
        "ping",
        Some(Kind::Blame),
    ),
];
const ASKED: &str = "global_sync global_register global_lock multi_call ping rpc_multicall erpc_multicall global_trans \
                     monitor_absent remote_spawn sys_get_status pg_join_leave";
/// They wait more than they work.
const AT_A_TIME: usize = 3;

/// Two nodes, a guest that joins, some time, and a question.
fn story(name: &'static str, then: Vec<Step>, asked: &str, pairs: usize) -> Scenario {
    let spared = ASKED
        .split_whitespace()
        .filter(|what| !asked.contains(what));
    let spared: Vec<&str> = spared.collect();
    let begin = vec![
        Step::Starts(vec![Who::Node(0), Who::Node(1)]),
        Step::Whole("start"),
        Step::Starts(vec![Who::Guest]),
        Step::Whole("guest joins"),
    ];
    Scenario {
        pairs,
        spared: Some(spared.join(" ").leak()),
        ..Scenario::new(name, 2, [begin, then].concat())
    }
}

#[test]
fn a_bad_guest_is_found_to_be_harm() {
    let name = "a_bad_guest_is_found_to_be_harm";
    let otp = match Otp::host() {
        Ok(otp) => otp,
        Err(missing) => return interop::skip(name, &missing),
    };
    let waiting = Mutex::new(GUESTS.iter().collect::<Vec<_>>());
    let wrong = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().unwrap().pop();
            let Some((how, deed, asked, kind)) = next else {
                break;
            };
            // To be seen in one pair of runs is enough; that there is nothing to see may need more.
            let pairs = if kind.is_some() { 1 } else { 5 };
            let story = story(
                how,
                vec![Step::Passes(Duration::from_secs(5))],
                asked,
                pairs,
            );
            let deeds = format!(
                "spawn(fn -> Enum.find(Stream.repeatedly(fn -> Process.sleep(50); length(Node.list()) end), &(&1 == 2)); \
                 Process.sleep(500); hosts = Enum.sort(Node.list()); _ = hosts; {deed} end)"
            );
            let found = match story.compare(std::slice::from_ref(&otp), Guest::Beam(&deeds)) {
                Ok(found) => found.harm,
                Err(missing) => return interop::skip(name, &missing),
            };
            let is_right = match kind {
                Some(kind) => found.iter().any(|harm| harm.kind == *kind),
                None => found.is_empty(),
            };
            eprintln!("{how}: {found:?}");
            if !is_right {
                wrong.lock().unwrap().push(format!("{how}: {found:?}"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The real guest, without which the others could all be found by what a BEAM is.
#[test]
fn a_guest_that_starves_is_found_to_be_harm() {
    let name = "a_guest_that_starves_is_found_to_be_harm";
    let otp = match Otp::host() {
        Ok(otp) => otp,
        Err(missing) => return interop::skip(name, &missing),
    };
    // Several questions: five calls in a row may all fall into the time that it has.
    let asked = "ping monitor_absent remote_spawn rpc_multicall sys_get_status";
    let story = story("it starves", vec![Step::Starves(Who::Guest)], asked, 1);
    let guest = Guest::Beamlink(Path::new(env!("CARGO_BIN_EXE_beamlink")));
    match story.compare(std::slice::from_ref(&otp), guest) {
        Ok(found) => {
            let mut kinds = found.harm.iter().map(|harm| harm.kind);
            let slow = kinds.any(|kind| matches!(kind, Kind::Probe | Kind::Together));
            assert!(slow, "{:?}", found.harm);
        }
        Err(missing) => interop::skip(name, &missing),
    }
}
