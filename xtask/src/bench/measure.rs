//! What a bench prints, and the table that we make of it.

use anyhow::{Context as _, Result};
use causeway_measure::Measure;

/// Reads the lines that hold a measure. Other lines are the program's own talk.
///
/// # Errors
/// When a line is a JSON object but no measure.
pub(crate) fn read(text: &str) -> Result<Vec<Measure>> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("`{line}` is no measure")))
        .collect()
}

/// The table for people: columns as wide as their widest cell, numbers to the right.
pub(crate) fn table(measures: &[Measure]) -> String {
    let mut rows = vec![["MEASURE", "OURS", "PEER OR FLOOR", "RATIO", "AIM"].map(str::to_owned)];
    for measure in measures {
        let with_unit = |value: f64| format!("{} {}", number(value), measure.unit);
        rows.push([
            format!("{}: {}", measure.bench, measure.measure),
            with_unit(measure.ours),
            measure.peer_or_floor.map_or("-".to_owned(), with_unit),
            measure.ratio.map_or("-".to_owned(), number),
            measure.aim.clone().unwrap_or("-".to_owned()),
        ]);
    }
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let [first, second, third, fourth, _] = widths;
    rows.iter()
        .map(|[measure, ours, peer, ratio, aim]| {
            format!("{measure:<first$}  {ours:>second$}  {peer:>third$}  {ratio:>fourth$}  {aim}\n")
        })
        .collect()
}

/// Three significant digits, and no more than the size calls for.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LINE: &str = r#"{"bench":"heap","measure":"endpoint, 10⁵","ours":212.4,"peer_or_floor":null,"unit":"B","ratio":null,"aim":"≤ 250 B"}"#;

    #[test]
    fn measures_are_read_between_other_lines_and_nonsense_is_refused() {
        assert_eq!(read(&format!("warming up\n{LINE}\n")).unwrap().len(), 1);
        assert!(read("{\"bench\":\"heap\"}").is_err());
    }

    #[test]
    fn columns_are_aligned() {
        let text = table(&read(&format!("{LINE}\n{}", LINE.replace("212.4", "2.5"))).unwrap());
        let ends: Vec<usize> = text
            .lines()
            .skip(1)
            .map(|line| line.chars().take_while(|c| *c != 'B').count())
            .collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert!(text.contains("212 B") && text.contains("2.50 B"), "{text}");
    }
}
