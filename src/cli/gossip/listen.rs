//! `beamlink gossip listen`: who is heard, and what cannot be read.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use beamlink::NodeName;
use beamlink::doctor::discovery::{Candidates, HeardNode, Listening, News, Reach};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::rows::{self, Row};
use crate::cli::exit::Exit;
use crate::cli::settings::{Listen, ListenFlags, Surroundings};
use crate::cli::signals::Signals;
use crate::cli::visit::{Failure, tell};

/// A node is looked at again after this; its heartbeats come every 2.5 s.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The table on a terminal is drawn anew at this pace.
const REDRAW: Duration = Duration::from_secs(1);

/// Show who is heard by gossip, and why others are not
///
/// Listens on all addresses that libcluster nodes are known to use and on the configured one, beside the nodes that run here,
/// and sends nothing. On a terminal it shows a table that it keeps up to date, else a line for whatever is new, and the
/// table at the end. SECRET is a secret that fits: the first one found is `ours`, those of the flags are tried too. RESOLVES
/// says where a node here would dial it. CONNECTED is yes where a distribution connection stands between its host and a node
/// of this one; - where that cannot be told.
#[derive(clap::Args)]
pub(crate) struct ListenArgs {
    /// Stop after so many seconds [default: at SIGINT or SIGTERM]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    #[command(flatten)]
    flags: ListenFlags,
}

pub(crate) fn run(args: &ListenArgs) -> Exit {
    let settings = match Listen::resolve(&args.flags, &Surroundings::of_this_process()) {
        Ok(settings) => settings,
        Err(error) => return tell(Err(Failure::usage(error)), false),
    };
    for warning in &settings.warnings {
        eprintln!("beamlink: warning: {warning}");
    }
    let json = settings.json;
    let started = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match started {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(Failure::new(Exit::NotStarted, error)), json),
    };
    let time = args
        .seconds
        .map(|seconds| Duration::from_secs(seconds.into()));
    let listened = runtime.block_on(listen(settings, time));
    // A look-up that the resolver does not answer must not hold up the end.
    runtime.shutdown_background();
    match listened {
        Ok(()) => Exit::Done,
        Err(failure) => tell(Err(failure), json),
    }
}

async fn listen(settings: Listen, time: Option<Duration>) -> Result<(), Failure> {
    let not_started = |error: io::Error| Failure::new(Exit::NotStarted, error);
    let mut signals = Signals::new().map_err(not_started)?;
    let listening = Listening::begin(&settings.gossip, Candidates::new(settings.candidates));
    for deaf in listening.deaf() {
        eprintln!("beamlink: warning: {deaf}");
    }
    if listening.listening().is_empty() {
        return Err(Failure::new(
            Exit::NotStarted,
            "there is nothing to listen on",
        ));
    }
    let mut view = View {
        listening,
        looks: Looks::new(settings.epmd_port),
        way: match (settings.json, io::stdout().is_terminal()) {
            (true, _) => Way::Json,
            (false, true) => Way::Terminal,
            (false, false) => Way::Lines,
        },
    };
    let end = async {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    // Whoever reads it has seen enough (`| head`): that is no fault.
    let _ = tokio::select! {
        told = view.run() => told,
        () = end => view.end(),
        _ = signals.next() => view.end(),
    };
    Ok(())
}

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Terminal,
    Lines,
    Json,
}

struct View {
    listening: Listening,
    looks: Looks,
    way: Way,
}

impl View {
    /// Tells what is heard, for as long as somebody reads it.
    async fn run(&mut self) -> io::Result<()> {
        let mut redraw = tokio::time::interval(REDRAW);
        loop {
            tokio::select! {
                news = self.listening.next() => match news {
                    Some(News::Node(at)) => self.look(at),
                    Some(News::Unreadable(at)) => self.tell_unreadable(at)?,
                    None => return Ok(()),
                },
                (node, source) = self.looks.done() => self.tell_node(&node, source)?,
                _ = redraw.tick() => {
                    self.look_again();
                    self.draw()?;
                }
            }
        }
    }

    fn look(&mut self, at: usize) {
        if let Some(heard) = self.listening.table().nodes().get(at) {
            self.looks.begin(heard, true);
        }
    }

    fn look_again(&mut self) {
        for heard in self.listening.table().nodes() {
            self.looks.again(heard);
        }
    }

    fn row<'a>(&'a self, heard: &'a HeardNode) -> Row<'a> {
        Row {
            heard,
            reach: self.looks.of(heard),
            candidates: self.listening.candidates(),
            now: Instant::now(),
        }
    }

    fn tell_node(&self, node: &NodeName, source: IpAddr) -> io::Result<()> {
        let mut rows = self.listening.table().nodes().iter();
        let is_it = |heard: &&HeardNode| heard.node == *node && heard.source.ip() == source;
        match (rows.find(is_it), self.way) {
            (Some(heard), Way::Lines) => write(&format!("heard {}\n", self.row(heard).line())),
            (Some(heard), Way::Json) => write_json("heard", self.row(heard).json()),
            _ => Ok(()),
        }
    }

    fn tell_unreadable(&self, at: usize) -> io::Result<()> {
        match (self.listening.table().unreadable().get(at), self.way) {
            (Some(row), Way::Lines) => {
                write(&format!("cannot read {}\n", rows::unreadable_line(row)))
            }
            (Some(row), Way::Json) => write_json("unreadable", rows::unreadable_json(row)),
            _ => Ok(()),
        }
    }

    fn table(&self) -> String {
        let reach = |heard: &HeardNode| self.looks.of(heard);
        let (table, candidates) = (self.listening.table(), self.listening.candidates());
        rows::table(table, candidates, reach, Instant::now())
    }

    fn draw(&self) -> io::Result<()> {
        if self.way != Way::Terminal {
            return Ok(());
        }
        // To the top, and away with what was longer before.
        let table = self.table().replace('\n', "\x1b[K\n");
        write(&format!("\x1b[H{table}\x1b[J"))
    }

    fn end(&self) -> io::Result<()> {
        match self.way {
            Way::Terminal => self.draw(),
            Way::Lines => write(&self.table()),
            Way::Json => {
                let table = self.listening.table();
                let heard = table.nodes().iter().map(|heard| self.row(heard).json());
                let unreadable = table.unreadable().iter().map(rows::unreadable_json);
                let listening = self.listening.listening().iter();
                let all = json!({
                    "heard": heard.collect::<Vec<_>>(),
                    "unreadable": unreadable.collect::<Vec<_>>(),
                    "unlisted": table.unlisted(),
                    "listening": listening.map(|(to, port)| format!("{to}:{port}")).collect::<Vec<_>>(),
                });
                write_json("end", all)
            }
        }
    }
}

type Who = (NodeName, IpAddr);

/// Which nodes are being looked at, and what came of it.
struct Looks {
    epmd_port: u16,
    running: JoinSet<(Who, bool, Reach)>,
    known: HashMap<Who, (Instant, Option<Reach>)>,
}

impl Looks {
    fn new(epmd_port: u16) -> Looks {
        Looks {
            epmd_port,
            running: JoinSet::new(),
            known: HashMap::new(),
        }
    }

    fn of(&self, heard: &HeardNode) -> Option<&Reach> {
        let known = self.known.get(&(heard.node.clone(), heard.source.ip()));
        known.and_then(|(_, reach)| reach.as_ref())
    }

    fn begin(&mut self, heard: &HeardNode, tell: bool) {
        let who = (heard.node.clone(), heard.source.ip());
        let before = self.known.remove(&who).and_then(|(_, reach)| reach);
        self.known.insert(who.clone(), (Instant::now(), before));
        let port = self.epmd_port;
        self.running.spawn(async move {
            let reach = Reach::look(&who.0, who.1, port).await;
            (who, tell, reach)
        });
    }

    fn again(&mut self, heard: &HeardNode) {
        let who = (heard.node.clone(), heard.source.ip());
        let looked = self.known.get(&who).map(|(at, _)| at.elapsed());
        if looked.is_none_or(|looked| looked >= LOOK_AGAIN) {
            self.begin(heard, false);
        }
    }

    /// Waits for the next one that is to be told. May be dropped while it waits.
    async fn done(&mut self) -> Who {
        loop {
            match self.running.join_next().await {
                Some(Ok((who, tell, reach))) => {
                    self.known
                        .insert(who.clone(), (Instant::now(), Some(reach)));
                    if tell {
                        return who;
                    }
                }
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn write_json(event: &str, mut fields: Value) -> io::Result<()> {
    if let Value::Object(fields) = &mut fields {
        fields.insert("event".to_owned(), event.into());
    }
    write(&format!("{fields}\n"))
}
