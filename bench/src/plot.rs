//! The rates as a bar chart with a logarithmic scale.

use std::fmt::Write as _;

use anyhow::Result;

use crate::Bench;
use crate::contender::Contender;
use crate::turns;
use crate::work::Kind;

const WIDTH: f64 = 760.0;
/// Where bars begin, and where the longest may end, from the left.
const BARS: (f64, f64) = (190.0, 690.0);
const ROW: f64 = 34.0;
const TOP: f64 = 56.0;
/// Requests per second at the two ends of the scale.
const SCALE: (f64, f64) = (100.0, 200_000.0);
const TICKS: [(f64, &str); 4] = [(100.0, "100"), (1_000.0, "1 k"), (10_000.0, "10 k"), (100_000.0, "100 k")];
const SHOWN: [(Kind, &str, &str); 2] =
    [(Kind::R1, "read", "R1, courses of a student"), (Kind::W1, "write", "W1, durable enrollments")];

/// Draws the requests per second of every contender, as an SVG that follows the reader's color scheme.
pub(crate) fn rates(bench: &Bench) -> Result<String> {
    let height = TOP + ROW * f64::from(u32::try_from(bench.contenders.len())?) + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <title>Requests per second, on a logarithmic scale</title>\n\
         <style>\n\
         text {{ fill: #333 }} .tick {{ stroke: #ccc }} .read {{ fill: #2f6f9f }} .write {{ fill: #c77f2e }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} .tick {{ stroke: #444 }} }}\n\
         </style>\n"
    );
    for ((_, class, about), left) in SHOWN.into_iter().zip([BARS.0, BARS.0 + 210.0]) {
        writeln!(svg, "<rect class=\"{class}\" x=\"{left}\" y=\"8\" width=\"10\" height=\"10\"/>")?;
        writeln!(svg, "<text x=\"{}\" y=\"17\">{about}</text>", left + 16.0)?;
    }
    for (rate, label) in TICKS {
        let x = x_of(rate);
        writeln!(
            svg,
            "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{height}\"/>",
            TOP - 10.0
        )?;
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", TOP - 16.0)?;
    }
    let mut top = TOP;
    for contender in &bench.contenders {
        row(bench, contender, top, &mut svg)?;
        top += ROW;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn row(bench: &Bench, contender: &Contender, top: f64, svg: &mut String) -> Result<()> {
    let (left, middle) = (BARS.0 - 10.0, top + 17.0);
    writeln!(svg, "<text x=\"{left}\" y=\"{middle}\" text-anchor=\"end\">{}</text>", contender.name())?;
    for ((kind, class, _), y) in SHOWN.into_iter().zip([top, top + 14.0]) {
        let Some(figures) = bench.journal.load(&turns::name(contender, (kind, None))) else { continue };
        let end = x_of(figures.rate);
        writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"{:.1}\" height=\"12\"/>",
            BARS.0,
            end - BARS.0
        )?;
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{:.0}</text>",
            end + 4.0,
            y + 10.0,
            figures.rate
        )?;
    }
    Ok(())
}

fn x_of(rate: f64) -> f64 {
    let share = (rate.max(SCALE.0) / SCALE.0).ln() / (SCALE.1 / SCALE.0).ln();
    BARS.0 + share * (BARS.1 - BARS.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_factor_of_ten_has_the_same_length() {
        let steps: Vec<_> =
            [100.0, 1_000.0, 10_000.0, 100_000.0].map(x_of).windows(2).map(|two| two[1] - two[0]).collect();
        assert!(steps.iter().all(|step| (step - steps[0]).abs() < 1e-6), "{steps:?}");
    }
}
