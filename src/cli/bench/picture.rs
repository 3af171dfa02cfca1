//! Figures as a picture: bars on a terminal, lines in an SVG file. No library: a few rectangles need none.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

/// One line of a picture.
pub(super) struct Series {
    /// What the legend says.
    pub(super) name: String,
    /// x and y, ascending by x.
    pub(super) points: Vec<(f64, f64)>,
}

/// Longest bar in columns.
const BAR: f64 = 48.0;

/// A bar per point.
pub(super) fn bars(series: &[Series]) -> String {
    let points = || series.iter().flat_map(|one| &one.points);
    let most = points().map(|point| point.1).fold(1.0, f64::max);
    let width = series.iter().map(|one| one.name.width()).max().unwrap_or(0);
    let mut text = String::new();
    for one in series {
        for (x, y) in &one.points {
            let blank = " ".repeat(width - one.name.width());
            let bar = "█".repeat(((y / most * BAR).round() as usize).max(1));
            let _infallible = writeln!(text, "{}{blank}  × {x:<3.0} {bar} {y:.0}", one.name);
        }
    }
    text
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 200.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 48.0;
/// Distinguishable also for most who do not see all colours (after Okabe and Ito).
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// A drawing with axes from zero, so that no difference looks greater than it is.
pub(super) fn svg(title: &str, under: &str, across: &str, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|one| &one.points);
    let greatest_x = points().map(|point| point.0).fold(1.0, f64::max);
    let step = nice(points().map(|point| point.1).fold(1.0, f64::max) / 5.0);
    let greatest_y = (points().map(|point| point.1).fold(1.0, f64::max) / step).ceil() * step;
    let x = |value: f64| LEFT + value / greatest_x * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / greatest_y * (HEIGHT - TOP - BOTTOM);

    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n<text x=\"{LEFT}\" y=\"36\" fill=\"#666\">{}</text>\n",
        escape(title),
        escape(under)
    );
    let mut line = 0.0;
    while line <= greatest_y {
        let _infallible = writeln!(
            text,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{line:.0}</text>",
            WIDTH - RIGHT,
            y(line),
            y(line),
            LEFT - 6.0,
            y(line) + 4.0
        );
        line += step;
    }
    let across_step = nice(greatest_x / 8.0).max(1.0);
    let mut tick = 0.0;
    while tick <= greatest_x {
        let _infallible = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick:.0}</text>",
            x(tick),
            HEIGHT - BOTTOM + 18.0
        );
        tick += across_step;
    }
    let _infallible = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666\">{}</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 10.0,
        escape(across)
    );
    for (place, one) in series.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let path: Vec<String> = one
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
            .collect();
        let _infallible = writeln!(
            text,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            path.join(" ")
        );
        if one.points.len() <= 64 {
            for point in &path {
                let (cx, cy) = point.split_once(',').unwrap_or((point, "0"));
                let _infallible = writeln!(
                    text,
                    "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"3.5\" fill=\"{colour}\"/>"
                );
            }
        }
        let at = TOP + 18.0 * place as f64;
        let _infallible = writeln!(
            text,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT + 16.0,
            at,
            WIDTH - RIGHT + 34.0,
            at + 10.0,
            escape(&one.name)
        );
    }
    text.push_str("</svg>\n");
    text
}

/// Several drawings, one below the other: figures of different kinds do not share an axis.
pub(super) fn stack(drawings: &[String]) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\">\n",
        HEIGHT * drawings.len() as f64
    );
    for (place, drawing) in drawings.iter().enumerate() {
        let frame = format!(
            "<svg y=\"{}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" ",
            HEIGHT * place as f64
        );
        text.push_str(&drawing.replacen("<svg ", &frame, 1));
    }
    text.push_str("</svg>\n");
    text
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn nice(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least * 0.999_999)
        .unwrap_or(10.0 * power)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_the_greatest_figure_and_every_point_has_one() {
        let series = [
            Series {
                name: "a".into(),
                points: vec![(1.0, 100.0), (2.0, 200.0)],
            },
            Series {
                name: "long name".into(),
                points: vec![(1.0, 50.0)],
            },
        ];
        let text = bars(&series);
        let lengths: Vec<usize> = text.lines().map(|line| line.matches('█').count()).collect();
        assert_eq!(lengths, [24, 48, 12]);
    }

    #[test]
    fn a_drawing_has_a_line_per_series_and_escapes_what_it_is_given() {
        let series = [Series {
            name: "<a&b>".into(),
            points: vec![(1.0, 3.0), (2.0, 7.0)],
        }];
        let text = svg("t", "u", "x", &series);
        assert_eq!(text.matches("<polyline").count(), 1);
        assert!(text.contains("&lt;a&amp;b&gt;") && !text.contains("<a&b>"));
        assert!(text.ends_with("</svg>\n"));
    }

    #[test]
    fn stacked_drawings_stand_below_each_other() {
        let one = svg("t", "u", "x", &[]);
        let text = stack(&[one.clone(), one]);
        assert_eq!(
            (text.matches("<svg ").count(), text.matches("</svg>").count()),
            (3, 3)
        );
        assert!(text.contains("<svg y=\"420\" "), "{text}");
    }

    #[test]
    fn steps_of_an_axis_are_round_and_large_enough() {
        for (least, step) in [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (37.0, 50.0), (600.0, 1000.0)] {
            assert_eq!(nice(least), step, "{least}");
        }
    }
}
