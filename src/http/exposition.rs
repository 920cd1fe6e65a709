//! Metrics, read off the node at one moment, and Prometheus' text format of them (version 0.0.4). The crates for it are made
//! for numbers that a program keeps.

use std::fmt::{self, Display, Write as _};

/// The metrics of one moment, while they are written down.
#[derive(Debug, Default)]
pub(crate) struct Exposition(Vec<Metric>);

/// What is measured, of each that it is measured of.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

/// One value, and what it is of.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: Value,
}

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Whole(u64),
    Real(f64),
    /// How many were no larger than each bound, and how many in all; and their sum.
    Histogram {
        bounds: &'static [f64],
        within: Vec<u64>,
        sum: f64,
    },
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
        self.0.push(Metric {
            name: name.to_owned(),
            kind,
            help: help.to_owned(),
            samples: Vec::new(),
        });
    }

    /// Of the metric that was begun last.
    pub(super) fn sample(&mut self, labels: Labels<'_>, value: impl Into<Value>) {
        let owned = |(label, text): &(&str, &str)| ((*label).to_owned(), (*text).to_owned());
        let sample = Sample {
            labels: labels.iter().map(owned).collect(),
            value: value.into(),
        };
        if let Some(metric) = self.0.last_mut() {
            metric.samples.push(sample);
        }
    }

    /// A metric with one sample.
    pub(super) fn single(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        labels: Labels<'_>,
        value: impl Into<Value>,
    ) {
        self.metric(name, kind, help);
        self.sample(labels, value);
    }

    /// What was read, metric by metric.
    #[cfg(feature = "otel")]
    pub(crate) fn metrics(self) -> Vec<Metric> {
        self.0
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.0.iter().try_for_each(|metric| metric.write(&mut text));
        text
    }
}

impl Metric {
    fn write(&self, to: &mut String) -> fmt::Result {
        let Metric { name, help, .. } = self;
        writeln!(
            to,
            "# HELP {name} {help}\n# TYPE {name} {}",
            self.kind.name()
        )?;
        for sample in &self.samples {
            match &sample.value {
                Value::Whole(value) => sample.line(to, name, None, value)?,
                Value::Real(value) => sample.line(to, name, None, value)?,
                Value::Histogram {
                    bounds,
                    within,
                    sum,
                } => {
                    let bucket = format!("{name}_bucket");
                    let bounds = bounds.iter().map(f64::to_string);
                    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(within) {
                        sample.line(to, &bucket, Some(&bound), count)?;
                    }
                    sample.line(to, &format!("{name}_sum"), None, sum)?;
                    let all = within.last().copied().unwrap_or(0);
                    sample.line(to, &format!("{name}_count"), None, all)?;
                }
            }
        }
        Ok(())
    }
}

impl Sample {
    fn line(
        &self,
        to: &mut String,
        name: &str,
        bound: Option<&str>,
        value: impl Display,
    ) -> fmt::Result {
        to.push_str(name);
        let labels = self.labels.iter();
        let labels = labels.map(|(label, text)| (label.as_str(), text.as_str()));
        let mut between = '{';
        for (label, text) in labels.chain(bound.map(|bound| ("le", bound))) {
            write!(to, "{between}{label}=\"{}\"", escaped(text))?;
            between = ',';
        }
        if between == ',' {
            to.push('}');
        }
        writeln!(to, " {value}")
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::Whole(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Value {
        Value::Whole(value as u64)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Whole(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Real(value)
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
        page.single("a_total", Kind::Counter, "All of them.", &[], 3u64);
        page.sample(&[("x", "1\"\\\n"), ("y", "z")], 0.5);
        assert_eq!(
            page.text(),
            "# HELP a_total All of them.\n# TYPE a_total counter\na_total 3\na_total{x=\"1\\\"\\\\\\n\",y=\"z\"} 0.5\n"
        );
    }

    #[test]
    fn the_lines_of_a_histogram() {
        let mut page = Exposition::default();
        let value = Value::Histogram {
            bounds: &[0.5, 1.0],
            within: vec![1, 2, 4],
            sum: 7.25,
        };
        page.single("took", Kind::Histogram, "Time.", &[("x", "y")], value);
        assert_eq!(
            page.text(),
            "# HELP took Time.\n# TYPE took histogram\n\
             took_bucket{x=\"y\",le=\"0.5\"} 1\ntook_bucket{x=\"y\",le=\"1\"} 2\ntook_bucket{x=\"y\",le=\"+Inf\"} 4\n\
             took_sum{x=\"y\"} 7.25\ntook_count{x=\"y\"} 4\n"
        );
    }
}
