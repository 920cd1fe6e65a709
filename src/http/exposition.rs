//! Prometheus' text format (version 0.0.4). The crates for it are made for numbers that a program keeps; ours are read off
//! the node at each scrape.

use std::fmt::{Display, Write as _};

/// A page of metrics while it is written.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// The labels of one sample.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    /// Begins a metric; its samples must follow at once.
    pub(super) fn metric(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = kind.name();
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            self.0.push(if at == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"{}\"", escaped(text));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// A metric with one sample and no labels of its own.
    pub(super) fn single(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        labels: Labels<'_>,
        value: impl Display,
    ) {
        self.metric(name, kind, help);
        self.sample(name, labels, value);
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_and_their_labels() {
        let mut page = Exposition::default();
        page.single("a_total", Kind::Counter, "All of them.", &[], 3);
        page.sample("a_total", &[("x", "1\"\\\n"), ("y", "z")], 0.5);
        assert_eq!(
            page.text(),
            "# HELP a_total All of them.\n# TYPE a_total counter\na_total 3\na_total{x=\"1\\\"\\\\\\n\",y=\"z\"} 0.5\n"
        );
    }
}
