//! `beamlink nodes`: whom a node is connected to.

use beamlink::node::Visitor;
use beamlink::term::{Atom, Term};
use clap::ArgAction;

use super::{AT_ONCE, Answer, Command, Failure, Format, Target};
use crate::cli::settings::Visit;

/// List the nodes that a node is connected to: its Node.list()
#[derive(clap::Args)]
pub(crate) struct NodesArgs {
    #[command(flatten)]
    target: Target,
    /// Hidden nodes too, but for this command itself: its Node.list(:connected)
    #[arg(short, long, action = ArgAction::SetTrue)]
    all: bool,
    /// How the list is written; without it one node a line
    #[arg(short, long, value_enum)]
    output: Option<Format>,
}

impl Command for NodesArgs {
    fn target(&self) -> &Target {
        &self.target
    }

    async fn run(&self, visitor: &Visitor, _: &Visit) -> Result<Answer, Failure> {
        let kind = Term::atom(if self.all { "connected" } else { "visible" });
        let (module, function) = (Atom::from_static("erlang"), Atom::from_static("nodes"));
        let rpc = visitor.rpc(&module, &function, vec![kind]).timeout(AT_ONCE);
        let own = visitor.name().as_str();
        let mut nodes: Vec<Term> = rpc.await?.as_list().unwrap_or_default().to_vec();
        nodes.retain(|node| node.as_atom() != Some(own));
        let lines: Vec<&str> = nodes.iter().filter_map(Term::as_atom).collect();
        let (lines, list) = (lines.join("\n"), Term::list(nodes.iter().cloned()));
        let answer = Answer::of(&list, self.output.unwrap_or(Format::Elixir));
        Ok(match self.output {
            Some(_) => answer,
            None => answer.with_text(lines),
        })
    }
}
