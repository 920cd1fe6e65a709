//! What tools ask of every node in `Node.list()`: the few functions of `erlang`, `application`, `code` and `net_kernel`
//! that a node without a BEAM can answer sensibly. All else is `undef`.

use std::num::NonZero;

use crate::runtime::{ProcessInfo, Runtime, Usage};
use crate::term::{Pid, Term};

/// `badarg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadArgument;

/// Calls `module:function(arguments)`; `None` when there is no such function.
pub(super) fn call(
    runtime: &Runtime,
    module: &str,
    function: &str,
    arguments: &[Term],
) -> Option<Result<Term, BadArgument>> {
    let value = match (module, function, arguments) {
        ("erlang", "node", []) => own_name(runtime),
        ("erlang", "nodes", []) => nodes(runtime, |hidden| !hidden),
        ("erlang", "nodes", [kinds]) => return Some(nodes_of(runtime, kinds)),
        ("erlang", "is_process_alive", [Term::Pid(pid)]) if is_own(runtime, pid) => {
            Term::from(runtime.is_alive(pid))
        }
        ("erlang", "is_process_alive", [_]) => return Some(Err(BadArgument)),
        ("erlang", "processes", []) => Term::list(runtime.processes().into_iter().map(Term::Pid)),
        ("erlang", "registered", []) => Term::list(runtime.names().into_iter().map(Term::Atom)),
        ("erlang", "whereis", [Term::Atom(name)]) => match runtime.whereis(name) {
            Some(pid) => Term::Pid(pid),
            None => Term::atom("undefined"),
        },
        ("erlang", "process_info", [Term::Pid(pid)]) if is_own(runtime, pid) => {
            process_info(runtime, pid)
        }
        ("erlang", "process_info", [Term::Pid(pid), items]) if is_own(runtime, pid) => {
            return Some(process_items(runtime, pid, items));
        }
        ("erlang", "process_info" | "whereis", [_] | [_, _]) => return Some(Err(BadArgument)),
        ("erlang", "system_info", [item]) => return Some(system_info(runtime, item)),
        ("erlang", "memory", []) => memory(),
        ("erlang", "memory", [item]) => return Some(memory_of(item)),
        ("erlang", "statistics", [item]) => return Some(statistics(runtime, item)),
        ("application", "which_applications", [] | [_]) => applications(),
        ("code", "which", [Term::Atom(_)]) => Term::atom("non_existing"),
        ("net_kernel", "get_net_ticktime", []) => number(runtime.settings().net_ticktime.as_secs()),
        _ => return None,
    };
    Some(Ok(value))
}

fn own_name(runtime: &Runtime) -> Term {
    Term::Atom(runtime.name().atom().clone())
}

fn is_own(runtime: &Runtime, pid: &Pid) -> bool {
    pid.node == *runtime.name().atom()
}

fn nodes(runtime: &Runtime, wanted: impl Fn(bool) -> bool) -> Term {
    let peers = runtime.peers();
    let wanted = peers.into_iter().filter(|peer| wanted(peer.hidden));
    Term::list(wanted.map(|peer| Term::Atom(peer.name.atom().clone())))
}

/// `erlang:nodes(Kind | [Kind])`.
fn nodes_of(runtime: &Runtime, kinds: &Term) -> Result<Term, BadArgument> {
    let one = [kinds.clone()];
    let kinds = kinds.as_list().unwrap_or(&one);
    let (mut visible, mut hidden, mut this) = (false, false, false);
    for kind in kinds {
        match kind.as_atom() {
            Some("visible") => visible = true,
            Some("hidden") => hidden = true,
            Some("connected") => (visible, hidden) = (true, true),
            Some("known") => (visible, hidden, this) = (true, true, true),
            Some("this") => this = true,
            _ => return Err(BadArgument),
        }
    }
    let peers = nodes(
        runtime,
        |is_hidden| if is_hidden { hidden } else { visible },
    );
    let mut nodes: Vec<Term> = peers.as_list().unwrap_or_default().to_vec();
    if this {
        nodes.insert(0, own_name(runtime));
    }
    Ok(Term::list(nodes))
}

/// There is no OTP here: release and version name the oldest release whose protocol we speak.
fn system_info(runtime: &Runtime, item: &Term) -> Result<Term, BadArgument> {
    Ok(match item.as_atom().ok_or(BadArgument)? {
        "otp_release" => Term::charlist("25"),
        "version" => Term::charlist("13.0"),
        "machine" => Term::charlist("beamlink"),
        "system_version" => Term::charlist(concat!("beamlink ", env!("CARGO_PKG_VERSION"), "\n")),
        "system_architecture" => Term::charlist(std::env::consts::ARCH),
        "build_type" => Term::atom("opt"),
        "creation" => number(runtime.settings().creation),
        "dist_ctrl" => Term::nil(),
        "process_count" => count(runtime.process_count()),
        "process_limit" => number(0x0fff_ffff_u32),
        "port_count" | "atom_count" | "ets_count" => count(0),
        "port_limit" | "atom_limit" | "ets_limit" => count(0),
        "wordsize" => count(size_of::<usize>()),
        "smp_support" | "threads" => Term::from(true),
        "schedulers"
        | "schedulers_online"
        | "logical_processors"
        | "logical_processors_online"
        | "logical_processors_available" => {
            count(std::thread::available_parallelism().map_or(1, NonZero::get))
        }
        "start_time" => count(0),
        "uptime" => number(runtime.uptime().as_secs()),
        _ => return Err(BadArgument),
    })
}

/// What a BEAM reports, in its order; only the whole is known here.
const MEMORY: [&str; 9] = [
    "total",
    "processes",
    "processes_used",
    "system",
    "atom",
    "atom_used",
    "binary",
    "code",
    "ets",
];

fn memory_item(item: &str) -> Term {
    match item {
        "total" | "system" => number(Usage::now().resident),
        _ => count(0),
    }
}

fn memory() -> Term {
    Term::list(MEMORY.map(|item| pair(item, memory_item(item))))
}

fn memory_of(items: &Term) -> Result<Term, BadArgument> {
    let known = |item: &Term| {
        let item = item.as_atom()?;
        MEMORY.into_iter().find(|known| *known == item)
    };
    match items.as_list() {
        None => known(items).map(memory_item).ok_or(BadArgument),
        Some(items) => {
            let parts = items.iter().map(|item| {
                let item = known(item).ok_or(BadArgument)?;
                Ok(pair(item, memory_item(item)))
            });
            Ok(Term::list(
                parts.collect::<Result<Vec<Term>, BadArgument>>()?,
            ))
        }
    }
}

/// Totals since the start; what the BEAM gives as the difference to the last call is given as 0.
fn statistics(runtime: &Runtime, item: &Term) -> Result<Term, BadArgument> {
    let since_start = |total: Term| Term::tuple([total, count(0)]);
    Ok(match item.as_atom().ok_or(BadArgument)? {
        "wall_clock" => since_start(millis(runtime.uptime())),
        "runtime" => since_start(millis(Usage::now().cpu)),
        "reductions" | "exact_reductions" => since_start(count(0)),
        "run_queue"
        | "total_run_queue_lengths"
        | "total_run_queue_lengths_all"
        | "total_active_tasks"
        | "total_active_tasks_all" => count(0),
        "context_switches" => since_start(count(0)),
        "garbage_collection" => Term::tuple([count(0), count(0), count(0)]),
        "io" => {
            let (received, sent) = runtime.traffic();
            let input = Term::tuple([Term::atom("input"), number(received)]);
            let output = Term::tuple([Term::atom("output"), number(sent)]);
            Term::tuple([input, output])
        }
        _ => return Err(BadArgument),
    })
}

fn millis(time: std::time::Duration) -> Term {
    number(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Only ourselves: Swarm puts every node that runs `swarm` into its ring, and ExESDB every one that runs `ex_esdb`.
fn applications() -> Term {
    Term::list([Term::tuple([
        Term::atom("beamlink"),
        Term::charlist("beamlink"),
        Term::charlist(env!("CARGO_PKG_VERSION")),
    ])])
}

/// The items of `process_info/1`, in its order.
const PROCESS: [&str; 16] = [
    "registered_name",
    "current_function",
    "initial_call",
    "status",
    "message_queue_len",
    "links",
    "dictionary",
    "trap_exit",
    "error_handler",
    "priority",
    "group_leader",
    "total_heap_size",
    "heap_size",
    "stack_size",
    "reductions",
    "garbage_collection",
];

fn process_info(runtime: &Runtime, pid: &Pid) -> Term {
    let Some(info) = runtime.process_info(pid) else {
        return Term::atom("undefined");
    };
    let items = PROCESS.into_iter().filter_map(|item| {
        // As in a BEAM, what has no name has no such item here.
        let nameless = item == "registered_name" && info.names.is_empty();
        process_item(&info, item)
            .filter(|_| !nameless)
            .map(|value| pair(item, value))
    });
    Term::list(items)
}

fn process_items(runtime: &Runtime, pid: &Pid, items: &Term) -> Result<Term, BadArgument> {
    let Some(info) = runtime.process_info(pid) else {
        return Ok(Term::atom("undefined"));
    };
    let one = |item: &Term| {
        let value = process_item(&info, item.as_atom().ok_or(BadArgument)?);
        Ok(Term::tuple([item.clone(), value.ok_or(BadArgument)?]))
    };
    match items.as_list() {
        Some(items) => {
            let parts: Result<Vec<Term>, BadArgument> = items.iter().map(one).collect();
            parts.map(Term::list)
        }
        None if items.as_atom() == Some("registered_name") && info.names.is_empty() => {
            Ok(Term::nil())
        }
        None => one(items),
    }
}

fn process_item(info: &ProcessInfo, item: &str) -> Option<Term> {
    let run = || Term::tuple([Term::atom("beamlink"), Term::atom("run"), count(0)]);
    Some(match item {
        "registered_name" => match info.names.first() {
            Some(name) => Term::Atom(name.clone()),
            None => Term::nil(),
        },
        "current_function" | "initial_call" => run(),
        "current_stacktrace" | "current_location" | "dictionary" | "messages" | "binary"
        | "suspending" => Term::nil(),
        "status" => Term::atom("waiting"),
        "message_queue_len" => count(info.waiting),
        "message_queue_data" => Term::atom("on_heap"),
        "links" => pids(&info.links),
        "monitored_by" => pids(&info.monitored_by),
        "monitors" => Term::list(
            info.monitors
                .iter()
                .cloned()
                .map(|pid| pair("process", Term::Pid(pid))),
        ),
        "trap_exit" => Term::from(info.trap_exit),
        "error_handler" => Term::atom("error_handler"),
        "priority" => Term::atom("normal"),
        "group_leader" => Term::Pid(info.group_leader.clone()?),
        "memory" | "total_heap_size" => count(info.waiting_bytes),
        "heap_size" | "stack_size" | "reductions" | "catchlevel" | "sequential_trace_token" => {
            count(0)
        }
        "garbage_collection" | "garbage_collection_info" => Term::nil(),
        _ => return None,
    })
}

fn pids(pids: &[Pid]) -> Term {
    Term::list(pids.iter().cloned().map(Term::Pid))
}

fn pair(name: &'static str, value: Term) -> Term {
    Term::tuple([Term::atom(name), value])
}

fn number(value: impl Into<u64>) -> Term {
    Term::from(i64::try_from(value.into()).unwrap_or(i64::MAX))
}

fn count(count: usize) -> Term {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}
