//! I/O: what a command found out, on stdout; what went wrong, on stderr. With `--json` all of it is one object on stdout.

use std::io::{self, Write};

use beamlink::term::Term;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use super::rpc::Printed;
use super::{json, table};
use crate::cli::exit::Exit;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As a term of Elixir
    Elixir,
    /// As a term of Erlang
    Erlang,
    /// As JSON
    Json,
    /// Lists of maps, of keyword lists and of tuples in columns
    Table,
}

impl Format {
    /// The text of `term`, without a line end behind it.
    pub(crate) fn write(self, term: &Term) -> String {
        match self {
            Format::Elixir => term.to_elixir().to_string(),
            Format::Erlang => term.to_erlang().to_string(),
            Format::Json => json::json(term).to_string(),
            Format::Table => match table::table(term) {
                Some(table) => table.trim_end().to_owned(),
                None => term.to_elixir().to_string(),
            },
        }
    }
}

/// What a command found out.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For people; empty for nothing.
    text: String,
    value: Value,
    /// What the remote code printed, where it was kept.
    output: Option<String>,
    /// It stands behind what was printed already.
    behind_output: bool,
}

/// A pipe that is empty takes more than this (pipe(7)).
const LONG: usize = 4096;

impl Answer {
    pub(crate) fn new(text: impl Into<String>, value: Value) -> Answer {
        Answer {
            text: text.into(),
            value,
            output: None,
            behind_output: false,
        }
    }

    /// It was done, and there is nothing to tell.
    pub(crate) fn done() -> Answer {
        Answer::new("", Value::Null)
    }

    pub(crate) fn of(term: &Term, format: Format) -> Answer {
        Answer::new(format.write(term), json::json(term))
    }

    pub(crate) fn with_text(mut self, text: String) -> Answer {
        self.text = text;
        self
    }

    /// With what the code has printed.
    pub(crate) fn with_output(mut self, printed: &Printed) -> Answer {
        self.output = printed.kept();
        self.behind_output = printed.is_out();
        self
    }

    /// Whether a pipe may not take it at once.
    pub(crate) fn may_block(&self) -> bool {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.behind_output || self.text.len() + length(&self.output) > LONG
    }
}

/// Tells how a command ended, and returns its status.
pub(crate) fn tell(result: Result<Answer, Failure>, as_json: bool) -> Exit {
    match result {
        Ok(answer) if as_json => {
            print_json(&Told {
                ok: true,
                value: Some(&answer.value),
                output: answer.output.as_deref(),
                error: None,
            });
            Exit::Done
        }
        Ok(answer) => {
            print(&answer.text);
            Exit::Done
        }
        Err(failure) => {
            if as_json {
                print_json(&Told {
                    ok: false,
                    value: None,
                    output: None,
                    error: Some(Fault {
                        kind: failure.exit.kind(),
                        message: &failure.message,
                    }),
                });
            } else {
                // Where stderr is closed, the status says it.
                let _ = writeln!(io::stderr(), "beamlink: {}", failure.message);
            }
            failure.exit
        }
    }
}

/// The object of `--json`.
#[derive(Serialize)]
struct Told<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault<'a>>,
}

#[derive(Serialize)]
struct Fault<'a> {
    kind: &'static str,
    message: &'a str,
}

fn print_json(told: &Told<'_>) {
    // Texts, numbers and keys that are texts: all of it is JSON.
    print(&serde_json::to_string(told).unwrap_or_default());
}

fn print(text: &str) {
    if text.is_empty() {
        return;
    }
    // A reader that has seen enough (`| head`) is no fault.
    let _ = io::stdout().write_all(format!("{text}\n").as_bytes());
}
