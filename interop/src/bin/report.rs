//! Runs every scenario on every OTP that is here, with beamlink and without it, and writes the table of what came of it:
//! `report BINARY [FILE]`. With SCENARIO set, only scenarios whose name holds that text or, with `|` in between, one of
//! these, with OTP set (25, 27, 29 or mixed) only that column, and what FILE has of the others is kept; JOBS is how many run at a time, and after LIMIT seconds
//! none begins. SEED is what is left to chance. SCALE_FILE is what the simulation told, to be added. The status is 1 when
//! there was harm, or when something could not be run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use interop::{Comparison, Guest, Missing, Otp, Outcome, Scenario, scenarios};

/// Each column: its name, and the releases of its nodes.
const COLUMNS: [(&str, &[&str]); 4] = [
    ("OTP 25", &["host"]),
    ("OTP 27", &["trixie"]),
    ("OTP 29", &["sid"]),
    ("25, 27 and 29 mixed", &["host", "trixie", "sid"]),
];

/// How many scenarios run at a time unless JOBS says it: they wait more than they work.
const JOBS: usize = 12;

const BORNE: &str = "## What OTP or ExESDB makes of any visible node";
const HARM: &str = "## Harm";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(binary) = arguments.next() else {
        eprintln!("usage: report BINARY [FILE]");
        return ExitCode::from(2);
    };
    let file = arguments.next();
    let begin = Instant::now();
    let scenarios = scenarios();
    let cells = run(&scenarios, Path::new(&binary));
    let mut report = Report::default();
    let before = file
        .as_ref()
        .and_then(|file| std::fs::read_to_string(file).ok());
    let before = before.unwrap_or_default();
    for (row, scenario) in scenarios.iter().enumerate() {
        report.add(scenario, row, &cells, &before);
    }
    let scale = std::env::var("SCALE_FILE").ok();
    let scale = scale.and_then(|file| std::fs::read_to_string(file).ok());
    let text = report.finish(
        &run_told(&scenarios, &cells, begin.elapsed()),
        &scale.unwrap_or_default(),
    );
    match file {
        Some(file) => {
            if let Err(error) = std::fs::write(&file, text) {
                eprintln!("{file}: {error}");
                return ExitCode::FAILURE;
            }
        }
        None => print!("{text}"),
    }
    eprintln!(
        "{} cells in {:.0} s, {} with harm, {} not run",
        cells.len(),
        begin.elapsed().as_secs_f64(),
        report.harmed,
        report.missing
    );
    ExitCode::from(u8::from(report.harmed + report.missing > 0))
}

fn jobs() -> usize {
    let jobs = std::env::var("JOBS").ok();
    jobs.and_then(|jobs| jobs.parse().ok()).unwrap_or(JOBS)
}

/// When, where and with what this run was made.
fn run_told(scenarios: &[Scenario], cells: &Cells, took: Duration) -> String {
    let date = Command::new("date").args(["-u", "+%F %H:%M UTC"]).output();
    let date = date.map_or_else(
        |_| String::new(),
        |date| String::from_utf8_lossy(&date.stdout).trim().to_owned(),
    );
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("processor", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let releases = ["host", "trixie", "sid"]
        .iter()
        .filter_map(|suite| otp(suite).ok());
    let releases: Vec<String> = releases.map(|otp| otp.version()).collect();
    let possible = COLUMNS.iter().map(|(_, releases)| {
        let mixed = releases.len() > 1;
        scenarios
            .iter()
            .filter(|scenario| scenario.mixed || !mixed)
            .count()
    });
    let (possible, ran) = (possible.sum::<usize>(), cells.len());
    let kept = match possible > ran {
        true => format!(
            " The other {} cells are those of earlier runs, or empty.",
            possible - ran
        ),
        false => String::new(),
    };
    let seed = scenarios.first().map_or(1, |scenario| scenario.seed);
    let round =
        std::env::var("ROUND").map_or_else(|_| String::new(), |round| format!(", run {round}"));
    format!(
        "Written by `scripts/conformance` on {date}{round}, never by hand: {ran} cells in {:.0} minutes, {} at a time, on {cores} cores \
         ({model}), with OTP {} and seed {seed}.{kept}",
        took.as_secs_f64() / 60.0,
        jobs(),
        releases.join(", "),
    )
}

/// Both runs, or why there is no such run.
type Cell = Result<Comparison, String>;
/// By row and column.
type Cells = BTreeMap<(usize, usize), Cell>;

/// Runs all, several at a time: they wait more than they work.
fn run(scenarios: &[Scenario], binary: &Path) -> Cells {
    // "29" alone would be the mixed cluster too.
    let only = match std::env::var("OTP").unwrap_or_default() {
        number if number.parse::<u32>().is_ok() => format!("OTP {number}"),
        only => only,
    };
    let sort = std::env::var("SCENARIO").unwrap_or_default();
    let wanted = |column: &usize| COLUMNS[*column].0.contains(&only);
    let columns = (0..COLUMNS.len()).filter(wanted);
    let places = columns.flat_map(|column| (0..scenarios.len()).map(move |row| (row, column)));
    let is_mixed = |column: usize| COLUMNS[column].1.len() > 1;
    let mut places: Vec<(usize, usize)> = places
        .filter(|(row, column)| scenarios[*row].mixed || !is_mixed(*column))
        .filter(|(row, _)| {
            sort.split('|')
                .any(|sort| scenarios[*row].name.contains(sort))
        })
        .collect();
    // The longest first; taken from the end.
    places.sort_by_key(|(row, _)| scenarios[*row].length());
    let waiting = Mutex::new(places);
    let cells = Mutex::new(Cells::new());
    let limit = std::env::var("LIMIT")
        .ok()
        .and_then(|limit| limit.parse().ok());
    let limit = limit.map(Duration::from_secs);
    let start = Instant::now();
    let work = || {
        while limit.is_none_or(|limit| start.elapsed() < limit) {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((row, column)) = next else { break };
            let begin = Instant::now();
            let (scenario, (name, releases)) = (&scenarios[row], COLUMNS[column]);
            let cell = cell(scenario, releases, binary);
            let told = match &cell {
                Ok(comparison) if comparison.harm.is_empty() => "no harm",
                Ok(_) => "HARM",
                Err(_) => "not run",
            };
            let (took, waits) = (begin.elapsed().as_secs(), scenario.length().as_secs());
            eprintln!(
                "{told}: {} on {name}, {took} s, {waits} s of waiting a run",
                scenario.name
            );
            let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
            cells.insert((row, column), cell);
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs() {
            scope.spawn(work);
        }
    });
    cells.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn cell(scenario: &Scenario, releases: &[&str], binary: &Path) -> Cell {
    let otps: Result<Vec<Otp>, _> = releases.iter().map(|suite| otp(suite)).collect();
    let run = otps.and_then(|otps| scenario.compare(&otps, Guest::Beamlink(binary)));
    run.map_err(|missing| missing.to_string())
}

fn otp(suite: &str) -> Result<Otp, Missing> {
    match suite {
        "host" => Otp::host(),
        suite => Otp::of(suite),
    }
}

/// A line of the text below the table, which speaks of a scenario in a column.
type Line = (String, String);

#[derive(Default)]
struct Report {
    rows: String,
    faults: Vec<Line>,
    borne: Vec<Line>,
    harmed: usize,
    missing: usize,
}

impl Report {
    /// Adds a row. Columns that were not run keep what `before`, the table as it was, has of them.
    fn add(&mut self, scenario: &Scenario, row: usize, cells: &Cells, before: &str) {
        let _ = write!(self.rows, "| {} |", scenario.name);
        for (column, (name, _)) in COLUMNS.iter().enumerate() {
            let place = format!("- {}, {name}: ", scenario.name);
            match cells.get(&(row, column)) {
                Some(Ok(comparison)) => {
                    let Comparison {
                        with,
                        without,
                        borne,
                        pairs,
                        ..
                    } = comparison;
                    let verdict = match (comparison.harm.is_empty(), borne.is_empty()) {
                        (false, _) => "**harm**",
                        (true, true) => "no harm",
                        (true, false) => "no harm but what OTP makes of it",
                    };
                    let runs = match pairs {
                        1 => String::new(),
                        pairs => format!(" (by {pairs} runs of each)"),
                    };
                    let _ = write!(self.rows, " {verdict}{runs}; {} |", figures(with, without));
                    self.harmed += usize::from(!comparison.harm.is_empty());
                    for found in &comparison.harm {
                        self.faults.push((place.clone(), found.to_string()));
                    }
                    for (harm, reason) in borne {
                        self.borne
                            .push((place.clone(), format!("{harm}; {reason}.")));
                    }
                }
                Some(Err(missing)) => {
                    self.missing += 1;
                    let _ = write!(self.rows, " not run: {missing} |");
                }
                None => self.keep(scenario, column, &place, before),
            }
        }
        self.rows.push('\n');
    }

    fn keep(&mut self, scenario: &Scenario, column: usize, place: &str, before: &str) {
        let begin = format!("| {} |", scenario.name);
        let row = before.lines().find_map(|line| line.strip_prefix(&begin));
        let cell = row.and_then(|row| row.split('|').nth(column));
        let _ = write!(self.rows, "{}|", cell.unwrap_or(" "));
        let said = |of: &str| -> Vec<Line> {
            let (_, section) = before.split_once(of).unwrap_or_default();
            let lines = section.trim_start().lines();
            let lines = lines.take_while(|line| line.starts_with("- "));
            let lines = lines.filter_map(|line| line.strip_prefix(place));
            lines
                .map(|line| (place.to_owned(), line.to_owned()))
                .collect()
        };
        self.borne.extend(said(BORNE));
        self.faults.extend(said(HARM));
    }

    fn finish(&self, run: &str, scale: &str) -> String {
        let columns = COLUMNS.map(|(name, _)| name).join(" | ");
        let section = |title: &str, lines: &[Line]| match lines {
            [] => String::new(),
            lines => {
                let lines = lines.iter().map(|(place, text)| format!("{place}{text}\n"));
                format!("\n{title}\n\n{}", lines.collect::<String>())
            }
        };
        let (borne, faults) = (section(BORNE, &self.borne), section(HARM, &self.faults));
        let scale = match scale.is_empty() {
            true => String::new(),
            false => format!(
                "\n## Simulation for scale\n\n\
                 `src/cluster/tests/scale/` in virtual time: the machines of gossip, handshake, connection table and membership as they \
                 are; the BEAMs are make-believe. No guest has more than 8 dials under way (`MembershipConfig::dials`): that is what one \
                 that starts beside a thousand others costs any host in sockets, and it still meets all within seconds, because those \
                 that are not dialled yet dial.\n\n{scale}"
            ),
        };
        format!(
            "# Conformance\n\n\
             {run}\n\n\
             Each cell is a scenario of \
             `interop/src/scenarios/`, run on hosts of its own with beamlink and, at the same time, without it. *No harm*: no real node lost \
             another more often, reset a store more often, or logged a line that it does not log without; no guest came or went more than \
             once within ten seconds; and nothing that nodes ask of their cluster afterwards (`Fixture.Probe`: `global`, `rpc`, `erpc`, \
             `gen_server`, `pg`, spawns and monitors) took longer than 1.2 × its time without, plus 5 ms, or all of it together than twice that time, plus 10 ms. The times say how long it took until \
             all nodes listed each other again, with / without beamlink.\n\n\
             Where one pair of runs had something worse with beamlink, up to five pairs tell chance from harm: harm is where the lower quartile \
             with it lies above the upper quartile without. In scenarios that part real nodes it is chance how often these lose each other, as \
             `global` disconnects them in the order in which it hears of losses (`prevent_overlapping_partitions`); there each loss is traced \
             to its cause instead: to what the scenario does to the two nodes, or to what `global` of one of them logged. Harm is a loss \
             without such a cause, and any word of a guest to a `global` about lost connections (`Fixture.Partitions`), in one run.\n\n\
             *Lines about the guest* are those that OTP logs of any node that falls silent (`dist_util:con_loop/2`) or is refused, and \
             libcluster of any that does not take its call.\n\n\
             An empty cell has not been run yet.\n\n\
             | scenario | {columns} |\n|---|---|---|---|---|\n{}{borne}{faults}{scale}",
            self.rows
        )
    }
}

fn figures(with: &Outcome, without: &Outcome) -> String {
    let mut named: Vec<(&str, Vec<Duration>, Vec<Duration>)> = Vec::new();
    for ((name, with), (_, without)) in with.whole.iter().zip(&without.whole) {
        let at = named.iter().position(|(known, _, _)| known == name);
        let at = at.unwrap_or(named.len());
        if at == named.len() {
            named.push((name, Vec::new(), Vec::new()));
        }
        named[at].1.push(*with);
        named[at].2.push(*without);
    }
    let each = named.iter();
    let mut all: Vec<String> = each
        .map(|(name, with, without)| format!("{name} {} / {}", range(with), range(without)))
        .collect();
    let mut count = |what: &str, with: usize, without: usize| {
        if with + without > 0 {
            all.push(format!("{what} {with} / {without}"));
        }
    };
    count("losses", with.losses, without.losses);
    count("resets", with.resets, without.resets);
    count(
        "lines about the guest",
        with.about_guest,
        without.about_guest,
    );
    count(
        "lines at the strangers",
        with.by_strangers,
        without.by_strangers,
    );
    let measured = with.figures.iter();
    all.extend(measured.map(|figure| format!("{} {}", figure.what, figure.shown)));
    all.join(", ")
}

/// One time, or the shortest and the longest of several.
fn range(times: &[Duration]) -> String {
    match (times.iter().min(), times.iter().max()) {
        (Some(least), Some(most)) if least != most => {
            format!("{}–{}", shown(*least), shown(*most))
        }
        (Some(one), _) => shown(*one),
        (None, _) => String::new(),
    }
}

fn shown(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
