//! Encoding, decoding, the borrowed view, and serde, of five messages.

use beamlink::term::Term;
use data_encoding::HEXLOWER;

use super::{Measured, Plan};
use crate::failure::Failure;
use crate::lab::Lab;
use crate::messages::{EVENT, GEN_CALL, MAP, binary, integers};
use crate::other::Other;
use crate::row::{Cells, OURS, Row, Target};

/// How long one contender works in one round.
const SLICE_MILLIS: f64 = 30.0;
/// The messages: what the table calls them, what `ours` does, and their bytes.
pub(super) fn messages() -> Result<Vec<(String, &'static str, String)>, Failure> {
    let read = |text| Term::parse_erlang(text).map_err(|error| Failure(error.to_string()));
    let all = [
        (
            "`{'$gen_call', {pid, ref}, {get, key}}`",
            "gen_call",
            read(GEN_CALL)?,
        ),
        ("map of 10 atom keys", "map", read(MAP)?),
        ("ExESDB event", "event", read(EVENT)?),
        ("binary of 64 KiB", "binary", binary()),
        ("list of 10,000 integers", "integers", integers()),
    ];
    let mut messages = Vec::new();
    for (shown, name, term) in all {
        let bytes = term
            .to_external()
            .map_err(|error| Failure(error.to_string()))?;
        messages.push((
            format!("{shown}, {} B", bytes.len()),
            name,
            HEXLOWER.encode(&bytes),
        ));
    }
    Ok(messages)
}

pub(super) fn measure(lab: &mut Lab, plan: Plan) -> Result<Measured, Failure> {
    let slice = (SLICE_MILLIS * plan.share).max(2.0);
    let mut others = Other::new("eetf and erltf", lab.peer(&["terms"]));
    let releases = lab.releases();
    let mut rows = Vec::new();
    let messages = messages()?;
    for what in ["encode", "decode"] {
        for (shown, _, hex) in &messages {
            let mut cells = Cells::default();
            let mut views = Cells::default();
            for _ in 0..plan.rounds {
                cells.add(OURS, lab.ours.one(&format!("term {what} {slice} {hex}"))?);
                if what == "decode" {
                    views.add(OURS, lab.ours.one(&format!("term view {slice} {hex}"))?);
                }
                for beams in &mut lab.beams {
                    let nanos = beams
                        .caller
                        .one(&format!("Bench.term(:{what}, {slice}, \"{hex}\")"))?;
                    cells.add(&beams.name, nanos);
                    views.add(&beams.name, nanos);
                }
                for library in ["eetf", "erltf"] {
                    let request = format!("{library} {what} {slice} {hex}");
                    let nanos = others.measure(|peers| peers.one(&request));
                    nanos
                        .into_iter()
                        .for_each(|nanos| cells.add(library, nanos));
                }
            }
            let beside = |share: f64| Target::at_most(share).times(releases.clone());
            let share = if what == "encode" { 0.4 } else { 0.6 };
            let targets = vec![beside(share), Target::at_most(1.0).times(["eetf", "erltf"])];
            rows.push(Row::new(
                "terms",
                format!("{what} {shown}"),
                "ns",
                cells,
                targets,
            ));
            if what == "decode" {
                rows.push(Row::new(
                    "terms",
                    format!("view {shown}, beside `binary_to_term/1`"),
                    "ns",
                    views,
                    vec![beside(0.15)],
                ));
            }
        }
    }
    for (shown, _, hex) in messages.iter().filter(|(_, name, _)| *name == "binary") {
        let mut cells = Cells::default();
        for _ in 0..plan.rounds {
            cells.add(OURS, lab.ours.one(&format!("term send {slice} {hex}"))?);
        }
        rows.push(Row::new(
            "terms",
            format!("encode for a peer {shown}, without a copy"),
            "ns",
            cells,
            Vec::new(),
        ));
    }
    for (shown, which, hex) in &messages {
        let mut cells = Cells::default();
        for _ in 0..plan.rounds {
            cells.add(OURS, lab.ours.one(&format!("typed {which} {slice} {hex}"))?);
            cells.add(
                "our own decode",
                lab.ours.one(&format!("term decode {slice} {hex}"))?,
            );
        }
        let targets = vec![Target::at_most(0.8).times(["our own decode"])];
        rows.push(Row::new(
            "terms",
            format!("serde from bytes {shown}"),
            "ns",
            cells,
            targets,
        ));
    }
    Ok(rows.into())
}
