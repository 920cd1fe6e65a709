//! What is shown, and what the keys do to it: without a terminal.

use std::cmp::Ordering;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::http::{ClusterView, Node};

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    On,
    Quit,
}

/// The column by which nodes are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    State,
    Uptime,
    Heartbeat,
    Received,
    Sent,
    Outbox,
}

impl Sort {
    pub(super) const ALL: [Sort; 7] = [
        Sort::Name,
        Sort::State,
        Sort::Uptime,
        Sort::Heartbeat,
        Sort::Received,
        Sort::Sent,
        Sort::Outbox,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Sort::Name => "NODE",
            Sort::State => "STATE",
            Sort::Uptime => "UP FOR",
            Sort::Heartbeat => "HEARTBEAT",
            Sort::Received => "IN/s",
            Sort::Sent => "OUT/s",
            Sort::Outbox => "OUTBOX",
        }
    }
}

/// What stands below the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    Nodes,
    Edges,
    Help,
}

#[derive(Debug)]
pub(super) struct Top {
    pub(super) view: ClusterView,
    before: Option<ClusterView>,
    /// Why the last look brought nothing.
    pub(super) error: Option<String>,
    pub(super) pane: Pane,
    pub(super) selected: usize,
    pub(super) sort: Sort,
    pub(super) turned: bool,
    pub(super) filter: String,
    /// Keys go to the filter.
    pub(super) filtering: bool,
}

impl Top {
    pub(super) fn new(view: ClusterView) -> Top {
        Top {
            view,
            before: None,
            error: None,
            pane: Pane::Nodes,
            selected: 0,
            sort: Sort::Name,
            turned: false,
            filter: String::new(),
            filtering: false,
        }
    }

    /// Takes what a look brought.
    pub(super) fn looked(&mut self, looked: Result<ClusterView, String>) {
        match looked {
            Ok(view) => {
                self.before = Some(std::mem::replace(&mut self.view, view));
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
        self.clamp();
    }

    /// Bytes a second since the look before, of what `count` counts.
    pub(super) fn rate(&self, node: &Node, count: fn(&Node) -> u64) -> Option<f64> {
        let before = self.before.as_ref()?;
        let span = self.view.at.saturating_sub(before.at) as f64 / 1000.0;
        let old = before.nodes.iter().find(|old| old.name == node.name)?;
        let more = count(node).checked_sub(count(old))?;
        (span > 0.0).then(|| more as f64 / span)
    }

    /// The nodes that are wanted, in their order.
    pub(super) fn nodes(&self) -> Vec<&Node> {
        let all = self.view.nodes.iter();
        let mut nodes: Vec<&Node> = all
            .filter(|node| node.name.contains(&self.filter))
            .collect();
        let number = |node: &Node| match self.sort {
            Sort::Name | Sort::State => 0.0,
            Sort::Uptime => node.uptime.unwrap_or(-1.0),
            Sort::Heartbeat => node.heartbeat.unwrap_or(-1.0),
            Sort::Received => self.rate(node, |node| node.received).unwrap_or(-1.0),
            Sort::Sent => self.rate(node, |node| node.sent).unwrap_or(-1.0),
            Sort::Outbox => node.outbox as f64,
        };
        nodes.sort_by(|one, other| {
            let by_column = match self.sort {
                Sort::Name => Ordering::Equal,
                Sort::State => (one.state as u8).cmp(&(other.state as u8)),
                // The greatest first, as in htop.
                _ => number(other).total_cmp(&number(one)),
            };
            by_column.then_with(|| one.name.cmp(&other.name))
        });
        if self.turned {
            nodes.reverse();
        }
        nodes
    }

    /// Who keeps a store, or leads it.
    pub(super) fn part(&self, node: &str) -> &'static str {
        let mut stores = self.view.stores.iter();
        if stores
            .clone()
            .any(|store| store.leaders.iter().any(|leader| leader == node))
        {
            return "leader";
        }
        match stores.any(|store| store.members.iter().any(|member| member == node)) {
            true => "member",
            false => "",
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Step {
        if key.kind == KeyEventKind::Release {
            return Step::On;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Step::Quit;
        }
        if self.filtering {
            self.filter_key(key.code);
            return Step::On;
        }
        match key.code {
            KeyCode::F(10) | KeyCode::Char('q') => return Step::Quit,
            KeyCode::F(1) | KeyCode::Char('h' | '?') => self.toggle(Pane::Help),
            KeyCode::F(5) | KeyCode::Char('t') => self.toggle(Pane::Edges),
            KeyCode::Esc => self.pane = Pane::Nodes,
            KeyCode::F(4) | KeyCode::Char('\\') => self.filtering = true,
            KeyCode::F(6) | KeyCode::Char('>' | '.') => self.sort_by_next(1),
            KeyCode::Char('<' | ',') => self.sort_by_next(Sort::ALL.len() - 1),
            KeyCode::Char('I') => self.turned = !self.turned,
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.selected += 1,
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(10),
            KeyCode::PageDown => self.selected += 10,
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = usize::MAX,
            _ => {}
        }
        self.clamp();
        Step::On
    }

    fn filter_key(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.filtering = false,
            KeyCode::Esc => {
                self.filtering = false;
                self.filter.clear();
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(c) => self.filter.push(c),
            _ => {}
        }
        self.clamp();
    }

    fn toggle(&mut self, pane: Pane) {
        self.pane = match self.pane == pane {
            true => Pane::Nodes,
            false => pane,
        };
    }

    fn sort_by_next(&mut self, step: usize) {
        let at = self.sort as usize + step;
        self.sort = Sort::ALL[at % Sort::ALL.len()];
    }

    fn clamp(&mut self) {
        let last = self.nodes().len().saturating_sub(1);
        self.selected = self.selected.min(last);
    }
}
