//! Control messages: the signals that processes on different nodes send each other
//! ("Protocol between Connected Nodes" in the Erlang Distribution Protocol).

use crate::term::{Atom, EncodeError, Fields, Part, Pid, Reference, Term};
use bytes::BytesMut;

/// Why a control message is none. A BEAM drops the connection for each of these, and so do we.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It is not a tuple that begins with a small integer.
    #[error("a control message is a tuple that begins with its operation")]
    Shape,
    /// No release knows this operation, or none sends it any more (4, 5).
    #[error("operation {0} is unknown")]
    Operation(i64),
    /// The operation is known, its arguments are not what it takes.
    #[error("operation {0} has arguments that it does not take")]
    Arguments(i64),
}

/// Whom a signal concerns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A process.
    Pid(Pid),
    /// A registered name on the node that the signal goes to, or comes from.
    Name(Atom),
    /// An alias of a process.
    Alias(Reference),
}

/// What a SPAWN_REQUEST asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spawn {
    /// Names the request, and the monitor, if one is asked for.
    pub reference: Reference,
    /// Who asks.
    pub from: Pid,
    /// The new process's group leader.
    pub group_leader: Pid,
    /// What it is to run.
    pub module: Atom,
    /// What it is to run.
    pub function: Atom,
    /// How many arguments follow.
    pub arity: u8,
    /// Whether it is to be linked to who asks.
    pub link: bool,
    /// Whether who asks is to monitor it.
    pub monitor: bool,
}

/// How a SPAWN_REQUEST ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spawned {
    /// The new process.
    Pid(Pid),
    /// `notsup`, `badopt`, `system_limit`, …
    Error(Atom),
}

/// A control message. Sequential trace tokens (`_TT` operations) are read over and never sent. Those marked *payload*
/// are followed by a term.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    missing_docs,
    reason = "the fields are those of the protocol's description"
)]
pub enum Control {
    /// 1
    Link { from: Pid, to: Pid },
    /// 2, 12 (*payload*: the message)
    Send { to: Pid },
    /// 3, 13
    Exit { from: Pid, to: Pid, reason: Term },
    /// 6, 16 (*payload*: the message)
    RegSend { from: Pid, to: Atom },
    /// 7
    GroupLeader { leader: Pid, to: Pid },
    /// 8, 18
    Exit2 { from: Pid, to: Pid, reason: Term },
    /// 19
    MonitorP {
        from: Pid,
        to: Target,
        reference: Reference,
    },
    /// 20
    DemonitorP {
        from: Pid,
        to: Target,
        reference: Reference,
    },
    /// 21
    MonitorPExit {
        from: Target,
        to: Pid,
        reference: Reference,
        reason: Term,
    },
    /// 22, 23 (*payload*: the message)
    SendSender { from: Pid, to: Pid },
    /// 24, 25 (*payload*: the reason)
    PayloadExit { from: Pid, to: Pid },
    /// 26, 27 (*payload*: the reason)
    PayloadExit2 { from: Pid, to: Pid },
    /// 28 (*payload*: the reason)
    PayloadMonitorPExit {
        from: Target,
        to: Pid,
        reference: Reference,
    },
    /// 29, 30 (*payload*: the list of arguments)
    SpawnRequest(Spawn),
    /// 31, 32
    SpawnReply {
        reference: Reference,
        to: Pid,
        link: bool,
        monitor: bool,
        result: Spawned,
    },
    /// 33, 34 (*payload*: the message)
    AliasSend { from: Pid, to: Reference },
    /// 35
    UnlinkId { id: u64, from: Pid, to: Pid },
    /// 36
    UnlinkIdAck { id: u64, from: Pid, to: Pid },
    /// 37 (*payload*: the message, or the reason of an exit signal)
    AltactSig {
        from: Pid,
        to: Target,
        exit: bool,
        priority: bool,
    },
}

/// Bits of the flags in ALTACT_SIG_SEND (`erts/emulator/beam/dist.h`, `ERTS_DOP_ALTACT_SIG_FLG_*`).
const ALTACT_PRIO: i64 = 1;
const ALTACT_TOKEN: i64 = 2;
const ALTACT_ALIAS: i64 = 4;
const ALTACT_NAME: i64 = 8;
const ALTACT_EXIT: i64 = 16;
/// Bits of the flags in SPAWN_REPLY.
const SPAWN_LINK: i64 = 1;
const SPAWN_MONITOR: i64 = 2;

impl Control {
    /// Whether a term follows it.
    pub fn has_payload(&self) -> bool {
        matches!(
            self,
            Control::Send { .. }
                | Control::RegSend { .. }
                | Control::SendSender { .. }
                | Control::PayloadExit { .. }
                | Control::PayloadExit2 { .. }
                | Control::PayloadMonitorPExit { .. }
                | Control::SpawnRequest(_)
                | Control::AliasSend { .. }
                | Control::AltactSig { .. }
        )
    }

    /// Reads one.
    ///
    /// # Errors
    /// See [`ControlError`]. None of them is worth going on for: what follows cannot be trusted.
    pub fn from_term(term: &Term) -> Result<Control, ControlError> {
        let Some([Term::Int(operation), arguments @ ..]) = term.as_tuple() else {
            return Err(ControlError::Shape);
        };
        let operation = *operation;
        let known = matches!(operation, 1..=3 | 6..=8 | 12 | 13 | 16 | 18..=37);
        if !known {
            return Err(ControlError::Operation(operation));
        }
        Control::read(operation, arguments).ok_or(ControlError::Arguments(operation))
    }

    /// Reads one of the frequent ones straight from its bytes (without the version byte), and how many these are. All
    /// others, and what is wrong, are for [`Control::from_term`].
    pub(super) fn at_once(bytes: &[u8]) -> Option<(Control, usize)> {
        let mut fields = Fields::new(bytes);
        let control = match (fields.tuple()?, fields.integer()?) {
            (3, 2) => {
                fields.atom()?;
                let to = fields.pid()?;
                Control::Send { to }
            }
            (4, 6) => {
                let from = fields.pid()?;
                fields.atom()?;
                let to = fields.atom()?;
                Control::RegSend { from, to }
            }
            (4, operation @ (19 | 20)) => {
                let from = fields.pid()?;
                let mut ahead = fields.clone();
                let to = match ahead.pid() {
                    Some(pid) => {
                        fields = ahead;
                        Target::Pid(pid)
                    }
                    None => Target::Name(fields.atom()?),
                };
                let reference = fields.reference()?;
                match operation {
                    19 => Control::MonitorP {
                        from,
                        to,
                        reference,
                    },
                    _ => Control::DemonitorP {
                        from,
                        to,
                        reference,
                    },
                }
            }
            (3, 22) => {
                let (from, to) = (fields.pid()?, fields.pid()?);
                Control::SendSender { from, to }
            }
            (4, 28) => {
                let (from, to) = (Target::Pid(fields.pid()?), fields.pid()?);
                let reference = fields.reference()?;
                Control::PayloadMonitorPExit {
                    from,
                    to,
                    reference,
                }
            }
            (3, 33) => {
                let (from, to) = (fields.pid()?, fields.reference()?);
                Control::AliasSend { from, to }
            }
            _ => return None,
        };
        Some((control, fields.position()))
    }

    fn read(operation: i64, arguments: &[Term]) -> Option<Control> {
        Some(match (operation, arguments) {
            (1, [from, to]) => Control::Link {
                from: pid(from)?,
                to: pid(to)?,
            },
            (2, [_, to]) | (12, [_, to, _]) => Control::Send { to: pid(to)? },
            (3, [from, to, reason]) | (13, [from, to, _, reason]) => Control::Exit {
                from: pid(from)?,
                to: pid(to)?,
                reason: reason.clone(),
            },
            (6, [from, _, to]) | (16, [from, _, to, _]) => Control::RegSend {
                from: pid(from)?,
                to: atom(to)?,
            },
            (7, [leader, to]) => Control::GroupLeader {
                leader: pid(leader)?,
                to: pid(to)?,
            },
            (8, [from, to, reason]) | (18, [from, to, _, reason]) => Control::Exit2 {
                from: pid(from)?,
                to: pid(to)?,
                reason: reason.clone(),
            },
            (19, [from, to, reference]) => Control::MonitorP {
                from: pid(from)?,
                to: target(to)?,
                reference: reference_of(reference)?,
            },
            (20, [from, to, reference]) => Control::DemonitorP {
                from: pid(from)?,
                to: target(to)?,
                reference: reference_of(reference)?,
            },
            (21, [from, to, reference, reason]) => Control::MonitorPExit {
                from: target(from)?,
                to: pid(to)?,
                reference: reference_of(reference)?,
                reason: reason.clone(),
            },
            (22, [from, to]) | (23, [from, to, _]) => Control::SendSender {
                from: pid(from)?,
                to: pid(to)?,
            },
            (24, [from, to]) | (25, [from, to, _]) => Control::PayloadExit {
                from: pid(from)?,
                to: pid(to)?,
            },
            (26, [from, to]) | (27, [from, to, _]) => Control::PayloadExit2 {
                from: pid(from)?,
                to: pid(to)?,
            },
            (28, [from, to, reference]) => Control::PayloadMonitorPExit {
                from: target(from)?,
                to: pid(to)?,
                reference: reference_of(reference)?,
            },
            (29, [reference, from, leader, mfa, options])
            | (30, [reference, from, leader, mfa, options, _]) => {
                spawn_request(reference, from, leader, mfa, options)?
            }
            (31, [reference, to, flags, result]) | (32, [reference, to, flags, result, _]) => {
                Control::SpawnReply {
                    reference: reference_of(reference)?,
                    to: pid(to)?,
                    link: integer(flags)? & SPAWN_LINK != 0,
                    monitor: integer(flags)? & SPAWN_MONITOR != 0,
                    result: match result {
                        Term::Pid(pid) => Spawned::Pid(pid.clone()),
                        other => Spawned::Error(atom(other)?),
                    },
                }
            }
            (33, [from, to]) | (34, [from, to, _]) => Control::AliasSend {
                from: pid(from)?,
                to: reference_of(to)?,
            },
            (35, [id, from, to]) => Control::UnlinkId {
                id: unlink_id(id)?,
                from: pid(from)?,
                to: pid(to)?,
            },
            (36, [id, from, to]) => Control::UnlinkIdAck {
                id: unlink_id(id)?,
                from: pid(from)?,
                to: pid(to)?,
            },
            // It may grow: what stands behind the known elements is not looked at.
            (37, [flags, from, to, ..]) => altact(altact_flags(flags)?, from, to, arguments)?,
            _ => return None,
        })
    }

    /// Writes it without the version byte.
    ///
    /// # Errors
    /// As [`Term::encode`]; only a reason that is carried inside can be at fault.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        let empty = Part::Word("");
        let (p, r) = (Part::Pid, Part::Reference);
        let mut put = |parts: &[Part<'_>]| {
            // The operation and its arguments: fewer than ten.
            Part::write(&[Part::Tuple(parts.len() as u8)], out)?;
            Part::write(parts, out)
        };
        let op = Part::Int;
        match self {
            Control::Link { from, to } => put(&[op(1), p(from), p(to)]),
            Control::Send { to } => put(&[op(2), empty, p(to)]),
            Control::Exit { from, to, reason } => put(&[op(3), p(from), p(to), Part::Term(reason)]),
            Control::RegSend { from, to } => put(&[op(6), p(from), empty, Part::Atom(to)]),
            Control::GroupLeader { leader, to } => put(&[op(7), p(leader), p(to)]),
            Control::Exit2 { from, to, reason } => {
                put(&[op(8), p(from), p(to), Part::Term(reason)])
            }
            Control::MonitorP {
                from,
                to,
                reference,
            } => put(&[op(19), p(from), to.part(), r(reference)]),
            Control::DemonitorP {
                from,
                to,
                reference,
            } => put(&[op(20), p(from), to.part(), r(reference)]),
            Control::MonitorPExit {
                from,
                to,
                reference,
                reason,
            } => put(&[op(21), from.part(), p(to), r(reference), Part::Term(reason)]),
            Control::SendSender { from, to } => put(&[op(22), p(from), p(to)]),
            Control::PayloadExit { from, to } => put(&[op(24), p(from), p(to)]),
            Control::PayloadExit2 { from, to } => put(&[op(26), p(from), p(to)]),
            Control::PayloadMonitorPExit {
                from,
                to,
                reference,
            } => put(&[op(28), from.part(), p(to), r(reference)]),
            Control::SpawnRequest(spawn) => {
                let mfa = Term::tuple([
                    Term::Atom(spawn.module.clone()),
                    Term::Atom(spawn.function.clone()),
                    Term::from(i64::from(spawn.arity)),
                ]);
                let options = [(spawn.link, "link"), (spawn.monitor, "monitor")];
                let options = options.into_iter().filter(|(on, _)| *on);
                let options = Term::list(options.map(|(_, name)| Term::atom(name)));
                put(&[
                    op(29),
                    r(&spawn.reference),
                    p(&spawn.from),
                    p(&spawn.group_leader),
                    Part::Term(&mfa),
                    Part::Term(&options),
                ])
            }
            Control::SpawnReply {
                reference,
                to,
                link,
                monitor,
                result,
            } => {
                let flags = i64::from(*link) * SPAWN_LINK + i64::from(*monitor) * SPAWN_MONITOR;
                let result = match result {
                    Spawned::Pid(pid) => p(pid),
                    Spawned::Error(error) => Part::Atom(error),
                };
                put(&[op(31), r(reference), p(to), Part::Int(flags), result])
            }
            Control::AliasSend { from, to } => put(&[op(33), p(from), r(to)]),
            // An id beyond i64 is a large integer.
            Control::UnlinkId { id, from, to } => {
                put(&[op(35), Part::Term(&Term::from(*id)), p(from), p(to)])
            }
            Control::UnlinkIdAck { id, from, to } => {
                put(&[op(36), Part::Term(&Term::from(*id)), p(from), p(to)])
            }
            Control::AltactSig {
                from,
                to,
                exit,
                priority,
            } => {
                let kind = match to {
                    Target::Pid(_) => 0,
                    Target::Alias(_) => ALTACT_ALIAS,
                    Target::Name(_) => ALTACT_NAME,
                };
                let when = |set: &bool, bit| if *set { bit } else { 0 };
                let flags = kind | when(exit, ALTACT_EXIT) | when(priority, ALTACT_PRIO);
                put(&[op(37), Part::Int(flags), p(from), to.part()])
            }
        }
    }
}

impl Target {
    fn part(&self) -> Part<'_> {
        match self {
            Target::Pid(pid) => Part::Pid(pid),
            Target::Name(name) => Part::Atom(name),
            Target::Alias(alias) => Part::Reference(alias),
        }
    }
}

fn pid(term: &Term) -> Option<Pid> {
    match term {
        Term::Pid(pid) => Some(pid.clone()),
        _ => None,
    }
}

fn atom(term: &Term) -> Option<Atom> {
    match term {
        Term::Atom(atom) => Some(atom.clone()),
        _ => None,
    }
}

fn reference_of(term: &Term) -> Option<Reference> {
    match term {
        Term::Ref(reference) => Some(reference.clone()),
        _ => None,
    }
}

fn integer(term: &Term) -> Option<i64> {
    match term {
        Term::Int(integer) => Some(*integer),
        _ => None,
    }
}

fn target(term: &Term) -> Option<Target> {
    match term {
        Term::Pid(pid) => Some(Target::Pid(pid.clone())),
        Term::Atom(name) => Some(Target::Name(name.clone())),
        _ => None,
    }
}

fn spawn_request(
    reference: &Term,
    from: &Term,
    leader: &Term,
    mfa: &Term,
    options: &Term,
) -> Option<Control> {
    let [module, function, arity] = mfa.as_tuple()? else {
        return None;
    };
    let asked = |name| {
        let options = options.as_list().unwrap_or_default();
        options.iter().any(|option| match option.as_tuple() {
            Some([head, ..]) => head.as_atom() == Some(name),
            _ => option.as_atom() == Some(name),
        })
    };
    Some(Control::SpawnRequest(Spawn {
        reference: reference_of(reference)?,
        from: pid(from)?,
        group_leader: pid(leader)?,
        module: atom(module)?,
        function: atom(function)?,
        arity: u8::try_from(integer(arity)?).ok()?,
        link: asked("link"),
        monitor: asked("monitor"),
    }))
}

fn altact(flags: i64, from: &Term, to: &Term, arguments: &[Term]) -> Option<Control> {
    if flags & ALTACT_TOKEN != 0 && arguments.len() < 4 {
        return None;
    }
    let to = match (flags & ALTACT_ALIAS != 0, flags & ALTACT_NAME != 0) {
        (true, _) => Target::Alias(reference_of(to)?),
        (false, true) => Target::Name(atom(to)?),
        (false, false) => Target::Pid(pid(to)?),
    };
    let exit = flags & ALTACT_EXIT != 0;
    Some(Control::AltactSig {
        from: pid(from)?,
        to,
        exit,
        priority: flags & ALTACT_PRIO != 0,
    })
}

/// The id of an unlink: 1 to 2^64 - 1.
fn unlink_id(term: &Term) -> Option<u64> {
    match term {
        Term::Int(id) => u64::try_from(*id).ok().filter(|id| *id > 0),
        Term::Big(id) => u64::try_from(id).ok(),
        _ => None,
    }
}

/// Flags may be of any size; those that we know are in the low bits.
fn altact_flags(term: &Term) -> Option<i64> {
    match term {
        Term::Big(flags) => flags.iter_u64_digits().next().map(u64::cast_signed),
        other => integer(other),
    }
}
