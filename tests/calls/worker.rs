//! A process of ours that does what the BEAM tells it, and keeps what it receives: so that a BEAM can judge it.

use beamlink::otp::Raised;
use beamlink::runtime::{
    AliasMode, Destination, Exit, Item, NodeKinds, Process, Received, SpawnError, SpawnOpt,
    SpawnOptions, SpawnedProcess,
};
use beamlink::term::{Reference, Term};
use beamlink::{Node, NodeName};

/// Lets the BEAM start workers: `'Elixir.Rust':worker()` gives the pid of a new one.
pub(crate) fn export(node: &Node) {
    let (module, function) = (&Term::atom("Elixir.Rust"), &Term::atom("worker"));
    let (Term::Atom(module), Term::Atom(function)) = (module, function) else {
        unreachable!("they are atoms");
    };
    node.functions()
        .export(module, function, 0, |process: Process, _| async move {
            let pid = process.runtime().spawn(SpawnOptions::default(), run);
            Ok::<Term, Raised>(Term::Pid(pid))
        });
}

/// What the questions need to tell a worker what to do: `tell.(worker, command)`.
pub(crate) const PRELUDE: &str = "worker = fn -> :erpc.call(rust, :\"Elixir.Rust\", :worker, []) end; \
    tell = fn pid, command -> send(pid, {:do, self(), command}); \
      receive do {:done, ^pid, result} -> result after 10000 -> :hang end end; \
    seen = fn pid -> tell.(pid, :seen) end; \
    _ = {worker, tell, seen};";

async fn run(mut process: Process) -> Exit {
    let mut seen = Vec::new();
    let mut last = None;
    loop {
        let received = process.receive().await;
        let message = match received {
            Received::Message(body) => body.term().unwrap(),
            other => {
                seen.push(shown(other));
                continue;
            }
        };
        let (from, command) = match message.as_tuple() {
            Some([head, Term::Pid(from), command]) if head.as_atom() == Some("do") => {
                (from.clone(), command.clone())
            }
            _ => {
                seen.push(message);
                continue;
            }
        };
        if command.as_atom() == Some("panic") {
            panic!("asked to");
        }
        if let Some([head, reason]) = command.as_tuple()
            && head.as_atom() == Some("stop")
        {
            return Exit::with(reason.clone());
        }
        if let Some([head, wanted]) = command.as_tuple()
            && head.as_atom() == Some("await")
        {
            // All else stays in the mailbox.
            let is_wanted = |received: &Received| match received {
                Received::Message(body) => body.clone().term().is_ok_and(|term| term == *wanted),
                _ => false,
            };
            process.receive_where(is_wanted).await;
        }
        let result = match command.as_atom() {
            Some("seen") => Term::list(std::mem::take(&mut seen)),
            _ => act(&process, &command, &mut last).await,
        };
        let own = Term::Pid(process.pid().clone());
        let done = Term::tuple([Term::atom("done"), own, result]);
        process.send(from, done).await.unwrap();
    }
}

async fn act(process: &Process, command: &Term, last: &mut Option<Reference>) -> Term {
    let parts = command.as_tuple().unwrap_or_default();
    let (name, rest) = parts.split_first().unwrap();
    let ok = Term::atom("ok");
    match (name.as_atom().unwrap(), rest) {
        ("trap", [flag]) => Term::from(process.trap_exit(flag == &Term::from(true))),
        ("link", [Term::Pid(other)]) => {
            process.link(other);
            ok
        }
        ("link_stale", [Term::Pid(other)]) => {
            let mut stale = other.clone();
            stale.creation ^= 1;
            process.link(&stale);
            ok
        }
        ("unlink", [Term::Pid(other)]) => {
            process.unlink(other);
            ok
        }
        ("monitor", [item]) => reference(last, process.monitor(to_item(item))),
        ("monitor", [item, mode]) => reference(
            last,
            process.monitor_with_alias(to_item(item), to_mode(mode)),
        ),
        ("demonitor", []) => {
            process.demonitor(last.as_ref().unwrap());
            ok
        }
        ("exit", [Term::Pid(other), reason]) => {
            process.exit(other, reason.clone());
            ok
        }
        ("send", [to, message]) => {
            process
                .send(to_destination(to), message.clone())
                .await
                .unwrap();
            ok
        }
        ("alias", [mode]) => reference(last, process.alias(to_mode(mode))),
        ("await", [_]) => ok,
        ("priority_alias", [mode]) => reference(last, process.priority_alias(to_mode(mode))),
        ("priority_monitor", [item]) => reference(last, process.priority_monitor(to_item(item))),
        ("priority_link", [Term::Pid(other)]) => {
            process.priority_link(other);
            ok
        }
        ("send_priority", [Term::Ref(alias), message]) => {
            let sent = process.send_priority(alias, message.clone());
            sent.await.unwrap();
            ok
        }
        ("exit_priority", [Term::Ref(alias), reason]) => {
            process.exit_priority(alias, reason.clone());
            ok
        }
        (
            "spawn",
            [
                node,
                Term::Atom(module),
                Term::Atom(function),
                arguments,
                options,
            ],
        ) => {
            let has = |name| options.as_list().unwrap().contains(&Term::atom(name));
            let options = SpawnOpt {
                link: has("link"),
                monitor: has("monitor"),
                alias: has("alias").then_some(AliasMode::Demonitor),
            };
            let arguments = arguments.as_list().unwrap().to_vec();
            let function = (module, function);
            let node = node_name(node);
            let spawned = process.spawn_opt(&node, function, arguments, options);
            match spawned.await {
                Ok(SpawnedProcess { pid, monitor }) => {
                    *last = monitor.clone();
                    let monitor = monitor.map_or(Term::atom("nil"), Term::Ref);
                    Term::tuple([Term::Pid(pid), monitor])
                }
                Err(SpawnError::NotStarted(why)) => Term::Atom(why),
                Err(SpawnError::NoConnection(_)) => Term::atom("noconnection"),
                Err(SpawnError::Arguments(_)) => Term::atom("arguments"),
            }
        }
        ("unalias", []) => Term::from(process.unalias(last.as_ref().unwrap())),
        ("register", [Term::Atom(name)]) => Term::from(process.register(name).is_ok()),
        ("monitor_node", [node]) => {
            process.monitor_node(&node_name(node));
            ok
        }
        ("monitor_nodes", [_]) => {
            process.monitor_nodes(Some(NodeKinds::All));
            ok
        }
        ("group_leader", [_]) => Term::Pid(process.group_leader().unwrap()),
        other => panic!("unknown: {other:?}"),
    }
}

fn reference(last: &mut Option<Reference>, reference: Reference) -> Term {
    *last = Some(reference.clone());
    Term::Ref(reference)
}

fn node_name(term: &Term) -> NodeName {
    NodeName::new(term.as_atom().unwrap()).unwrap()
}

fn to_item(term: &Term) -> Item {
    match term {
        Term::Pid(pid) => Item::Pid(pid.clone()),
        term => match term.as_tuple() {
            Some([Term::Atom(name), Term::Atom(node)]) => Item::Name(name.clone(), node.clone()),
            _ => panic!("no item: {term:?}"),
        },
    }
}

fn to_destination(term: &Term) -> Destination {
    match term {
        Term::Ref(alias) => Destination::Alias(alias.clone()),
        Term::Atom(name) => Destination::Name(name.clone()),
        other => to_item(other).into(),
    }
}

fn to_mode(term: &Term) -> AliasMode {
    match term.as_atom() {
        Some("explicit") => AliasMode::Explicit,
        Some("demonitor") => AliasMode::Demonitor,
        Some("reply") => AliasMode::Reply,
        _ => panic!("no mode: {term:?}"),
    }
}

fn shown(received: Received) -> Term {
    let parts = match received {
        Received::Message(_) => unreachable!("messages are shown as they are"),
        Received::Exit { from, reason } => vec![Term::atom("EXIT"), Term::Pid(from), reason],
        Received::Down { reason, .. } => vec![Term::atom("DOWN"), reason],
        Received::NodeUp { node, hidden } => {
            vec![Term::atom("nodeup"), Term::Atom(node), Term::from(hidden)]
        }
        Received::NodeDown { node, hidden } => {
            vec![Term::atom("nodedown"), Term::Atom(node), Term::from(hidden)]
        }
    };
    Term::tuple(parts)
}
