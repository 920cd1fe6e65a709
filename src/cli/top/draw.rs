//! Draws it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState, Wrap};

use super::model::{Pane, Sort, Top};
use crate::http::{Node, State};

const HEAD: Style = Style::new().fg(Color::Black).bg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const SOFT: Style = Style::new().fg(Color::DarkGray);

pub(super) fn draw(frame: &mut Frame<'_>, top: &Top) {
    let findings = top.view.findings.len().min(4) as u16 * 2 + 2;
    let areas = Layout::vertical([
        Constraint::Length(5),
        Constraint::Min(4),
        Constraint::Length(findings),
        Constraint::Length(1),
    ]);
    let [figures_area, middle, findings_area, keys_area] = areas.areas(frame.area());
    figures(frame, top, figures_area);
    match top.pane {
        Pane::Nodes => nodes(frame, top, middle),
        Pane::Edges => edges(frame, top, middle),
        Pane::Help => help(frame, middle),
    }
    findings_of(frame, top, findings_area);
    keys(frame, top, keys_area);
}

fn figures(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let view = &top.view;
    let up = view.nodes.iter();
    let up = up.filter(|node| node.state == State::Up && !node.own && !node.hidden);
    let missing = view.edges.iter().filter(|edge| !edge.up).count();
    let ready = match view.ready {
        true => Span::styled("ready", Style::new().fg(Color::Green)),
        false => Span::styled(format!("not ready: {}", view.reasons.join("; ")), BAD),
    };
    let heard = |kind: &str| view.gossip.received.get(kind).copied().unwrap_or(0);
    let all: u64 = view.gossip.received.values().sum();
    let rejected = all - heard("heartbeat") - heard("own_echo");
    let mark = |count: u64| match count {
        0 => Style::new(),
        _ => BAD,
    };
    let own = view.nodes.iter().find(|node| node.own);
    let flow = |count| {
        own.and_then(|own| top.rate(own, count))
            .map_or("–".to_owned(), amount)
    };
    let lines = vec![
        Line::from(vec![
            Span::from(view.node.as_str()).bold(),
            format!("  up for {}  ", time(view.uptime)).into(),
            ready,
        ]),
        Line::from(vec![
            "Peers ".into(),
            Span::from(up.count().to_string()).bold(),
            format!(" of {} wanted   Connections ", view.wanted).into(),
            Span::from((view.edges.len() - missing).to_string()).bold(),
            "   Missing ".into(),
            Span::styled(missing.to_string(), mark(missing as u64)),
            format!(
                "   In {}  Out {}",
                flow(|own| own.received),
                flow(|own| own.sent)
            )
            .into(),
        ]),
        Line::from(vec![
            format!(
                "Gossip: heard {}, sent {}",
                heard("heartbeat"),
                view.gossip.sent
            )
            .into(),
            ", rejected ".into(),
            Span::styled(rejected.to_string(), mark(rejected)),
            format!(
                "   Calls: made {}, served {}",
                view.calls.made, view.calls.served
            )
            .into(),
        ]),
        match &top.error {
            Some(error) => Line::styled(error.as_str(), BAD),
            None => Line::from(stores(top)),
        },
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

fn stores(top: &Top) -> String {
    let stores = top.view.stores.iter().map(|store| {
        let leader = match store.leaders.is_empty() {
            true => "nobody".to_owned(),
            false => store.leaders.join(", "),
        };
        let members = store.members.len();
        format!("Store {}: {members} members, led by {leader}", store.name)
    });
    stores.collect::<Vec<_>>().join("   ")
}

fn nodes(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let heads = [
        "NODE",
        "STATE",
        "OTP",
        "STORE",
        "UP FOR",
        "HEARTBEAT",
        "FRAME",
        "IN/s",
        "OUT/s",
        "OUTBOX",
        "LISTS",
    ];
    let head = heads.map(|name| match name == top.sort.name() {
        true => {
            Cell::from(format!("{name}{}", if top.turned { "▲" } else { "▼" })).style(HEAD.bold())
        }
        false => Cell::from(name),
    });
    let rows = top.nodes().into_iter().map(|node| row(top, node));
    let widths = [
        Constraint::Min(24),
        Constraint::Length(13),
        Constraint::Length(8),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(6),
    ];
    let table = Table::new(rows, widths)
        .header(Row::new(head).style(HEAD))
        .row_highlight_style(Style::new().bg(Color::Cyan).fg(Color::Black));
    let mut state = TableState::new().with_selected(top.selected);
    frame.render_stateful_widget(table, area, &mut state);
}

fn row<'a>(top: &Top, node: &'a Node) -> Row<'a> {
    let (state, style) = match node.state {
        _ if node.own => ("this node", Style::new().fg(Color::Blue)),
        State::Up if node.hidden => ("hidden", SOFT),
        State::Up => ("connected", Style::new().fg(Color::Green)),
        State::Connecting => ("connecting", Style::new().fg(Color::Yellow)),
        State::Down => ("not connected", BAD),
        State::ToldOf => ("told of", BAD),
    };
    let span = |seconds: Option<f64>| seconds.map_or("–".to_owned(), time);
    let flow = |count| top.rate(node, count).map_or("–".to_owned(), amount);
    let lists = node.lists.as_ref();
    Row::new([
        Cell::from(node.name.as_str()),
        Cell::from(state).style(style),
        Cell::from(node.otp.as_deref().unwrap_or("–")),
        Cell::from(top.part(&node.name)).style(Style::new().fg(Color::Yellow)),
        Cell::from(span(node.uptime)),
        Cell::from(span(node.heartbeat)),
        Cell::from(span(node.silent)),
        Cell::from(flow(|node| node.received)),
        Cell::from(flow(|node| node.sent)),
        Cell::from(amount(node.outbox as f64)),
        Cell::from(lists.map_or("–".to_owned(), |lists| lists.len().to_string())),
    ])
}

fn edges(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let wanted = top
        .view
        .edges
        .iter()
        .filter(|edge| edge.from.contains(&top.filter) || edge.to.contains(&top.filter));
    let mut wanted: Vec<_> = wanted.collect();
    // What is wrong stands above what is not.
    wanted.sort_by_key(|edge| edge.up);
    let lines = wanted.into_iter().map(|edge| match edge.up {
        true => Line::from(format!("{} ─── {}", edge.from, edge.to)),
        false => Line::styled(format!("{} ─ ╳ ─ {}  missing", edge.from, edge.to), BAD),
    });
    let block = Block::new().title_top(Line::styled("CONNECTIONS", HEAD));
    let lines: Vec<Line<'_>> = lines.collect();
    let list = Paragraph::new(lines).block(block);
    let scrolled = u16::try_from(top.selected).unwrap_or(u16::MAX);
    frame.render_widget(list.scroll((scrolled, 0)), area);
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let sorts = Sort::ALL.map(Sort::name).join(", ");
    let text = format!(
        "F1 h ?    this help\nF4 \\      show only nodes whose names contain a text\nF5 t      connections in place of nodes, missing ones first\n\
         F6 > <    sort by another column: {sorts}\nI         turn the order round\n↑ ↓ PgUp PgDn Home End    move\nEsc       back to the nodes\nF10 q     quit"
    );
    let block = Block::new().title_top(Line::styled("HELP", HEAD));
    frame.render_widget(Paragraph::new(text).block(block), area);
}

fn findings_of(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let findings = &top.view.findings;
    let title = format!("FINDINGS {}", findings.len());
    let block = Block::new().title_top(Line::styled(title, HEAD));
    let text = |finding: &serde_json::Value, key: &str| {
        finding[key].as_str().unwrap_or_default().to_owned()
    };
    let lines = findings.iter().take(4).flat_map(|finding| {
        let head = format!("{}: {}", text(finding, "code"), text(finding, "seen"));
        let style = match text(finding, "severity").as_str() {
            "fault" => BAD,
            _ => Style::new().fg(Color::Yellow),
        };
        [
            Line::styled(head, style),
            Line::from(format!("  to do: {}", text(finding, "remedy"))),
        ]
    });
    let mut lines: Vec<Line<'_>> = lines.collect();
    if lines.is_empty() {
        let fine = Style::new().fg(Color::Green);
        lines.push(Line::styled(
            "Nothing is wrong, as far as this node sees.",
            fine,
        ));
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn keys(frame: &mut Frame<'_>, top: &Top, area: Rect) {
    let line = match top.filtering {
        true => Line::from(vec![
            "Filter: ".into(),
            Span::from(top.filter.as_str()).bold(),
            "█  Enter, Esc".into(),
        ]),
        false => {
            let keys = [
                ("F1", "Help "),
                ("F4", "Filter"),
                ("F5", "Edges "),
                ("F6", "SortBy"),
                ("F10", "Quit"),
            ];
            let spans = keys.into_iter().flat_map(|(key, name)| {
                [
                    Span::from(key),
                    Span::styled(name, Style::new().bg(Color::Cyan).fg(Color::Black)),
                ]
            });
            spans.collect()
        }
    };
    frame.render_widget(Paragraph::new(line).wrap(Wrap { trim: false }), area);
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

fn amount(mut bytes: f64) -> String {
    for unit in ["B", "kB", "MB"] {
        if bytes < 1000.0 {
            return format!("{bytes:.0} {unit}");
        }
        bytes /= 1000.0;
    }
    format!("{bytes:.0} GB")
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent};
    use serde_json::json;

    use super::super::model::Step;
    use super::*;
    use crate::http::ClusterView;

    fn node(name: &str, state: &str, received: u64) -> serde_json::Value {
        json!({"name": name, "state": state, "own": name.starts_with("zz"), "hidden": false, "named": false,
            "received": received, "sent": 0, "outbox": 0, "otp": "27", "uptime": 61.0})
    }

    fn view(at: u64, received: u64) -> ClusterView {
        let view = json!({
            "node": "zz@h", "version": "1", "at": at, "uptime": 3.0, "ready": false, "wanted": 3,
            "reasons": ["1 of 3 peers are up"],
            "nodes": [node("a@h", "up", received), node("b@h", "down", 0), node("zz@h", "up", 0)],
            "edges": [{"from": "zz@h", "to": "a@h", "up": true}, {"from": "zz@h", "to": "b@h", "up": false}],
            "stores": [{"name": "reg_gh", "members": ["a@h", "b@h"], "leaders": ["a@h"]}],
            "gossip": {"received": {"heartbeat": 5, "undecryptable": 2}, "sent": 7, "not_sent": 0},
            "calls": {"made": 1, "made_failed": 0, "served": 4, "served_failed": 0},
            "findings": [{"code": "cookie-mismatch", "seen": "b@h says no", "severity": "fault", "remedy": "give it ours"}],
        });
        serde_json::from_value(view).unwrap()
    }

    fn shown(top: &Top) -> String {
        let mut terminal = Terminal::new(TestBackend::new(130, 24)).unwrap();
        terminal.draw(|frame| draw(frame, top)).unwrap();
        let cells = terminal.backend().buffer().content().iter();
        let cells: Vec<&str> = cells.map(|cell| cell.symbol()).collect();
        let lines = cells.chunks(130).map(|line| line.concat());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn press(top: &mut Top, code: KeyCode) -> Step {
        top.key(KeyEvent::from(code))
    }

    #[test]
    fn the_cluster_is_drawn() {
        let mut top = Top::new(view(1000, 0));
        top.looked(Ok(view(3000, 5000)));
        let screen = shown(&top);
        for part in [
            "not ready: 1 of 3 peers are up",
            "Missing 1",
            "rejected 2",
            "led by a@h",
            "2 kB",
            "not connected",
            "leader",
            "cookie-mismatch: b@h says no",
            "to do: give it ours",
            "F10Quit",
        ] {
            assert!(screen.contains(part), "{part} is not in\n{screen}");
        }
        top.looked(Err("nobody answers".to_owned()));
        assert!(shown(&top).contains("nobody answers"));
    }

    #[test]
    fn keys_are_those_of_htop() {
        let mut top = Top::new(view(1000, 0));
        let names = |top: &Top| {
            top.nodes()
                .iter()
                .map(|node| node.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&top), ["a@h", "b@h", "zz@h"]);
        press(&mut top, KeyCode::Char('I'));
        assert_eq!(names(&top), ["zz@h", "b@h", "a@h"]);
        press(&mut top, KeyCode::F(6));
        assert_eq!(names(&top)[0], "b@h");
        press(&mut top, KeyCode::End);
        assert_eq!(top.selected, 2);
        press(&mut top, KeyCode::F(4));
        for c in "zz".chars() {
            press(&mut top, KeyCode::Char(c));
        }
        press(&mut top, KeyCode::Enter);
        assert_eq!((names(&top), top.selected), (vec!["zz@h".to_owned()], 0));
        press(&mut top, KeyCode::F(5));
        assert!(shown(&top).contains("zz@h ─ ╳ ─ b@h  missing"));
        press(&mut top, KeyCode::F(1));
        assert!(shown(&top).contains("turn the order round"));
        assert_eq!(press(&mut top, KeyCode::Char('q')), Step::Quit);
    }
}
