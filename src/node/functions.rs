//! Functions: those of peers that a node calls, and its own that peers may call.

use std::future::Future;
use std::time::Duration;

use serde::Serialize;

use super::Node;
use crate::NodeName;
use crate::otp::erpc::{self, Request, Rpc, RpcError};
use crate::otp::eval::Eval;
use crate::otp::{FromArguments, IntoArguments, Raised};
use crate::runtime::{Process, Runtime, SendError};
use crate::term::{Atom, Term, to_term};

/// [`Node::rpc`], by a runtime.
pub(super) fn rpc<'a>(
    runtime: &'a Runtime,
    peer: &NodeName,
    module: &'static str,
    function: &'static str,
    arguments: impl IntoArguments,
) -> Rpc<'a> {
    let (module, function) = (Atom::from_static(module), Atom::from_static(function));
    let arguments = arguments.into_arguments();
    let request = arguments.map(|given| Request::new(peer, &module, &function, given));
    Rpc::new(runtime, request)
}

impl Node {
    /// Calls `module:function(arguments…)` on `peer`, as `:erpc.call/5` does. Await it for the value as a term, or
    /// [`Rpc::value`] for one of Rust.
    ///
    /// ```no_run
    /// # async fn example(node: beamlink::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let peer = "app@host".parse()?;
    /// let sum: i64 = node.rpc(&peer, "Elixir.Enum", "sum", (vec![1, 2, 3],)).value().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// When a name has more than 255 characters.
    pub fn rpc(
        &self,
        peer: &NodeName,
        module: &'static str,
        function: &'static str,
        arguments: impl IntoArguments,
    ) -> Rpc<'_> {
        rpc(self.runtime(), peer, module, function, arguments)
    }

    /// Lets `peer` evaluate code of Elixir.
    ///
    /// ```no_run
    /// # async fn example(node: beamlink::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let peer = "app@host".parse()?;
    /// let evaluated = node.eval_elixir(&peer, "DateTime.utc_now()").run().await?;
    /// println!("{}", evaluated.shown); // ~U[2026-11-23 16:10:17.000000Z]
    /// # Ok(())
    /// # }
    /// ```
    pub fn eval_elixir(&self, peer: &NodeName, source: &str) -> Eval<'_> {
        Eval::elixir(self.runtime(), peer, source)
    }

    /// Lets `peer` evaluate expressions of Erlang.
    pub fn eval_erlang(&self, peer: &NodeName, source: &str) -> Eval<'_> {
        Eval::erlang(self.runtime(), peer, source)
    }

    /// Calls the same function on all of `peers` at once; the results stand in the order of the peers.
    ///
    /// # Panics
    /// When a name has more than 255 characters.
    pub async fn multicall(
        &self,
        peers: &[NodeName],
        module: &'static str,
        function: &'static str,
        arguments: impl IntoArguments,
        timeout: Duration,
    ) -> Vec<Result<Term, RpcError>> {
        let (module, function) = (Atom::from_static(module), Atom::from_static(function));
        let arguments = match arguments.into_arguments() {
            Ok(arguments) => arguments,
            Err(error) => {
                return peers
                    .iter()
                    .map(|_| Err(RpcError::Arguments(error.clone())))
                    .collect();
            }
        };
        let request = |peer: &NodeName| {
            Request::new(peer, &module, &function, arguments.clone()).timeout(timeout)
        };
        erpc::multicall(self.runtime(), peers, request).await
    }

    /// Starts a function on `peer`, whatever comes of it (`:erpc.cast/4`).
    ///
    /// # Errors
    /// When the peer is not connected, or the arguments cannot be expressed.
    ///
    /// # Panics
    /// When a name has more than 255 characters.
    pub async fn rpc_cast(
        &self,
        peer: &NodeName,
        module: &'static str,
        function: &'static str,
        arguments: impl IntoArguments,
    ) -> Result<(), SendError> {
        let (module, function) = (Atom::from_static(module), Atom::from_static(function));
        let arguments = arguments.into_arguments()?;
        erpc::cast(
            self.runtime(),
            Request::new(peer, &module, &function, arguments),
        )
        .await
    }

    /// Lets peers call `body` as `module:function/arity`, by `:rpc.call`, `:erpc.call`, `Node.spawn/4` and all that is
    /// made of these. The arity is that of the tuple that `body` takes. An error that it returns, or a panic, is raised
    /// at the caller, with a stack that names this place.
    ///
    /// It runs on the threads of tokio and must not block them: see [`Node::export_async`].
    ///
    /// ```no_run
    /// # fn example(node: &beamlink::Node) {
    /// node.export("Elixir.Metrics", "add", |(one, other): (i64, i64)| Ok(one + other));
    /// # }
    /// ```
    ///
    /// # Panics
    /// When a name has more than 255 characters.
    #[track_caller]
    pub fn export<A: FromArguments, R: Serialize>(
        &self,
        module: &'static str,
        function: &'static str,
        body: impl Fn(A) -> Result<R, Raised> + Send + Sync + 'static,
    ) {
        let (module, function) = (Atom::from_static(module), Atom::from_static(function));
        self.functions()
            .export(&module, &function, A::ARITY, move |_, given: Vec<Term>| {
                let result = taken::<A>(&given)
                    .and_then(&body)
                    .and_then(|value| returned(&value));
                std::future::ready(result)
            });
    }

    /// As [`Node::export`], for a function that waits. It is given the process that it runs as: to call others, to
    /// receive, to know its group leader.
    ///
    /// # Panics
    /// When a name has more than 255 characters.
    #[track_caller]
    pub fn export_async<A, R, F>(
        &self,
        module: &'static str,
        function: &'static str,
        body: impl Fn(Process, A) -> F + Send + Sync + 'static,
    ) where
        A: FromArguments,
        R: Serialize,
        F: Future<Output = Result<R, Raised>> + Send + 'static,
    {
        let (module, function) = (Atom::from_static(module), Atom::from_static(function));
        self.functions().export(
            &module,
            &function,
            A::ARITY,
            move |process, given: Vec<Term>| {
                let running = taken::<A>(&given).map(|taken| body(process, taken));
                async move { returned(&running?.await?) }
            },
        );
    }
}

/// Arguments of the right number that are not what the function takes are a `badarg`, as they would be for a BIF.
fn taken<A: FromArguments>(given: &[Term]) -> Result<A, Raised> {
    A::from_arguments(given).map_err(|_| Raised::bad_argument())
}

fn returned(value: &impl Serialize) -> Result<Term, Raised> {
    Ok(to_term(value)?)
}
