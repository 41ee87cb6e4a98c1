//! Durations as Gateway API writes them (GEP-2257): `1h30m`, `10s`, `250ms`; no signs, no fractions.

/// Milliseconds; `None` where the text is no such duration.
#[must_use]
pub fn milliseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let mut rest = text;
    let mut total = 0u64;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        if !(1..=5).contains(&digits) || parts == 4 {
            return None;
        }
        let (tail, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((tail.strip_prefix(name)?, *unit)))?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        parts += 1;
        rest = tail;
    }
    (parts > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_gateway_api() {
        for (text, ms) in [
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("0s", 0),
            ("1m1ms", 60_001),
        ] {
            assert_eq!(milliseconds(text), Some(ms), "{text}");
        }
        for bad in [
            "",
            "10",
            "s",
            "1.5s",
            "-1s",
            "1d",
            "123456s",
            "1h1h1h1h1h",
            "1s ",
            "é",
        ] {
            assert_eq!(milliseconds(bad), None, "{bad}");
        }
    }
}
