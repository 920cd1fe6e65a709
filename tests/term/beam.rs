//! One `erl` that judges: requests and replies are terms in packets over its stdin and stdout.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use beamlink::term::{Term, decode};
use bytes::Bytes;

const SERVER: &str = r#"
    Port = open_port({fd, 0, 1}, [binary, {packet, 4}, eof]),
    Do = fun
        ({otp}) -> list_to_integer(erlang:system_info(otp_release));
        ({echo, Bin}) -> term_to_binary(binary_to_term(Bin));
        ({echo, Bin, Opts}) -> term_to_binary(binary_to_term(Bin), Opts);
        ({same, T}) -> T;
        ({order, A, B}) -> {A =:= B, A == B, A < B};
        ({keys, A, B}) -> maps:keys(#{A => 1, B => 1});
        ({map_order, A, B}) -> {#{A => 1} == #{B => 1}, #{A => 1} < #{B => 1}};
        ({sort, L}) -> lists:sort(L);
        ({erl_eval, Text}) ->
            {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text)),
            {ok, Exprs} = erl_parse:parse_exprs(Tokens),
            {value, V, _} = erl_eval:exprs(Exprs, []), V;
        ({elixir_eval, Text}) -> element(1, 'Elixir.Code':eval_string(Text))
    end,
    (fun Loop() -> receive
        {Port, {data, Bin}} ->
            Reply = try {ok, Do(binary_to_term(Bin))} catch C:R -> {error, C, R} end,
            port_command(Port, term_to_binary(Reply)), Loop();
        {Port, eof} -> halt(0)
    end end)().
"#;

pub(crate) struct Beam {
    child: Child,
}

/// Asks the BEAM, or says loudly that there is none and returns `None`.
pub(crate) fn ask(request: &Term) -> Option<Result<Term, Term>> {
    static BEAM: OnceLock<Option<Mutex<Beam>>> = OnceLock::new();
    let beam = BEAM.get_or_init(|| {
        let beam = Beam::start();
        if beam.is_none() {
            eprintln!("SKIPPED: no erl on this machine, nothing was compared with a BEAM");
        }
        beam.map(Mutex::new)
    });
    let mut beam = beam.as_ref()?.lock().unwrap();
    Some(beam.ask(request))
}

/// The answer to a request that must succeed.
pub(crate) fn tell(request: &Term) -> Option<Term> {
    ask(request).map(|answer| answer.unwrap_or_else(|error| panic!("{request:?}: {error:?}")))
}

impl Beam {
    fn start() -> Option<Beam> {
        let elixir =
            std::env::var("ELIXIR_EBIN").unwrap_or("/usr/lib/elixir/lib/elixir/ebin".into());
        let child = Command::new("erl")
            .args(["-noinput", "-pa", &elixir, "-eval", SERVER])
            .env("ERL_CRASH_DUMP_BYTES", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        child.ok().map(|child| Beam { child })
    }

    fn ask(&mut self, request: &Term) -> Result<Term, Term> {
        let bytes = request.to_external().unwrap();
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin
            .write_all(&(bytes.len() as u32).to_be_bytes())
            .unwrap();
        stdin.write_all(&bytes).unwrap();
        stdin.flush().unwrap();
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut length = [0; 4];
        stdout.read_exact(&mut length).expect("the BEAM lives");
        let mut reply = vec![0; u32::from_be_bytes(length) as usize];
        stdout.read_exact(&mut reply).unwrap();
        let reply = decode(Bytes::from(reply)).expect("what a BEAM writes can be read");
        match reply.as_tuple() {
            Some([kind, value]) if kind.as_atom() == Some("ok") => Ok(value.clone()),
            _ => Err(reply),
        }
    }
}

pub(crate) fn op(name: &'static str, arguments: impl IntoIterator<Item = Term>) -> Term {
    Term::tuple(std::iter::once(Term::atom(name)).chain(arguments))
}
