//! 100,000 calls from 50 processes at once, in both directions: all answered, in order per sender, none lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use beamlink::otp::gen_server::{self, Answer, Context, From, GenServer};
use beamlink::runtime::{Body, Item, Process};
use beamlink::term::{Atom, Term, Typed};

use crate::ground::{Ground, OWN, peer, with_each};

const SENDERS: i64 = 50;
const CALLS: i64 = 2_000;
/// A cast goes before every tenth call, and counts.
const LAST: i64 = CALLS + CALLS / 10;
/// Ten times what a debug build takes on two cores.
const LOAD_LIMIT: Duration = Duration::from_secs(150);

/// A sender and its number: each counts from 1.
type Entry = (i64, i64);

#[derive(Debug, Default)]
struct Book {
    last: BTreeMap<i64, i64>,
    faults: Vec<(i64, [i64; 2])>,
}

/// Keeps what came out of turn.
struct Ledger(Arc<Mutex<Book>>);

impl Ledger {
    fn enter(&self, (sender, number): Entry) {
        let mut book = self.0.lock().unwrap();
        let before = book.last.insert(sender, number).unwrap_or(0);
        if before + 1 != number {
            book.faults.push((sender, [before, number]));
        }
    }
}

impl GenServer for Ledger {
    type Call = Entry;
    type Reply = i64;
    type Cast = Entry;
    type Info = Term;
    type Continue = ();

    async fn handle_call(
        &mut self,
        entry: Entry,
        _: From<i64>,
        _: &mut Context<'_, Self>,
    ) -> Answer<i64> {
        self.enter(entry);
        Answer::Reply(entry.1)
    }

    async fn handle_cast(&mut self, entry: Entry, _: &mut Context<'_, Self>) {
        self.enter(entry);
    }
}

#[test]
fn a_hundred_thousand_calls_of_elixir_processes_are_answered_in_order() {
    with_each("a_hundred_thousand_calls_of_elixir", |ground| {
        let book = Arc::new(Mutex::new(Book::default()));
        let server = Ledger(book.clone());
        let _server = ground
            .run(ground.node().start_server(server).name("ledger").start())
            .unwrap();
        let begin = Instant::now();
        let load = format!("Fixture.Load.ledger({{:ledger, :{OWN}}}, {SENDERS}, {CALLS})");
        let loaded = format!("spawn(fn -> :persistent_term.put(:load, {load}) end); :ok");
        ground.expect(&loaded, ":ok");
        let answered = ":persistent_term.get(:load, :open)";
        ground.beam.wait_until(answered, "[]", LOAD_LIMIT);
        tell("Elixir to Rust", begin);
        let book = book.lock().unwrap();
        assert_eq!(book.faults, []);
        assert_eq!(book.last, (1..=SENDERS).map(|of| (of, LAST)).collect());
    });
}

#[test]
fn a_hundred_thousand_calls_of_rust_processes_are_answered_in_order() {
    with_each("a_hundred_thousand_calls_of_rust", |ground| {
        let begin = Instant::now();
        let wrong = ground
            .tokio
            .block_on(async { tokio::time::timeout(LOAD_LIMIT, send_all(ground)).await });
        assert_eq!(wrong.expect("all end in time"), Vec::<String>::new());
        tell("Rust to Elixir", begin);
        let last: Vec<String> = (1..=SENDERS).map(|of| format!("{of} => {LAST}")).collect();
        let sorted = "{last, faults} = Fixture.Ledger.close(); {Enum.sort(last), faults}";
        let expected = format!("{{Enum.sort(%{{{}}}), []}}", last.join(", "));
        assert_eq!(ground.ask(sorted), ground.ask(&expected));
    });
}

/// Lets [`SENDERS`] processes of ours call the ledger of the BEAM at once: what was not answered as it should.
async fn send_all(ground: &Ground) -> Vec<String> {
    let (wrong, mut all) = tokio::sync::mpsc::unbounded_channel();
    let senders = (1..=SENDERS).map(|sender| {
        let wrong = wrong.clone();
        ground.node().spawn(move |process| async move {
            if let Err(what) = send_from(&process, sender).await {
                wrong.send(format!("{sender}: {what}")).unwrap();
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        assert_eq!(sender.ended().await.reason(), &Term::atom("normal"));
    }
    drop(wrong);
    let mut found = Vec::new();
    while let Some(what) = all.recv().await {
        found.push(what);
    }
    found
}

async fn send_from(process: &Process, sender: i64) -> Result<(), String> {
    let ledger = Item::Name(Atom::from_static("ledger"), peer().atom().clone());
    let mut number = 0;
    for round in 1..=CALLS {
        if round % 10 == 0 {
            number += 1;
            let entry = (sender, number);
            gen_server::cast(process, ledger.clone(), &Typed(&entry))
                .await
                .map_err(|error| error.to_string())?;
        }
        number += 1;
        let entry = (sender, number);
        let request = Typed(&entry);
        let call = gen_server::call(process, ledger.clone(), &request, LOAD_LIMIT);
        let answer: i64 = call
            .await
            .map_err(|error| error.to_string())
            .and_then(|body| Body::typed(body).map_err(|error| error.to_string()))?;
        if answer != number {
            return Err(format!("{number} was answered with {answer}"));
        }
    }
    Ok(())
}

fn tell(way: &str, begin: Instant) {
    let took = begin.elapsed();
    let rate = (SENDERS * CALLS) as f64 / took.as_secs_f64();
    eprintln!(
        "{way}: {} calls in {took:.1?}, {rate:.0} a second",
        SENDERS * CALLS
    );
}
