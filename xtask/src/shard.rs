//! A part of long work: the `K`th of `N` equal parts, which together are all of it.

use std::fmt;
use std::str::FromStr;

/// How a process that `verify` starts is told its part.
pub(crate) const VARIABLE: &str = "CAUSEWAY_SHARD";

/// The `part`th of `of` parts, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    part: usize,
    pub(crate) of: usize,
}

impl Shard {
    /// Whether the thing at this place, from 0 on, is in this part. Neighbours are in different parts, so that each part has
    /// something of everything.
    pub(crate) fn has(self, at: usize) -> bool {
        at % self.of == self.part - 1
    }

    /// A part of so many, but no fewer than `least`.
    pub(crate) fn share(self, all: u32, least: u32) -> u32 {
        let of = u32::try_from(self.of).unwrap_or(u32::MAX);
        (all / of).max(least)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err(format!(
                "'{text}' is no part: say K/N, such as 1/40 for the first of forty, with K from 1 to N"
            )),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_parts_together_are_all_and_none_is_in_two() {
        for of in 1..=7 {
            let parts: Vec<Shard> = (1..=of)
                .map(|part| format!("{part}/{of}").parse().unwrap())
                .collect();
            for at in 0..50 {
                assert_eq!(parts.iter().filter(|part| part.has(at)).count(), 1);
            }
        }
    }

    #[test]
    fn a_part_of_cases_is_never_fewer_than_usual() {
        let shard = |text: &str| text.parse::<Shard>().unwrap();
        assert_eq!(shard("1/1").share(8_192, 256), 8_192);
        assert_eq!(shard("3/4").share(8_192, 256), 2_048);
        assert_eq!(shard("3/40").share(8_192, 256), 256);
    }

    #[test]
    fn what_is_no_part_is_refused_with_an_example() {
        for text in ["", "1", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/4"] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains("1/40"), "{text}: {error}");
        }
        let shard: Shard = "4/4".parse().unwrap();
        assert_eq!(shard.to_string(), "4/4");
    }
}
