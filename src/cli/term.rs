//! `beamlink term`: terms as text and as bytes of the External Term Format.

use std::io::{self, Read, Write};

use beamlink::term::{Term, decode};
use clap::{Subcommand, ValueEnum};
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};

use super::exit::Exit;
use super::visit::{Failure, Format, tell, words};

/// Encode terms as Erlang's External Term Format, and decode them
#[derive(clap::Args)]
pub(crate) struct TermArgs {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Subcommand)]
enum Direction {
    /// From text to bytes, as term_to_binary/1 does
    Encode {
        /// A term in the syntax of Elixir, or else of Erlang; without it, or with -, it is read from stdin
        #[arg(allow_hyphen_values = true)]
        term: Option<String>,
        /// The term is one of Erlang: "text" is a list there, and 'text' an atom
        #[arg(long)]
        erlang: bool,
        /// How the bytes are written
        #[arg(short, long, value_enum, default_value = "hex")]
        to: Bytes,
    },
    /// From bytes to text, as binary_to_term/1 does
    Decode {
        /// The bytes; without it, or with -, they are read from stdin
        data: Option<String>,
        /// How the bytes are written
        #[arg(short, long, value_enum, default_value = "hex")]
        from: Bytes,
        /// How the term is written
        #[arg(short, long, value_enum, default_value = "elixir")]
        output: Format,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bytes {
    Hex,
    Base64,
    /// As they are
    Raw,
}

impl Bytes {
    fn write(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Bytes::Hex => format!("{}\n", HEXLOWER.encode(bytes)).into_bytes(),
            Bytes::Base64 => format!("{}\n", BASE64.encode(bytes)).into_bytes(),
            Bytes::Raw => bytes.to_vec(),
        }
    }

    /// Blanks do not count, nor do the colons that some tools put between the bytes.
    fn read(self, mut text: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let (encoding, name) = match self {
            Bytes::Raw => return Ok(text),
            Bytes::Hex => (HEXLOWER_PERMISSIVE, "hexadecimal"),
            Bytes::Base64 => (BASE64, "base64"),
        };
        text.retain(|byte| !byte.is_ascii_whitespace() && *byte != b':');
        let bytes = encoding.decode(&text);
        bytes.map_err(|error| Failure::usage(format!("this is not {name}: {error}")))
    }
}

pub(crate) fn run(args: &TermArgs) -> Exit {
    let done = match &args.direction {
        Direction::Encode { term, erlang, to } => encode(term.as_deref(), *erlang, *to),
        Direction::Decode { data, from, output } => decoded(data.as_deref(), *from, *output),
    };
    match done {
        Ok(bytes) => {
            // A reader that has seen enough is no fault.
            let _ = io::stdout().write_all(&bytes);
            Exit::Done
        }
        Err(failure) => tell(Err(failure), false),
    }
}

/// What was given, or stands on stdin.
fn input(given: Option<&str>) -> Result<Vec<u8>, Failure> {
    match given {
        Some(given) if given != "-" => Ok(given.as_bytes().to_vec()),
        _ => {
            let mut bytes = Vec::new();
            let read = io::stdin().read_to_end(&mut bytes);
            read.map_err(|error| Failure::usage(format!("stdin: {error}")))?;
            Ok(bytes)
        }
    }
}

fn encode(given: Option<&str>, erlang: bool, to: Bytes) -> Result<Vec<u8>, Failure> {
    let text = String::from_utf8(input(given)?).map_err(Failure::usage)?;
    let term = match erlang {
        true => words::erlang_term(&text)?,
        false => words::term(&text)?,
    };
    let bytes = term.to_external().map_err(Failure::usage)?;
    Ok(to.write(&bytes))
}

fn decoded(given: Option<&str>, from: Bytes, output: Format) -> Result<Vec<u8>, Failure> {
    let bytes = from.read(input(given)?)?;
    let term: Term = decode(bytes.into()).map_err(Failure::usage)?;
    Ok(format!("{}\n", output.write(&term)).into_bytes())
}
