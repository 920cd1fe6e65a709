//! What `--print-config` prints: every effective value and where it came from.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::source::Origin;
use super::table::{self, Setting};

/// One row for each setting that has been looked at. Secrets are in it as fingerprints.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Row>);

#[derive(Debug)]
struct Row {
    key: &'static str,
    value: Value,
    origin: Origin,
}

impl Report {
    pub(super) fn note(&mut self, setting: &Setting, value: &impl Serialize, origin: Origin) {
        self.0.retain(|row| row.key != setting.key);
        let value = serde_json::to_value(value).unwrap_or_default();
        self.0.push(Row {
            key: setting.key,
            value,
            origin,
        });
    }

    pub(super) fn unset(&mut self, setting: &Setting) {
        self.note(setting, &(), Origin::Default);
    }

    pub(super) fn origin(&self, setting: &Setting) -> Option<Origin> {
        self.row(setting).map(|row| row.origin.clone())
    }

    /// `{"name": {"value": …, "source": "env", "origin": "env RELEASE_NODE"}, …}`
    pub(crate) fn json(&self) -> Value {
        let entry = |row: &Row| {
            let entry = json!({
                "value": row.value,
                "source": row.origin.kind(),
                "origin": row.origin.to_string(),
            });
            (row.key.to_owned(), entry)
        };
        Value::Object(self.rows().map(entry).collect::<Map<_, _>>())
    }

    /// In the table's order.
    fn rows(&self) -> impl Iterator<Item = &Row> {
        table::ALL.iter().filter_map(|setting| self.row(setting))
    }

    fn row(&self, setting: &Setting) -> Option<&Row> {
        self.0.iter().find(|row| row.key == setting.key)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Row) -> String| {
            self.rows()
                .map(|row| text(row).chars().count())
                .max()
                .unwrap_or(0)
        };
        let keys = width(|row| row.key.to_owned());
        let values = width(|row| shown(&row.value)).min(40);
        for row in self.rows() {
            let (key, value, origin) = (row.key, shown(&row.value), &row.origin);
            writeln!(f, "{key:keys$}  {value:values$}  {origin}")?;
        }
        Ok(())
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".into(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
