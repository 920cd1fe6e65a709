//! What one look at one node brought.

use std::net::IpAddr;

use super::exesdb::Stores;
use super::facts::Facts;
use super::reach::{Obstacle, Reach, Stage};
use crate::{Cookie, NodeName};

/// What one look at one node brought.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Which node.
    pub node: NodeName,
    /// How far it was reached.
    pub reach: Reach,
    /// What it said of itself, where it was reached.
    pub facts: Option<Facts>,
    /// What it said of ExESDB's stores, where it has any.
    pub stores: Option<Stores>,
    /// What it said of the others.
    pub others: Vec<Other>,
}

/// What a node says of another.
#[derive(Debug, Clone)]
pub struct Other {
    /// The other node.
    pub node: NodeName,
    /// The address of its host there.
    pub address: Option<IpAddr>,
    /// The cookie that is used for it there.
    pub cookie: Option<Cookie>,
}

impl Examined {
    /// Whom it lists, where it said so.
    pub(super) fn listed(&self) -> Option<&[NodeName]> {
        self.facts.as_ref().map(|facts| facts.nodes.as_slice())
    }

    /// Whether it lists `node`.
    pub(super) fn lists(&self, node: &NodeName) -> bool {
        self.listed().is_some_and(|listed| listed.contains(node))
    }

    /// The addresses of its host, where it said so.
    pub(super) fn own_addresses(&self) -> Vec<IpAddr> {
        let interfaces = self.facts.iter().flat_map(|facts| &facts.interfaces);
        interfaces
            .flat_map(|interface| interface.addresses.clone())
            .collect()
    }

    /// What it was stopped by, at that stage.
    pub(super) fn stopped(&self) -> Option<(Stage, &Obstacle)> {
        let (stage, obstacle) = self.reach.stopped.as_ref()?;
        Some((*stage, obstacle))
    }
}
