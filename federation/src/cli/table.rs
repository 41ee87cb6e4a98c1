//! Tables that align, and colours where a terminal is looking.

use unicode_width::UnicodeWidthStr;

use super::text::clean;

/// What a cell's text means; only that decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Just a text.
    #[default]
    Plain,
    /// Well.
    Good,
    /// To be looked at.
    Warn,
    /// Lost, failed, refused.
    Bad,
    /// Less important.
    Dim,
    /// A heading.
    Bold,
}

/// Whether colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    /// Whether escape sequences may be written.
    pub on: bool,
}

impl Paint {
    /// The text in the colour of a tone (ANSI, SGR).
    #[must_use]
    pub fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "1;31",
            Tone::Dim => "2",
            Tone::Bold => "1",
        };
        if self.on && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// With a tone.
    pub fn toned(tone: Tone, text: impl AsRef<str>) -> Self {
        Self {
            text: clean(text.as_ref()),
            tone,
        }
    }

    /// The text, or `-` where there is none.
    #[must_use]
    pub fn or_dash(text: Option<impl ToString>) -> Self {
        text.map_or_else(
            || Self::toned(Tone::Dim, "-"),
            |text| Self::from(text.to_string()),
        )
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

/// A table: a heading, and rows whose columns align. The last column is never padded.
#[derive(Debug, Clone, Default)]
pub struct Table {
    heading: Vec<&'static str>,
    right: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

impl Table {
    /// With a heading.
    #[must_use]
    pub fn new(heading: &[&'static str]) -> Self {
        Self {
            heading: heading.to_vec(),
            ..Self::default()
        }
    }

    /// Columns, by their heading, whose numbers stand at the right.
    #[must_use]
    pub fn right(mut self, columns: &[&'static str]) -> Self {
        self.right = columns.to_vec();
        self
    }

    /// Spaces before each line.
    #[must_use]
    pub fn indent(mut self, spaces: usize) -> Self {
        self.indent = spaces;
        self
    }

    /// Adds a row; missing cells are empty.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its lines, each with its end.
    #[must_use]
    pub fn render(&self, paint: Paint) -> String {
        let columns = self
            .rows
            .iter()
            .map(Vec::len)
            .chain([self.heading.len()])
            .max()
            .unwrap_or(0);
        let heading: Vec<Cell> = self
            .heading
            .iter()
            .map(|text| Cell::toned(Tone::Dim, text))
            .collect();
        let lines: Vec<&Vec<Cell>> = std::iter::once(&heading)
            .filter(|h| !h.is_empty())
            .chain(&self.rows)
            .collect();
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.text.width())
                .max()
        };
        let widths: Vec<usize> = (0..columns)
            .map(|column| width(column).unwrap_or(0))
            .collect();
        let mut out = String::new();
        for line in lines {
            out.push_str(self.line(line, &widths, paint).trim_end());
            out.push('\n');
        }
        out
    }

    fn line(&self, cells: &[Cell], widths: &[usize], paint: Paint) -> String {
        let mut out = " ".repeat(self.indent);
        for (column, cell) in cells.iter().enumerate() {
            let width = widths.get(column).copied().unwrap_or(0);
            let gap = " ".repeat(width.saturating_sub(cell.text.width()));
            let right = self
                .heading
                .get(column)
                .is_some_and(|heading| self.right.contains(heading));
            let text = paint.tone(cell.tone, &cell.text);
            if column > 0 {
                out.push_str("  ");
            }
            match right {
                true => out.push_str(&format!("{gap}{text}")),
                false if column + 1 == widths.len() => out.push_str(&text),
                false => out.push_str(&format!("{text}{gap}")),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "READY", "NOTE"])
            .right(&["READY"])
            .indent(2);
        table.row(vec![
            "区域-a".into(),
            "7".into(),
            Cell::toned(Tone::Bad, "lost"),
        ]);
        table.row(vec!["b".into(), "1,200".into()]);
        table
    }

    #[test]
    fn wide_characters_align_and_no_line_ends_in_spaces() {
        let expected = "  NAME    READY  NOTE\n  区域-a      7  lost\n  b       1,200\n";
        assert_eq!(table().render(Paint { on: false }), expected);
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let coloured = table().render(Paint { on: true });
        assert!(
            coloured.contains("\u{1b}[1;31mlost\u{1b}[0m"),
            "{coloured:?}"
        );
        let mut plain = coloured;
        for code in ["\u{1b}[1;31m", "\u{1b}[2m", "\u{1b}[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, table().render(Paint { on: false }));
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_line() {
        let mut table = Table::new(&["A"]);
        table.row(vec!["x\ny\u{1b}[2J".into()]);
        assert_eq!(table.render(Paint { on: false }), "A\nx y [2J\n");
    }
}
