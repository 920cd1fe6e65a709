//! Code of Elixir or Erlang that a peer evaluates.

use std::fmt;
use std::time::Duration;

use super::erpc::{Print, Request, Rpc, RpcError};
use crate::NodeName;
use crate::runtime::Runtime;
use crate::term::{Atom, Term, from_term};

/// Evaluates `source`, and shows the value as the peer's own `inspect/2` does: only there are its structs, pids and
/// funs known. The function around it keeps its variables out of the answer. From Elixir 1.15 on, what the compiler has to
/// say goes to the peer's stderr, and its exception names no fault, unless it is asked to hand it over.
const ELIXIR: &str = "(fn -> \
    run = fn -> \
      try do {:ok, elem(Code.eval_string(source, [], file: \"rpc\"), 0)} \
      catch kind, reason -> {kind, reason, __STACKTRACE__} end \
    end; \
    {result, said} = \
      if function_exported?(Code, :with_diagnostics, 2), \
        do: apply(Code, :with_diagnostics, [[log: false], run]), else: {run.(), []}; \
    told = fn wanted -> for %{severity: ^wanted, message: message} <- said, do: message end; \
    case result do \
      {:ok, value} -> {value, inspect(value, pretty: true, limit: :infinity, printable_limit: :infinity), told.(:warning)}; \
      {:error, %CompileError{} = reason, stack} when said != [] -> \
        :erlang.raise(:error, %{reason | description: Enum.join(told.(:error), \"\\n\")}, stack); \
      {kind, reason, stack} -> :erlang.raise(kind, reason, stack) \
    end \
  end).()";

/// A value, and how the peer shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The value.
    pub value: Term,
    /// As `inspect/2` of Elixir, or `~tp` of Erlang, shows it.
    pub shown: String,
    /// What the compiler warns of (Elixir 1.15 or later; before that it goes to the peer's stderr).
    pub warnings: Vec<String>,
}

/// Why code gave no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// It is not Erlang: what the peer's parser says.
    #[error("{0}")]
    Syntax(String),
    /// It raised, or was not run.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// Code that is evaluated once it is [run](Eval::run).
#[must_use = "it is evaluated once it is run"]
pub struct Eval<'a> {
    runtime: &'a Runtime,
    peer: NodeName,
    language: Language,
    source: String,
    limit: Duration,
    print: Option<Print>,
}

#[derive(Debug, Clone, Copy)]
enum Language {
    Elixir,
    Erlang,
}

impl<'a> Eval<'a> {
    /// Code of Elixir. A dot at its end, as Erlang has it, does no harm.
    pub fn elixir(runtime: &'a Runtime, peer: &NodeName, source: &str) -> Eval<'a> {
        let source = source.trim_end();
        let source = source.strip_suffix('.').unwrap_or(source);
        Eval::new(runtime, peer, Language::Elixir, source.to_owned())
    }

    /// Expressions of Erlang. The dot at their end may be missing.
    pub fn erlang(runtime: &'a Runtime, peer: &NodeName, source: &str) -> Eval<'a> {
        let mut source = source.trim_end().to_owned();
        if !source.ends_with('.') {
            source.push('.');
        }
        Eval::new(runtime, peer, Language::Erlang, source)
    }

    fn new(runtime: &'a Runtime, peer: &NodeName, language: Language, source: String) -> Eval<'a> {
        Eval {
            runtime,
            peer: peer.clone(),
            language,
            source,
            limit: Duration::from_secs(5),
            print: None,
        }
    }

    /// How long it may take; five seconds unless set.
    pub fn timeout(mut self, limit: Duration) -> Eval<'a> {
        self.limit = limit;
        self
    }

    /// Hands `print` what the code prints, as it comes. Unless set it goes to the log.
    pub fn output(mut self, print: impl FnMut(&str) + Send + 'static) -> Eval<'a> {
        self.print = Some(Box::new(print));
        self
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// See [`EvalError`]; without Elixir on the peer it is [`RpcError::Undefined`].
    pub async fn run(self) -> Result<Evaluated, EvalError> {
        match self.language {
            Language::Elixir => self.run_elixir().await,
            Language::Erlang => self.run_erlang().await,
        }
    }

    async fn run_elixir(mut self) -> Result<Evaluated, EvalError> {
        let source = Term::tuple([Term::atom("source"), Term::from(self.source.as_str())]);
        let arguments = vec![Term::from(ELIXIR), Term::list([source])];
        let print = self.print.take();
        let answer = self
            .rpc("Elixir.Code", "eval_string", arguments, print)
            .await?;
        let parts = answer
            .as_tuple()
            .and_then(|answer| answer.first()?.as_tuple());
        match parts {
            Some([value, Term::Binary(shown), warnings]) => Ok(Evaluated {
                value: value.clone(),
                shown: String::from_utf8_lossy(shown).into_owned(),
                warnings: from_term(warnings).unwrap_or_default(),
            }),
            _ => Err(RpcError::Signal(answer).into()),
        }
    }

    async fn run_erlang(mut self) -> Result<Evaluated, EvalError> {
        let scanned = self
            .rpc(
                "erl_scan",
                "string",
                vec![Term::charlist(&self.source)],
                None,
            )
            .await?;
        let tokens = match scanned.as_tuple() {
            Some([ok, tokens, _]) if ok.as_atom() == Some("ok") => tokens.clone(),
            _ => return Err(self.syntax(&scanned).await),
        };
        let parsed = self
            .rpc("erl_parse", "parse_exprs", vec![tokens], None)
            .await?;
        let expressions = match parsed.as_tuple() {
            Some([ok, expressions]) if ok.as_atom() == Some("ok") => expressions.clone(),
            _ => return Err(self.syntax(&parsed).await),
        };
        let print = self.print.take();
        let answer = self
            .rpc("erl_eval", "exprs", vec![expressions, Term::nil()], print)
            .await?;
        let Some([_, value, _bindings]) = answer.as_tuple() else {
            return Err(RpcError::Signal(answer).into());
        };
        let shown = vec![Term::charlist("~tp"), Term::list([value.clone()])];
        let shown = self.rpc("io_lib", "format", shown, None).await?;
        Ok(Evaluated {
            value: value.clone(),
            shown: super::chardata::unicode(&shown).unwrap_or_default(),
            warnings: Vec::new(),
        })
    }

    /// What is wrong with the source: `{error, {Location, Module, Description}, …}`, in the words of that module.
    async fn syntax(&self, error: &Term) -> EvalError {
        let described = error.as_tuple().and_then(|error| error.get(1)?.as_tuple());
        let Some([location, Term::Atom(module), description]) = described else {
            return EvalError::Syntax(error.to_erlang().to_string());
        };
        let format = Atom::from_static("format_error");
        let request = Request::new(&self.peer, module, &format, vec![description.clone()]);
        let words = Rpc::new(self.runtime, Ok(request.timeout(self.limit))).await;
        let words = words
            .ok()
            .and_then(|words| super::chardata::unicode(&words));
        let words = words.unwrap_or_else(|| description.to_erlang().to_string());
        EvalError::Syntax(format!("{}: {words}", location.to_erlang()))
    }

    async fn rpc(
        &self,
        module: &'static str,
        function: &'static str,
        arguments: Vec<Term>,
        print: Option<Print>,
    ) -> Result<Term, RpcError> {
        let (module, function) = (Atom::from_static(module), Atom::from_static(function));
        let request = Request::new(&self.peer, &module, &function, arguments);
        let rpc = Rpc::new(self.runtime, Ok(request.timeout(self.limit)));
        match print {
            Some(print) => rpc.output(print).await,
            None => rpc.await,
        }
    }
}

impl fmt::Debug for Eval<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eval")
            .field("peer", &self.peer)
            .field("language", &self.language)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
