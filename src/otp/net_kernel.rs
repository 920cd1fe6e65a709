//! `net_kernel`: answers `net_adm:ping/1` (`lib/kernel/src/net_kernel.erl`, `handle_call({is_auth, _}, …)`).

use super::gen_server::{Asked, next, sent};
use crate::runtime::Process;
use crate::term::Term;

pub(super) async fn run(mut process: Process) {
    loop {
        if let Asked::Call(call, request) = next(&mut process).await
            && let Some([head, _node]) = request.as_tuple()
            && head.as_atom() == Some("is_auth")
        {
            let (runtime, pid) = (process.runtime(), process.pid());
            sent(call.reply(runtime, pid, &Term::atom("yes")).await);
        }
    }
}
