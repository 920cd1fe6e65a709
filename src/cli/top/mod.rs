//! `beamlink top`: the cluster in a terminal, from the HTTP server of a node.

mod draw;
mod model;

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};

use super::exit::Exit;
use super::health::own;
use super::http_get;
use crate::http::ClusterView;
use model::{Step, Top};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How soon a key is acted upon.
const SOON: Duration = Duration::from_millis(50);

/// Watch the cluster in the terminal, as a node with --http sees it; the keys are htop's
#[derive(clap::Args)]
pub(crate) struct TopArgs {
    /// The node's server [default: the address of BEAMLINK_HTTP, else http://127.0.0.1:4000]
    url: Option<String>,
    /// Seconds between two looks
    #[arg(long, short, value_name = "SECS", default_value = "2")]
    delay: f64,
}

type Looked = Result<ClusterView, String>;

pub(crate) fn run(args: &TopArgs) -> Exit {
    let url = match &args.url {
        Some(url) => format!("{}/api/cluster", url.trim_end_matches('/')),
        None => own("/api/cluster"),
    };
    let first = match look(&url) {
        Ok(view) => view,
        Err(error) => {
            eprintln!("beamlink: {error}");
            return Exit::NotStarted;
        }
    };
    let delay = Duration::try_from_secs_f64(args.delay.clamp(0.2, 3600.0));
    let delay = delay.unwrap_or(Duration::from_secs(2));
    let mut top = Top::new(first);
    let looks = watch(url, delay);
    let watched = ratatui::try_init().and_then(|mut terminal| {
        let watched = go_on(&mut terminal, &mut top, &looks);
        ratatui::restore();
        watched
    });
    match watched {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("beamlink: no terminal to draw on: {error}");
            Exit::NotStarted
        }
    }
}

fn look(url: &str) -> Looked {
    let answer = http_get::get(url, LIMIT).map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("{url} answers with status {}", answer.status));
    }
    let view = serde_json::from_str(&answer.body);
    view.map_err(|error| format!("{url} is no beamlink, or one of another version: {error}"))
}

/// Looks again and again, in a thread that ends with the process.
fn watch(url: String, delay: Duration) -> Receiver<Looked> {
    let (sender, looks) = channel();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(delay);
            if sender.send(look(&url)).is_err() {
                return;
            }
        }
    });
    looks
}

fn go_on(
    terminal: &mut DefaultTerminal,
    top: &mut Top,
    looks: &Receiver<Looked>,
) -> io::Result<()> {
    terminal.draw(|frame| draw::draw(frame, top))?;
    loop {
        let mut changed = false;
        while event::poll(SOON)? {
            match event::read()? {
                Event::Key(key) if top.key(key) == Step::Quit => return Ok(()),
                _ => changed = true,
            }
        }
        match looks.recv_timeout(SOON) {
            Ok(looked) => {
                top.looked(looked);
                changed = true;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        if changed {
            terminal.draw(|frame| draw::draw(frame, top))?;
        }
    }
}
