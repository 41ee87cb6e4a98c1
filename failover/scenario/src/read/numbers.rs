//! Numbers and durations within what can be.

use serde_saphyr::Spanned;

use super::Reader;

/// The most requests per second that a scenario may speak of: a billion.
pub(super) const MOST_RPS: i64 = 1_000_000_000;
/// The most endpoints of one zone: more than the largest clusters have.
pub(super) const MOST_ENDPOINTS: i64 = 1_000_000;
/// The longest scenario: a day of cluster time.
pub(super) const LONGEST_MS: u64 = 86_400_000;

impl Reader {
    /// A number between two others, both included.
    pub(super) fn number(
        &mut self,
        what: &str,
        found: &Spanned<i64>,
        least: i64,
        most: i64,
    ) -> u64 {
        let value = found.value;
        if (least..=most).contains(&value) {
            return u64::try_from(value).unwrap_or(0);
        }
        let hint = if value == 0 {
            ": leave it out where it is unknown"
        } else {
            ""
        };
        let message = format!("{what} is {value}: give a number from {least} to {most}{hint}");
        self.wrong(found.referenced, message);
        0
    }

    /// A percentage of 1 to 100.
    pub(super) fn percent(&mut self, what: &str, found: &Spanned<i64>) -> u8 {
        u8::try_from(self.number(what, found, 1, 100)).unwrap_or(100)
    }

    /// A duration such as `1m30s`, in milliseconds.
    pub(super) fn duration(&mut self, what: &str, found: &Spanned<String>) -> u64 {
        match milliseconds(&found.value) {
            Some(ms) if ms <= LONGEST_MS => ms,
            Some(_) => {
                let message = format!("{what} is {}: at most 24h", found.value);
                self.wrong(found.referenced, message);
                0
            }
            None => {
                let message = format!(
                    "{what} is {:?}: give a duration such as 10s, 1m30s or 250ms",
                    found.value
                );
                self.wrong(found.referenced, message);
                0
            }
        }
    }
}

/// Milliseconds of a duration as Gateway API writes it (GEP-2257), of any order of units.
fn milliseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let mut units = UNITS.iter();
        let (tail, unit) =
            units.find_map(|(name, unit)| Some((tail.strip_prefix(name)?, *unit)))?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations_are_read() {
        assert_eq!(milliseconds("1m30s"), Some(90_000));
        assert_eq!(milliseconds("250ms"), Some(250));
        assert_eq!(milliseconds("0s"), Some(0));
        for bad in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "1d",
            "1s ",
            "99999999999999999999h",
        ] {
            assert_eq!(milliseconds(bad), None, "{bad}");
        }
    }
}
