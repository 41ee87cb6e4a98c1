//! How durations, rates and shares look, and what a terminal must never be sent.

use causeway_api::plan::{Rate, WHOLE};

/// A duration as people say it: `180ms`, `2.4s`, `2m16s`, `3h05m`, `41d`.
#[must_use]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..=9 => format!("{seconds}.{}s", ms % 1000 / 100),
        10..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A number with its thousands apart: `14,021`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A rate: `1,840/s`; below ten with its fraction, `0.5/s`.
#[must_use]
pub fn rate(rate: Rate) -> String {
    if rate.0 < 10_000 {
        rate.to_string()
    } else {
        format!("{}/s", grouped(rate.0 / 1000))
    }
}

/// Parts of [`WHOLE`] as percent: `61 %`; what is more than nothing never looks like it.
#[must_use]
pub fn share(parts: u32) -> String {
    let percent = (u64::from(parts) * 100 + u64::from(WHOLE) / 2) / u64::from(WHOLE);
    match (parts, percent) {
        (0, _) => "0 %".to_owned(),
        (_, 0) => "<1 %".to_owned(),
        (_, percent) => format!("{percent} %"),
    }
}

/// A bar of at most ten blocks.
#[must_use]
pub fn bar(parts: u32) -> String {
    let blocks = (u64::from(parts) * 10).div_ceil(u64::from(WHOLE)).min(10);
    "█".repeat(usize::try_from(blocks).unwrap_or(10))
}

/// `one thing`, `two things`: a count with its noun.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A text without what a terminal would obey: messages come from other people's clusters.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The same for texts of several lines: line ends and tabs stay.
#[must_use]
pub fn clean_lines(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                ' '
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_places_at_most() {
        let cases = [
            (0, "0ms"),
            (180, "180ms"),
            (2_450, "2.4s"),
            (59_999, "59s"),
            (136_000, "2m16s"),
            (11_100_000, "3h05m"),
            (41 * 86_400_000, "41d"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn numbers_rates_and_shares() {
        assert_eq!(
            (grouped(7), grouped(1000), grouped(1_234_567)),
            ("7".into(), "1,000".into(), "1,234,567".into())
        );
        assert_eq!(
            (rate(Rate(500)), rate(Rate::from_rps(1840))),
            ("0.5/s".into(), "1,840/s".into())
        );
        assert_eq!(
            (share(0), share(1), share(6149), share(10_000)),
            ("0 %".into(), "<1 %".into(), "61 %".into(), "100 %".into())
        );
        assert_eq!(
            (bar(0), bar(1), bar(10_000)),
            (String::new(), "█".into(), "██████████".into())
        );
    }

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(clean("a\u{1b}[31mb\nc\u{9b}d"), "a [31mb c d");
        assert_eq!(clean_lines("a\n\tb\u{7}"), "a\n\tb ");
    }
}
