//! The table of all rows, as Markdown and as JSON.

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::plot::Plot;
use crate::row::{Cell, OURS, Row, Verdict};
use crate::short;

/// Four digits at most, none too many.
pub(crate) fn shown(figure: f64) -> String {
    let size = figure.abs();
    let digits = match size {
        _ if !figure.is_finite() => return "–".to_owned(),
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ => 3,
    };
    let plain = format!("{figure:.digits$}");
    let (whole, rest) = plain
        .split_once('.')
        .map_or((&*plain, ""), |(whole, rest)| (whole, rest));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let left = whole.len() - at;
        if at > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() {
        grouped
    } else {
        format!("{grouped}.{rest}")
    }
}

/// `87.2 (80.1–90.5)`.
fn cell(cell: &Cell) -> String {
    let (least, greatest) = cell.range();
    format!(
        "{} ({}–{})",
        shown(cell.median()),
        shown(least),
        shown(greatest)
    )
}

fn said(verdict: &Verdict) -> (String, &'static str) {
    let seen: Vec<String> = verdict
        .seen
        .iter()
        .map(|seen| format!("{seen:.2}"))
        .collect();
    let met = match verdict.met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "not measured",
    };
    (
        if seen.is_empty() {
            "–".to_owned()
        } else {
            seen.join(", ")
        },
        met,
    )
}

fn line(row: &Row) -> String {
    let ours = row.cell(OURS).map_or_else(|| "–".to_owned(), cell);
    let others: Vec<String> = row
        .cells
        .iter()
        .filter(|cell| cell.contender != OURS)
        .map(|other| format!("{}: {}", other.contender, cell(other)))
        .collect();
    let verdicts: Vec<[String; 3]> = row
        .targets
        .iter()
        .map(|target| {
            let (seen, met) = said(&row.verdict(target));
            [target.text(), seen, met.to_owned()]
        })
        .collect();
    let column = |at: usize| {
        verdicts
            .iter()
            .map(|verdict| &*verdict[at])
            .collect::<Vec<_>>()
            .join("<br>")
    };
    let workload = match row.unit.is_empty() {
        true => row.workload.clone(),
        false => format!("{}, {}", row.workload, row.unit),
    };
    format!(
        "| {workload} | {ours} | {} | {} | {} | {} |\n",
        others.join("<br>"),
        column(0),
        column(1),
        column(2),
    )
}

/// Targets met, and all that were judged.
pub(crate) fn score(rows: &[Row]) -> (usize, usize) {
    let verdicts = rows
        .iter()
        .flat_map(|row| row.targets.iter().map(|target| row.verdict(target)));
    verdicts
        .filter_map(|verdict| verdict.met)
        .fold((0, 0), |(met, all), is_met| {
            (met + usize::from(is_met), all + 1)
        })
}

/// The document, with the title of each group that has rows.
pub(crate) fn markdown(
    machine: &Machine,
    rounds: usize,
    titles: &[(&str, &str)],
    rows: &[Row],
    plots: &[Plot],
) -> String {
    let (met, all) = score(rows);
    let mut out = format!(
        "# Results of `./scripts/bench`\n\n{}\n\nMedians of {rounds} rounds (least–greatest), in which the contenders take turns, each side on a core of its own. \
         A target beside others is a ratio of medians in this run, one for each of them. {met} of {all} targets are met; why the others are \
         not is in [PERFORMANCE.md](../docs/PERFORMANCE.md).\n",
        machine.lines()
    );
    out.push_str(&format!("\n## In short\n\n{}", short::table(rows)));
    for (group, title) in titles {
        let mine: Vec<&Row> = rows.iter().filter(|row| row.group == *group).collect();
        if mine.is_empty() {
            continue;
        }
        out.push_str(&format!("\n## {title}\n\n| workload | beamlink | beside it | target | seen | met |\n|---|---|---|---|---|---|\n"));
        out.extend(mine.into_iter().map(line));
    }
    if !plots.is_empty() {
        out.push_str("\n## How the cost grows\n");
        for plot in plots {
            out.push_str(&format!(
                "\n![{}](../docs/images/{}.svg)\n",
                plot.title, plot.file
            ));
        }
    }
    out
}

pub(crate) fn json(machine: &Machine, rounds: usize, rows: &[Row], plots: &[Plot]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let cells: Vec<Value> = row
                .cells
                .iter()
                .map(|cell| {
                    let (least, greatest) = cell.range();
                    json!({"contender": cell.contender, "median": cell.median(), "least": least, "greatest": greatest, "rounds": cell.rounds.len()})
                })
                .collect();
            let targets: Vec<Value> = row
                .targets
                .iter()
                .map(|target| {
                    let Verdict { seen, met } = row.verdict(target);
                    json!({"of": target.of, "asks": target.text(), "seen": seen, "met": met})
                })
                .collect();
            json!({"group": row.group, "workload": row.workload, "unit": row.unit, "cells": cells, "targets": targets})
        })
        .collect();
    json!({"machine": machine, "rounds": rounds, "rows": rows, "plots": plots})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Cells, Target};

    fn machine() -> Machine {
        Machine {
            cpu: "CPU".to_owned(),
            cores: 2,
            kernel: "6.1".to_owned(),
            rust: "rustc 1".to_owned(),
            commit: "abc".to_owned(),
            otp: vec!["OTP 25".to_owned()],
            load: 0.1,
        }
    }

    fn rows() -> Vec<Row> {
        let mut cells = Cells::default();
        cells.add(OURS, 1.0);
        cells.add("OTP 25", 12_345.0);
        let targets = vec![
            Target::at_most(0.5).times(["OTP 25"]),
            Target::at_most(0.1),
            Target::at_most(1.0).times(["gone"]),
        ];
        vec![Row::new("calls", "call", "µs", cells, targets)]
    }

    #[test]
    fn figures_have_four_digits_at_most() {
        let all = [0.1234, 1.234, 12.34, 123.4, 12_345.6, -5.5, f64::NAN];
        assert_eq!(
            all.map(shown),
            ["0.123", "1.23", "12.3", "123", "12,346", "-5.50", "–"]
        );
    }

    #[test]
    fn a_line_has_the_figures_the_targets_and_what_came_of_them() {
        let text = markdown(
            &machine(),
            5,
            &[("calls", "Calls"), ("terms", "Terms")],
            &rows(),
            &[],
        );
        let line = "| call, µs | 1.00 (1.00–1.00) | OTP 25: 12,345 (12,345–12,345) | ≤ 0.5 × OTP 25<br>≤ 0.1<br>≤ 1 × gone \
                    | 0.00<br>1.00<br>– | yes<br>**no**<br>not measured |\n";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("1 of 2 targets")
                && text.contains("## Calls")
                && !text.contains("## Terms"),
            "{text}"
        );
    }

    #[test]
    fn the_json_has_the_same() {
        let value = json(&machine(), 5, &rows(), &[]);
        assert_eq!(value["rows"][0]["cells"][1]["median"], 12_345.0);
        assert_eq!(value["rows"][0]["targets"][1]["met"], false);
        assert_eq!(value["rows"][0]["targets"][2]["met"], Value::Null);
        assert_eq!(value["machine"]["cores"], 2);
    }
}
