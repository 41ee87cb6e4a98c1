//! The part of many seeds that one run is asked for.

/// Names the part as `K/N`: the `K`th of `N`, from 1 on. `cargo xtask verify --long --shard K/N` sets it.
const VARIABLE: &str = "CAUSEWAY_SHARD";

/// Those of these seeds that this run is asked for: all of them, or the part that the variable `CAUSEWAY_SHARD` names. All
/// parts together are all seeds.
///
/// # Panics
/// Where the variable names no part: nothing would be tried, and nobody would know.
#[allow(clippy::panic)]
pub fn part_of(seeds: impl Iterator<Item = u64>) -> impl Iterator<Item = u64> {
    let said = std::env::var(VARIABLE).unwrap_or_else(|_| "1/1".to_owned());
    let Some((part, of)) = parse(&said) else {
        panic!("{VARIABLE} is '{said}', and no part such as 1/40");
    };
    seeds.filter(move |seed| seed % of == part - 1)
}

fn parse(text: &str) -> Option<(u64, u64)> {
    let (part, of) = text.split_once('/')?;
    let (part, of) = (part.parse().ok()?, of.parse().ok()?);
    (1..=of).contains(&part).then_some((part, of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_of_so_many() {
        assert_eq!(parse("1/40"), Some((1, 40)));
        assert_eq!(parse("40/40"), Some((40, 40)));
        for text in ["", "1", "0/4", "5/4", "a/b"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
