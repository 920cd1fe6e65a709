//! A plot as SVG: lines over two logarithmic axes.

use std::fmt::Write as _;

use serde::Serialize;

/// What is drawn, and the name of its file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Plot {
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) series: Vec<Series>,
}

/// One line, its points in the order of `x`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 50.0;
/// Told apart by most eyes, on white.
const COLOURS: [&str; 6] = [
    "#c1440e", "#1f5fa8", "#4a7c2c", "#7d4f9e", "#a87f00", "#555555",
];

/// A logarithmic axis: where a value lies between its ends.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn at(&self, value: f64) -> f64 {
        let share = (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10());
        self.from + share * (self.to - self.from)
    }
}

impl Plot {
    /// The picture. What is not above zero has no place on it and is left out.
    pub(crate) fn svg(&self) -> String {
        let points = || {
            self.series
                .iter()
                .flat_map(|line| &line.points)
                .filter(|point| drawn(point))
        };
        let (left, right) = ends(points().map(|(x, _)| *x));
        let (bottom, top) = ends(points().map(|(_, y)| *y));
        let x = Axis {
            low: left,
            high: right,
            from: LEFT,
            to: WIDTH - RIGHT,
        };
        let low = decade(bottom, f64::floor);
        let high = decade(top, f64::ceil).max(low * 10.0);
        let y = Axis {
            low,
            high,
            from: HEIGHT - BOTTOM,
            to: TOP,
        };
        let mut out = String::new();
        self.frame(&mut out);
        self.grid(&mut out, &x, &y);
        for (line, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            draw(&mut out, line, colour, &x, &y);
        }
        out.push_str("</svg>\n");
        out
    }

    /// Paper, title, legend and the names of the axes.
    fn frame(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>"
        );
        text(
            out,
            LEFT,
            24.0,
            "start",
            "font-size=\"16\" font-weight=\"bold\"",
            &self.title,
        );
        let mut at = LEFT;
        for (line, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let _ = writeln!(
                out,
                "<rect x=\"{at:.0}\" y=\"40\" width=\"18\" height=\"4\" fill=\"{colour}\"/>"
            );
            text(out, at + 24.0, 46.0, "start", "", &line.name);
            at += 48.0 + 6.6 * line.name.chars().count() as f64;
        }
        text(
            out,
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - 10.0,
            "middle",
            "",
            &self.x,
        );
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        text(
            out,
            16.0,
            middle,
            "middle",
            &format!("transform=\"rotate(-90 16 {middle})\""),
            &self.y,
        );
    }

    fn grid(&self, out: &mut String, x: &Axis, y: &Axis) {
        let mut line = |from: (f64, f64), to: (f64, f64), colour: &str| {
            let _ = writeln!(
                out,
                "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{colour}\"/>",
                from.0, from.1, to.0, to.1
            );
        };
        let mut labels = Vec::new();
        let mut value = y.low;
        while value <= y.high * 1.001 {
            let at = y.at(value);
            line((x.from, at), (x.to, at), "#cccccc");
            labels.push((x.from - 6.0, at + 4.0, "end", short(value)));
            for part in [2.0, 5.0] {
                if value * part < y.high {
                    let at = y.at(value * part);
                    line((x.from, at), (x.to, at), "#eeeeee");
                }
            }
            value *= 10.0;
        }
        let mut marks: Vec<f64> = self
            .series
            .iter()
            .flat_map(|line| line.points.iter().map(|point| point.0))
            .collect();
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        for mark in marks {
            let at = x.at(mark);
            line((at, y.from), (at, y.from + 4.0), "#888888");
            labels.push((at, y.from + 18.0, "middle", short(mark)));
        }
        for (x, y, anchor, label) in labels {
            text(out, x, y, anchor, "fill=\"#444444\"", &label);
        }
    }
}

fn drawn((x, y): &(f64, f64)) -> bool {
    *x > 0.0 && *y > 0.0 && x.is_finite() && y.is_finite()
}

/// The least and the greatest, with something in between.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    match low < high {
        true => (low, high),
        false => (high.max(1.0), high.max(1.0) * 10.0),
    }
}

fn decade(value: f64, round: impl Fn(f64) -> f64) -> f64 {
    10_f64.powf(round(value.log10()))
}

fn draw(out: &mut String, line: &Series, colour: &str, x: &Axis, y: &Axis) {
    let mut path = String::new();
    let mut dots = String::new();
    for (at, value) in line.points.iter().filter(|point| drawn(point)) {
        let (at, value) = (x.at(*at), y.at(*value));
        let _ = write!(
            path,
            "{}{at:.1} {value:.1}",
            if path.is_empty() { 'M' } else { 'L' }
        );
        let _ = writeln!(
            dots,
            "<circle cx=\"{at:.1}\" cy=\"{value:.1}\" r=\"3\" fill=\"{colour}\"/>"
        );
    }
    let _ = write!(
        out,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n{dots}"
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, more: &str, what: &str) {
    let what = what
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{what}</text>"
    );
}

/// A number as a mark on an axis: 4096 is 4 Ki, 3000 is 3000.
fn short(value: f64) -> String {
    const KIBI: f64 = 1024.0;
    match value {
        _ if value >= KIBI * KIBI && value % (KIBI * KIBI) == 0.0 => {
            format!("{} Mi", value / KIBI / KIBI)
        }
        _ if value >= KIBI && value % KIBI == 0.0 => format!("{} Ki", value / KIBI),
        _ if value >= 1e6 => format!("{} M", value / 1e6),
        _ => format!("{}", (value * 1e4).round() / 1e4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let line = |name: &str, points: &[(f64, f64)]| Series {
            name: name.to_owned(),
            points: points.to_vec(),
        };
        Plot {
            file: "throughput".to_owned(),
            title: "Throughput & size".to_owned(),
            x: "bytes".to_owned(),
            y: "MB/s".to_owned(),
            series: vec![
                line(
                    "a → b",
                    &[(16.0, 1.0), (1024.0, 100.0), (1_048_576.0, 1_000.0)],
                ),
                line("none", &[(16.0, 0.0), (1024.0, f64::NAN)]),
            ],
        }
    }

    #[test]
    fn a_plot_is_well_formed_and_small() {
        let svg = plot().svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.len() < 40_000);
        assert!(
            svg.contains("Throughput &amp; size")
                && svg.contains(">1 Ki<")
                && svg.contains(">1 Mi<")
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }

    #[test]
    fn its_ends_lie_at_the_ends_of_the_axes() {
        let svg = plot().svg();
        assert!(svg.contains("M70.0 370.0"), "{svg}");
        assert!(svg.contains("L700.0 70.0"), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_no_fault() {
        let svg = Plot {
            series: Vec::new(),
            ..plot()
        }
        .svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
