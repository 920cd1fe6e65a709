//! System messages: what an operator asks of any server (`lib/stdlib/src/sys.erl`, `handle_system_msg/8`).

use jiff::ZonedDateTime;

use super::message::{Call, sent};
use crate::NodeName;
use crate::otp::chardata;
use crate::otp::erpc::{self, Request};
use crate::runtime::{Process, Runtime, SpawnOptions};
use crate::term::{Atom, Pid, Term};

/// What `sys` has set, and is told.
#[derive(Debug)]
pub(crate) struct System {
    /// The Rust type of the server.
    module: &'static str,
    parent: Option<Pid>,
    suspended: bool,
    statistics: Option<Statistics>,
}

#[derive(Debug)]
struct Statistics {
    begin: ZonedDateTime,
    messages_in: i64,
    messages_out: i64,
}

/// Answers `get_state`: by the state itself, or since OTP 26.1 by `{ok, State}` (OTP-18633). Which of them the caller
/// understands only its node can tell; the server does not wait for that.
pub(crate) fn tell_state(process: &Process, call: Call, state: Term) {
    let server = process.pid().clone();
    process
        .runtime()
        .spawn(SpawnOptions::default(), async move |process: Process| {
            let runtime = process.runtime();
            let reply = match is_older(runtime, call.from()).await {
                true => state,
                false => Term::tuple([Term::atom("ok"), state]),
            };
            sent(call.reply(runtime, &server, &reply).await);
        });
}

/// Whether `caller` lives on a node before OTP 26.
async fn is_older(runtime: &Runtime, caller: &Pid) -> bool {
    let Ok(node) = NodeName::new(caller.node.as_str()) else {
        return false;
    };
    let (module, function) = (
        Atom::from_static("erlang"),
        Atom::from_static("system_info"),
    );
    let request = Request::new(&node, &module, &function, vec![Term::atom("otp_release")]);
    let release = erpc::call(runtime, request).await;
    let release = release.ok().and_then(|release| chardata::unicode(&release));
    let release = release.and_then(|release| release.parse::<u32>().ok());
    release.is_some_and(|release| release < 26)
}

/// Whether a system message asks for the state, which [`tell_state`] answers.
pub(crate) fn asks_for_state(request: &Term) -> bool {
    request.as_atom() == Some("get_state")
}

/// What a system message causes beyond its reply.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    GoOn,
    Terminate(Term),
}

impl System {
    pub(crate) fn new(module: &'static str, parent: Option<Pid>) -> System {
        System {
            module,
            parent,
            suspended: false,
            statistics: None,
        }
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    pub(crate) fn count_in(&mut self) {
        if let Some(statistics) = &mut self.statistics {
            statistics.messages_in += 1;
        }
    }

    pub(crate) fn count_out(&mut self) {
        if let Some(statistics) = &mut self.statistics {
            statistics.messages_out += 1;
        }
    }

    /// The reply to `request`, and what it causes.
    pub(crate) fn answer(
        &mut self,
        process: &Process,
        request: &Term,
        state: &Term,
    ) -> (Term, Effect) {
        let ok = || Term::atom("ok");
        if let Some(word) = request.as_atom() {
            let reply = match word {
                "get_status" => self.status(process, state),
                "suspend" => {
                    self.suspended = true;
                    ok()
                }
                "resume" => {
                    self.suspended = false;
                    ok()
                }
                _ => unknown(request),
            };
            return (reply, Effect::GoOn);
        }
        match request.as_tuple() {
            Some([head, reason]) if head.as_atom() == Some("terminate") => {
                (ok(), Effect::Terminate(reason.clone()))
            }
            Some([head, option]) if head.as_atom() == Some("debug") => (
                self.debug(option).unwrap_or_else(|| unknown(request)),
                Effect::GoOn,
            ),
            _ => (unknown(request), Effect::GoOn),
        }
    }

    fn debug(&mut self, option: &Term) -> Option<Term> {
        if option.as_atom() == Some("no_debug") {
            self.statistics = None;
            return Some(Term::atom("ok"));
        }
        let [what, flag] = option.as_tuple()? else {
            return None;
        };
        if what.as_atom() != Some("statistics") {
            return None;
        }
        match flag.as_atom()? {
            "true" => {
                self.statistics.get_or_insert(Statistics {
                    begin: ZonedDateTime::now(),
                    messages_in: 0,
                    messages_out: 0,
                });
                Some(Term::atom("ok"))
            }
            "false" => {
                self.statistics = None;
                Some(Term::atom("ok"))
            }
            "get" => {
                let seen = match &self.statistics {
                    Some(statistics) => statistics.as_term(),
                    None => Term::atom("no_statistics"),
                };
                Some(Term::tuple([Term::atom("ok"), seen]))
            }
            _ => None,
        }
    }

    /// `{status, Pid, {module, Module}, [Dictionary, State, Parent, Debug, Misc]}`, as a `gen_server` says it.
    fn status(&self, process: &Process, state: &Term) -> Term {
        let pid = Term::Pid(process.pid().clone());
        let parent = self.parent.clone().map_or_else(|| pid.clone(), Term::Pid);
        let status = Term::atom(if self.suspended {
            "suspended"
        } else {
            "running"
        });
        let module = Term::tuple([Term::atom("module"), Term::atom("gen_server")]);
        let initial = Term::tuple([Term::atom("rust"), Term::atom("init"), Term::from(1)]);
        let dictionary = Term::list([Term::tuple([Term::atom("$initial_call"), initial])]);
        let header = Term::charlist(&format!("Status for generic server {}", self.module));
        let facts = [
            Term::tuple([Term::charlist("Status"), status.clone()]),
            Term::tuple([Term::charlist("Parent"), parent.clone()]),
            Term::tuple([Term::charlist("Logged events"), Term::nil()]),
        ];
        let data = |facts: Term| Term::tuple([Term::atom("data"), facts]);
        let state = Term::tuple([Term::charlist("State"), state.clone()]);
        let misc = Term::list([
            Term::tuple([Term::atom("header"), header]),
            data(Term::list(facts)),
            data(Term::list([state])),
        ]);
        let items = Term::list([dictionary, status, parent, Term::nil(), misc]);
        Term::tuple([Term::atom("status"), pid, module, items])
    }
}

impl Statistics {
    fn as_term(&self) -> Term {
        let item = |name, value| Term::tuple([Term::atom(name), value]);
        Term::list([
            item("start_time", date_time(&self.begin)),
            item("current_time", date_time(&ZonedDateTime::now())),
            item("reductions", Term::from(0)),
            item("messages_in", Term::from(self.messages_in)),
            item("messages_out", Term::from(self.messages_out)),
        ])
    }
}

fn unknown(request: &Term) -> Term {
    let reason = Term::tuple([Term::atom("unknown_system_msg"), request.clone()]);
    Term::tuple([Term::atom("error"), reason])
}

/// `calendar:local_time()`: `{{Year, Month, Day}, {Hour, Minute, Second}}`.
fn date_time(moment: &ZonedDateTime) -> Term {
    let date = [moment.year(), moment.month().into(), moment.day().into()];
    let time = [moment.hour(), moment.minute(), moment.second()];
    let date = Term::tuple(date.map(|number| Term::from(i64::from(number))));
    Term::tuple([
        date,
        Term::tuple(time.map(|number| Term::from(i64::from(number)))),
    ])
}
