//! `beamlink apply`: one function of a node.

use beamlink::node::Visitor;
use beamlink::term::{Atom, Term};

use super::rpc::{Printed, explained};
use super::{AS_LONG_AS_IT_TAKES, Answer, Command, Failure, Format, Target, words};
use crate::cli::settings::Visit;

/// Call a function of a node, and show what it returns
#[derive(clap::Args)]
#[command(
    override_usage = "beamlink apply [OPTIONS] NODE MODULE FUNCTION [ARGS]\n       \
    beamlink apply [OPTIONS] NODE -a 'MODULE [FUNCTION [ARGS]]'"
)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    target: Target,
    /// lists, Enum, MyApp.Foo
    #[arg(required_unless_present = "apply")]
    module: Option<String>,
    /// The name of the function
    #[arg(required_unless_present = "apply")]
    function: Option<String>,
    /// The list of the arguments, in the syntax of Elixir, or else of Erlang
    #[arg(default_value = "[]", allow_hyphen_values = true)]
    arguments: String,
    /// All three in one, the arguments as terms of Erlang, as erl_call takes them
    #[arg(short, long, value_name = "M F A", conflicts_with = "module")]
    apply: Option<String>,
    /// How the value is written
    #[arg(short, long, value_enum, default_value = "elixir")]
    output: Format,
    #[arg(skip)]
    called: Option<Called>,
}

/// What is called.
#[derive(Debug, Clone, PartialEq)]
struct Called {
    module: Atom,
    function: Atom,
    arguments: Vec<Term>,
}

impl Command for ApplyArgs {
    fn target(&self) -> &Target {
        &self.target
    }

    fn check(&mut self) -> Result<(), Failure> {
        let called = match (&self.apply, &self.module, &self.function) {
            (Some(text), ..) => in_one(text)?,
            (None, Some(module), Some(function)) => Called {
                module: words::atom(module)?,
                function: words::atom(function)?,
                arguments: words::arguments(words::term(&self.arguments)?)?,
            },
            _ => return Err(Failure::usage("give a module and a function")),
        };
        self.called = Some(called);
        Ok(())
    }

    async fn run(&self, visitor: &Visitor, settings: &Visit) -> Result<Answer, Failure> {
        let Some(called) = self.called.clone() else {
            return Err(Failure::usage("give a module and a function"));
        };
        let printed = Printed::new(settings.json);
        let rpc = visitor.rpc(&called.module, &called.function, called.arguments);
        let rpc = rpc.timeout(AS_LONG_AS_IT_TAKES).output(printed.print());
        match rpc.await {
            Ok(value) => Ok(Answer::of(&value, self.output).with_output(&printed)),
            Err(error) => Err(explained(visitor, error).await),
        }
    }
}

/// `M F A` as `erl_call -a` takes it: `start` and `[]` stand for what is missing.
fn in_one(text: &str) -> Result<Called, Failure> {
    let mut parts = text.trim().splitn(3, char::is_whitespace);
    let module = words::atom(parts.next().unwrap_or_default())?;
    let function = words::atom(parts.next().unwrap_or("start"))?;
    let arguments = words::erlang_term(parts.next().unwrap_or("[]"))?;
    Ok(Called {
        module,
        function,
        arguments: words::arguments(arguments)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_erl_call_takes_it() {
        let whole = in_one("lists sum [[1, 2, 3]]").unwrap();
        assert_eq!(
            (whole.module.as_str(), whole.function.as_str()),
            ("lists", "sum")
        );
        assert_eq!(
            Term::list(whole.arguments),
            Term::parse_erlang("[[1,2,3]]").unwrap()
        );
        let short = in_one(" myapp ").unwrap();
        assert_eq!(
            (short.function.as_str(), short.arguments),
            ("start", vec![])
        );
        assert!(in_one("").is_err() && in_one("lists sum 1").is_err());
    }
}
