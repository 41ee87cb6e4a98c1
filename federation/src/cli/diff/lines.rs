//! Which lines of two texts differ.

/// A line, and in which of the two texts it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// In both.
    Same(&'a str),
    /// Only in the first.
    Removed(&'a str),
    /// Only in the second.
    Added(&'a str),
}

/// Compares by longest common subsequence: objects have tens of lines, so the square of that is small. Texts of more
/// than 2,000 lines are told apart as wholes.
pub(super) fn compare<'a>(before: &'a str, after: &'a str) -> Vec<Line<'a>> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    if before.len().max(after.len()) > 2_000 {
        return before
            .into_iter()
            .map(Line::Removed)
            .chain(after.into_iter().map(Line::Added))
            .collect();
    }
    let common = common(&before, &after);
    let length = |i: usize, j: usize| {
        common
            .get(i)
            .and_then(|row| row.get(j))
            .copied()
            .unwrap_or(0)
    };
    let mut out = Vec::new();
    let (mut i, mut j) = (0, 0);
    loop {
        match (before.get(i), after.get(j)) {
            (Some(old), Some(new)) if old == new => {
                out.push(Line::Same(old));
                (i, j) = (i + 1, j + 1);
            }
            // Removed lines go first where either order would do.
            (Some(old), new) if new.is_none() || length(i + 1, j) >= length(i, j + 1) => {
                out.push(Line::Removed(old));
                i += 1;
            }
            (_, Some(new)) => {
                out.push(Line::Added(new));
                j += 1;
            }
            (_, None) => return out,
        }
    }
}

/// `table[i][j]`: the length of the longest common subsequence of what follows line `i` and line `j`.
fn common(before: &[&str], after: &[&str]) -> Vec<Vec<u32>> {
    let mut rows: Vec<Vec<u32>> = vec![vec![0; after.len() + 1]];
    for old in before.iter().rev() {
        let mut row = vec![0; after.len() + 1];
        let below = rows.last().map_or(&[][..], Vec::as_slice);
        let mut right = 0;
        for (j, new) in after.iter().enumerate().rev() {
            let diagonal = below.get(j + 1).copied().unwrap_or(0);
            let down = below.get(j).copied().unwrap_or(0);
            right = if old == new {
                diagonal + 1
            } else {
                down.max(right)
            };
            if let Some(cell) = row.get_mut(j) {
                *cell = right;
            }
        }
        rows.push(row);
    }
    rows.reverse();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> Vec<String> {
        let sign = |line| match line {
            Line::Same(text) => format!(" {text}"),
            Line::Removed(text) => format!("-{text}"),
            Line::Added(text) => format!("+{text}"),
        };
        compare(before, after).into_iter().map(sign).collect()
    }

    #[test]
    fn only_what_differs_is_marked() {
        assert_eq!(
            shown("a\nb\nc", "a\nx\nc\nd"),
            [" a", "-b", "+x", " c", "+d"]
        );
        assert_eq!(shown("", "a"), ["+a"]);
        assert_eq!(shown("a\nb", ""), ["-a", "-b"]);
        assert_eq!(shown("b\na\nb", "a\nb"), ["-b", " a", " b"]);
    }
}
