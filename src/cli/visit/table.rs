//! A term as a table: a list of maps or keyword lists with a column for each key, a list of tuples with a column for each
//! place, a map or keyword list with a row for each key.

use std::fmt::Write as _;

use beamlink::term::Term;

use super::json::name;

type Row = Vec<(Option<String>, String)>;

/// `None` for a term that is no table.
pub(crate) fn table(term: &Term) -> Option<String> {
    let rows: Vec<Row> = match pairs(term) {
        Some(pairs) => {
            let row = |(key, value)| vec![(None, name(key)), (None, name(value))];
            pairs.into_iter().map(row).collect()
        }
        None => term.as_list()?.iter().map(row).collect::<Option<_>>()?,
    };
    let mut columns: Vec<String> = Vec::new();
    for key in rows.iter().flatten().filter_map(|(key, _)| key.as_ref()) {
        if !columns.contains(key) {
            columns.push(key.clone());
        }
    }
    let mut lines: Vec<Vec<String>> = Vec::new();
    if !columns.is_empty() {
        lines.push(columns.clone());
    }
    for row in rows {
        lines.push(match columns.is_empty() {
            true => row.into_iter().map(|(_, cell)| cell).collect(),
            false => {
                let cell = |column: &String| {
                    let found = row.iter().find(|(key, _)| key.as_ref() == Some(column));
                    found.map(|(_, cell)| cell.clone()).unwrap_or_default()
                };
                columns.iter().map(cell).collect()
            }
        });
    }
    Some(aligned(&lines))
}

/// A map, or a list of pairs whose first part is an atom.
fn pairs(term: &Term) -> Option<Vec<(&Term, &Term)>> {
    if let Term::Map(map) = term {
        return Some(map.iter().collect());
    }
    let list = term.as_list().filter(|list| !list.is_empty())?;
    list.iter().map(pair).collect()
}

fn pair(term: &Term) -> Option<(&Term, &Term)> {
    match term.as_tuple() {
        Some([key @ Term::Atom(_), value]) => Some((key, value)),
        _ => None,
    }
}

fn row(term: &Term) -> Option<Row> {
    if let Some(pairs) = pairs(term) {
        let cell = |(key, value)| (Some(name(key)), name(value));
        return Some(pairs.into_iter().map(cell).collect());
    }
    let cells = term.as_tuple().map(<[Term]>::to_vec);
    let cells = cells.unwrap_or_else(|| vec![term.clone()]);
    Some(cells.iter().map(|cell| (None, name(cell))).collect())
}

pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for line in lines {
        for (at, cell) in line.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(at) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for line in lines {
        let mut written = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            // Writing to a string does not fail.
            let _ = write!(written, "{cell:width$}  ");
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
    text
}
