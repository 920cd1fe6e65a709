//! Nodes and guests that end and start again.

use super::{CALM, DEAF, ONE_MORE, after, seconds, standing};
use crate::scenario::Step::{
    Does, Freezes, Killed, NameTaken, Passes, Sees, Starts, Stops, Thaws, Whole,
};
use crate::scenario::{Kind, Scenario, Step, Who};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "a real node is killed and started again",
            3,
            after(
                standing(3),
                vec![
                    Killed(Who::Node(1)),
                    Whole("without it"),
                    Passes(CALM),
                    Starts(vec![Who::Node(1)]),
                    Whole("it is back"),
                ],
            ),
        )
        .mixed(),
        Scenario::new(
            "a real node is frozen for longer than net_ticktime",
            3,
            after(
                standing(3),
                vec![
                    Freezes(Who::Node(1)),
                    Passes(DEAF),
                    Thaws(Who::Node(1)),
                    Whole("it is back"),
                ],
            ),
        )
        .chancy()
        .excused(Kind::Resets, ONE_MORE),
        Scenario::new(
            "all real nodes are restarted, one after the other",
            3,
            after(standing(3), (0..3).flat_map(restart).collect()),
        )
        .mixed(),
        Scenario {
            remembers: true,
            ..Scenario::new(
                "the guest is restarted ten times, in good order and by kill -9",
                3,
                after(standing(3), (0..10).flat_map(restart_guest).collect()),
            )
        },
        Scenario::new(
            "the guest leaves in good order",
            3,
            after(
                standing(3),
                vec![Stops(Who::Guest), Whole("without it"), Passes(seconds(1))],
            ),
        ),
        Scenario::new(
            "the guest is killed and started again",
            3,
            after(
                standing(3),
                vec![
                    Killed(Who::Guest),
                    Whole("without it"),
                    Passes(seconds(10)),
                    Starts(vec![Who::Guest]),
                    Whole("it is back"),
                ],
            ),
        ),
        Scenario::new(
            "pids of an earlier life of the guest are used",
            3,
            after(standing(3), stale_pids()),
        ),
        Scenario::new(
            "another is started under the name of the guest on its host",
            3,
            after(standing(3), vec![NameTaken, Whole("as before")]),
        ),
    ]
}

fn restart(at: usize) -> [Step; 5] {
    [
        Stops(Who::Node(at)),
        Passes(CALM),
        Starts(vec![Who::Node(at)]),
        Whole("it is back"),
        // To a node that starts a visible guest is one nodeup more.
        Passes(CALM),
    ]
}

fn restart_guest(turn: usize) -> [Step; 4] {
    let ends = match turn % 2 {
        0 => Stops(Who::Guest),
        _ => Killed(Who::Guest),
    };
    [
        ends,
        Whole("without it"),
        Starts(vec![Who::Guest]),
        Whole("it is back"),
    ]
}

/// A pid of the first life is monitored, sent to and linked to in the second.
fn stale_pids() -> Vec<Step> {
    vec![
        Does(
            Who::Node(0),
            ":persistent_term.put(:old, :rpc.call(:zz_maint_beamlink@rust0, :erlang, :whereis, [:rex]))",
        ),
        Sees(
            Who::Node(0),
            "is_pid(:persistent_term.get(:old, nil))",
            "true",
        ),
        Killed(Who::Guest),
        Whole("without it"),
        Passes(seconds(10)),
        Starts(vec![Who::Guest]),
        Whole("it is back"),
        Sees(
            Who::Node(0),
            "old = :persistent_term.get(:old); send(old, {self(), :features_request}); m = Process.monitor(old); \
             receive do {:DOWN, ^m, _, _, r} -> r after 1000 -> :silent end",
            ":noproc",
        ),
        Sees(
            Who::Node(0),
            "Process.flag(:trap_exit, true); old = :persistent_term.get(:old); Process.link(old); \
             receive do {:EXIT, ^old, r} -> r after 1000 -> :silent end",
            ":noproc",
        ),
        Sees(
            Who::Node(0),
            "try do GenServer.call(:persistent_term.get(:old), :hello, 1000) catch :exit, {r, _} -> r end",
            ":noproc",
        ),
        Whole("as before"),
        Sees(
            Who::Node(0),
            "is_pid(:rpc.call(:zz_maint_beamlink@rust0, :erlang, :whereis, [:rex]))",
            "true",
        ),
    ]
}
