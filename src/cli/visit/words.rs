//! What the words of a command line mean: terms, modules, functions, processes.

use beamlink::node::Visitor;
use beamlink::runtime::Item;
use beamlink::term::{Atom, Pid, Term};

use super::failure::Failure;

/// A term in the syntax of Elixir, or, where it is none, of Erlang.
pub(crate) fn term(text: &str) -> Result<Term, Failure> {
    Term::parse_elixir(text).or_else(|elixir| {
        let erlang = |_| Failure::usage(format!("{text:?}: {elixir} (nor is it a term of Erlang)"));
        Term::parse_erlang(text).map_err(erlang)
    })
}

/// A term in the syntax of Erlang.
pub(crate) fn erlang_term(text: &str) -> Result<Term, Failure> {
    Term::parse_erlang(text).map_err(|error| Failure::usage(format!("{text:?}: {error}")))
}

/// The arguments of a function.
pub(crate) fn arguments(term: Term) -> Result<Vec<Term>, Failure> {
    match term {
        Term::List(list) => Ok(list.into_vec()),
        // A charlist may be written for a list of numbers, a tuple not.
        other => Err(Failure::usage(format!(
            "the arguments must be a list, as in [{}]",
            other.to_elixir()
        ))),
    }
}

/// A module, function or registered name: `:name` and `name` are the atom, `Some.Module` is Elixir's.
pub(crate) fn atom(text: &str) -> Result<Atom, Failure> {
    let is_alias = text.starts_with(|first: char| first.is_ascii_uppercase())
        && text != "Elixir"
        && !text.starts_with("Elixir.");
    let bare = match text.strip_prefix(':') {
        Some(bare) => bare,
        None if is_alias => return new_atom(&format!("Elixir.{text}")),
        None => text,
    };
    for quote in ['"', '\''] {
        let inner = bare
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return new_atom(inner);
        }
    }
    new_atom(bare)
}

fn new_atom(text: &str) -> Result<Atom, Failure> {
    match text {
        "" => Err(Failure::usage("a name is empty")),
        text => Atom::new(text).map_err(|error| Failure::usage(format!("{text:?}: {error}"))),
    }
}

/// A process of the node that is visited.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Process {
    Name(Atom),
    Pid(Pid),
    /// As the node itself shows its pids.
    Local {
        id: u32,
        serial: u32,
    },
}

impl Process {
    /// The process as one of the peer of `visitor`.
    pub(crate) fn on(&self, visitor: &Visitor) -> Item {
        let peer = visitor.peer();
        match self {
            Process::Name(name) => Item::Name(name.clone(), peer.atom().clone()),
            Process::Pid(pid) => Item::Pid(pid.clone()),
            Process::Local { id, serial } => {
                let peers = visitor.runtime().peers();
                Item::Pid(Pid {
                    node: peer.atom().clone(),
                    id: *id,
                    serial: *serial,
                    creation: peers.first().map_or(0, |peer| peer.creation),
                })
            }
        }
    }
}

/// A process, by its registered name or as a pid.
pub(crate) fn process(text: &str) -> Result<Process, Failure> {
    let is_pid = ["#", "<"].iter().any(|begin| text.starts_with(begin));
    if !is_pid {
        return atom(text).map(Process::Name);
    }
    if let Some(local) = local_pid(text) {
        return Ok(local);
    }
    match term(text)? {
        Term::Pid(pid) => Ok(Process::Pid(pid)),
        _ => Err(Failure::usage(format!("{text:?} is no pid"))),
    }
}

/// `#PID<0.85.0>`, `<0.85.0>`
fn local_pid(text: &str) -> Option<Process> {
    let numbers = text.strip_prefix("#PID").unwrap_or(text);
    let numbers = numbers.strip_prefix("<0.")?.strip_suffix('>')?;
    let (id, serial) = numbers.split_once('.')?;
    Some(Process::Local {
        id: id.parse().ok()?,
        serial: serial.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_languages() {
        for (text, expected) in [
            ("lists", "lists"),
            (":lists", "lists"),
            ("Enum", "Elixir.Enum"),
            ("MyApp.Foo", "Elixir.MyApp.Foo"),
            ("Elixir.Enum", "Elixir.Enum"),
            (":\"odd name\"", "odd name"),
            ("'Odd'", "Odd"),
            ("empty?", "empty?"),
        ] {
            assert_eq!(atom(text).unwrap().as_str(), expected, "{text}");
        }
        assert!(atom("").is_err() && atom(":").is_err());
    }

    #[test]
    fn terms_of_both_languages() {
        assert_eq!(
            term("[:a, \"b\"]").unwrap(),
            term("[a, <<\"b\">>]").unwrap()
        );
        assert_eq!(
            term("{a, 1}.").unwrap(),
            Term::tuple([Term::atom("a"), Term::from(1)])
        );
        let error = term("{:a,").unwrap_err().message;
        assert!(error.contains("character 4"), "{error}");
        assert!(arguments(term("{}").unwrap()).is_err());
    }

    #[test]
    fn processes() {
        let name = process("MyApp.Server").unwrap();
        assert_eq!(
            name,
            Process::Name(Atom::from_static("Elixir.MyApp.Server"))
        );
        for text in ["#PID<0.85.1>", "<0.85.1>"] {
            let local = Process::Local { id: 85, serial: 1 };
            assert_eq!(process(text).unwrap(), local);
        }
        let pid = process("#Pid<'a@b',85,0,7>").unwrap();
        assert!(matches!(pid, Process::Pid(pid) if pid.id == 85 && pid.creation == 7));
        for text in ["#Ref<'a@b',7,1,2,3>", "#PID<0.85>", "<0.85.-1>"] {
            assert!(process(text).is_err(), "{text}");
        }
    }
}
