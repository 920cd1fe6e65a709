//! The few figures that a reader wants first, and their place in other documents.

use crate::row::{OURS, Row};
use crate::table::shown;

/// Between these lines of a document the suite puts its short table.
const BEGIN: &str = "<!-- bench: ./scripts/bench writes this table -->\n";
const END: &str = "<!-- bench: end -->\n";

/// Which rows, by how their names begin; of several releases the first.
const CHOSEN: [&str; 21] = [
    "start of the process",
    "`beamlink join`, idle",
    "`GenServer.call`, p50",
    "`GenServer.call`, p99",
    "`erpc`, p50",
    "64 callers at once",
    "OTP 25 calls a GenServer of ours, p50",
    "into OTP",
    "beamlink to beamlink, one connection",
    "1 MiB, into OTP",
    "1 MiB, beamlink to beamlink",
    "encode `{'$gen_call'",
    "decode `{'$gen_call'",
    "encode ExESDB event",
    "decode ExESDB event",
    "`beamlink apply NODE",
    "encrypted heartbeats checked",
    "a process",
    "1000 connections, resident",
    "1000 connections, steady",
    "nodedown of 1000",
];

/// The table: workload, ours, the BEAM's, and the best of all others.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut out = "| | beamlink | BEAM | others |\n|---|---:|---:|---|\n".to_owned();
    for start in CHOSEN {
        if let Some(row) = rows.iter().find(|row| row.workload.starts_with(start)) {
            out.push_str(&line(row));
        }
    }
    out
}

fn line(row: &Row) -> String {
    let median = |name: &str| {
        row.cell(name)
            .map(|cell| shown(cell.median()))
            .unwrap_or_default()
    };
    let is_beam = |name: &str| name.starts_with("OTP") || name == "Elixir";
    let beam = row.cells.iter().find(|cell| is_beam(&cell.contender));
    let others: Vec<String> = row
        .cells
        .iter()
        .filter(|cell| cell.contender != OURS && !is_beam(&cell.contender))
        .map(|cell| format!("{} {}", cell.contender, shown(cell.median())))
        .collect();
    format!(
        "| {}, {} | {} | {} | {} |\n",
        row.workload,
        row.unit,
        median(OURS),
        beam.map(|cell| shown(cell.median())).unwrap_or_default(),
        others.join(", ")
    )
}

/// `document` with `table` between the marks; `None` when it has none.
pub(crate) fn put(document: &str, table: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Cells;

    #[test]
    fn the_short_table_has_ours_the_beam_and_the_others() {
        let mut cells = Cells::default();
        for (name, figure) in [
            (OURS, 50.0),
            ("OTP 25", 100.0),
            ("OTP 27", 90.0),
            ("ei_rpc", 80.0),
        ] {
            cells.add(name, figure);
        }
        let row = Row::new(
            "calls",
            "`GenServer.call`, p50, OTP 25",
            "µs",
            cells,
            Vec::new(),
        );
        let text = table(&[row]);
        assert!(
            text.ends_with("| `GenServer.call`, p50, OTP 25, µs | 50.0 | 100 | ei_rpc 80.0 |\n"),
            "{text}"
        );
    }

    #[test]
    fn it_is_put_between_the_marks_and_again() {
        let document = format!("before\n{BEGIN}old\n{END}after\n");
        let once = put(&document, "| a |\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n| a |\n\n{END}after\n"));
        assert_eq!(put(&once, "| a |\n").unwrap(), once);
        assert_eq!(put("no marks", "| a |\n"), None);
    }
}
