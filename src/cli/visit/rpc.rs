//! `beamlink rpc`: code that a node evaluates.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use beamlink::node::Visitor;
use beamlink::otp::erpc::RpcError;
use beamlink::otp::eval::EvalError;
use beamlink::term::{Atom, Term};

use super::{AS_LONG_AS_IT_TAKES, Answer, Command, Failure, Format, Target};
use crate::cli::settings::Visit;

/// Evaluate an expression on a node
///
/// What the code prints comes as it is printed; then comes the value, as the node itself shows it.
#[derive(clap::Args)]
pub(crate) struct RpcArgs {
    #[command(flatten)]
    target: Target,
    /// Code of Elixir; a dot may end it. Without it, or with -, it is read from stdin
    #[arg(allow_hyphen_values = true)]
    expression: Option<String>,
    /// The code is Erlang
    #[arg(long)]
    erlang: bool,
    /// How the value is written; without it as the node's inspect/2 or ~tp shows it
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

impl Command for RpcArgs {
    fn target(&self) -> &Target {
        &self.target
    }

    fn check(&mut self) -> Result<(), Failure> {
        if self.expression.as_deref().is_none_or(|text| text == "-") {
            let mut text = String::new();
            let read = io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::usage(format!("stdin: {error}")))?;
            self.expression = Some(text);
        }
        match self.expression.as_deref().map(str::trim) {
            None | Some("") => Err(Failure::usage("there is no expression")),
            Some(_) => Ok(()),
        }
    }

    async fn run(&self, visitor: &Visitor, settings: &Visit) -> Result<Answer, Failure> {
        let source = self.expression.as_deref().unwrap_or_default();
        let printed = Printed::new(settings.json);
        let eval = match self.erlang {
            true => visitor.eval_erlang(source),
            false => visitor.eval_elixir(source),
        };
        let eval = eval.timeout(AS_LONG_AS_IT_TAKES).output(printed.print());
        match eval.run().await {
            Ok(evaluated) => {
                for warning in &evaluated.warnings {
                    eprintln!("beamlink: warning: {warning}");
                }
                let format = self.output.unwrap_or(Format::Elixir);
                let answer = Answer::of(&evaluated.value, format).with_output(&printed);
                Ok(match self.output {
                    Some(_) => answer,
                    None => answer.with_text(evaluated.shown),
                })
            }
            Err(EvalError::Rpc(RpcError::Undefined { module, .. }))
                if module.as_str() == "Elixir.Code" =>
            {
                let peer = visitor.peer();
                let message = format!("{peer} has no Elixir: give code of Erlang, with --erlang");
                Err(Failure::remote(message))
            }
            Err(EvalError::Rpc(error)) => Err(explained(visitor, error).await),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the remote code prints: to stdout at once, or kept for the one object of `--json`.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    kept: Option<Arc<Mutex<String>>>,
    /// Whether something went to stdout.
    out: Arc<AtomicBool>,
}

impl Printed {
    pub(super) fn new(keep: bool) -> Printed {
        Printed {
            kept: keep.then(Arc::default),
            out: Arc::default(),
        }
    }

    /// What takes it; it waits while nobody reads stdout.
    pub(super) fn print(&self) -> impl FnMut(&str) + Send + 'static {
        let Printed { kept, out } = self.clone();
        move |text| match &kept {
            Some(kept) => kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(text),
            None => {
                out.store(true, Ordering::Relaxed);
                let mut stdout = io::stdout().lock();
                // Nobody reads it any more; the code goes on, as it would on the node's own terminal.
                let _ = stdout
                    .write_all(text.as_bytes())
                    .and_then(|()| stdout.flush());
            }
        }
    }

    pub(super) fn kept(&self) -> Option<String> {
        let kept = self.kept.as_ref()?.lock();
        Some(kept.unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub(super) fn is_out(&self) -> bool {
        self.out.load(Ordering::Relaxed)
    }
}

/// What went wrong in the remote code, in the words of its language: `** (ArithmeticError) …` where the node has Elixir.
pub(super) async fn explained(visitor: &Visitor, error: RpcError) -> Failure {
    let (kind, reason, stack) = match &error {
        RpcError::Error { reason, stack } => ("error", reason, own_frames(stack)),
        RpcError::Throw(reason) => ("throw", reason, Term::nil()),
        RpcError::Exit(reason) => ("exit", reason, Term::nil()),
        RpcError::Undefined { .. } => {
            return Failure::remote(format!("{}: {error}", visitor.peer()));
        }
        _ => return error.into(),
    };
    let (module, function) = (
        Atom::from_static("Elixir.Exception"),
        Atom::from_static("format"),
    );
    let arguments = vec![Term::atom(kind), reason.clone(), stack];
    let words = visitor.rpc(&module, &function, arguments);
    match words.value::<String>().await {
        Ok(words) => failed(visitor, &words),
        Err(_) => failed(visitor, &error),
    }
}

pub(super) fn failed(visitor: &Visitor, words: &impl ToString) -> Failure {
    let words = words.to_string();
    Failure::remote(format!(
        "it failed on {}:\n{}",
        visitor.peer(),
        words.trim_end()
    ))
}

/// The stack down to what evaluated the code: the rest is the same each time.
fn own_frames(stack: &Term) -> Term {
    let is_ours = |frame: &&Term| {
        let module = frame.as_tuple().and_then(|frame| frame.first()?.as_atom());
        let module = module.unwrap_or_default();
        !["erl_eval", "elixir", "erpc", "Elixir.Code"].contains(&module)
            && !module.starts_with("elixir_")
    };
    let frames = stack.as_list().unwrap_or_default();
    Term::list(frames.iter().take_while(is_ours).cloned())
}
