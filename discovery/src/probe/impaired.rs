//! An observer suspects itself first.
//!
//! Where most of what it could reach fails at once, its own uplink is the likelier cause, and what it holds of others is
//! worth nothing: it reports itself impaired, and all its votes are abstentions until it reaches most of it again. The
//! question comes up with the first subject that it suspects, before it votes against it; what fails counts from the first
//! failure on, since the others are about to be suspected too. What failed while it was impaired says nothing of anybody:
//! when it leaves that state every detector begins its run of failures anew.
//!
//! Counted are *places* (regions, where they are known), not subjects: a region with most of the members is one place, and
//! that it is lost must not silence those who see it. A place fails where everything in it does that was ever reached.
//! With fewer than three places nobody can tell the two apart, and nobody is impaired: whoever observes alone from one of
//! two regions takes its own loss for the other's.

use std::collections::BTreeMap;

/// Fewer places than this tell nothing of the observer.
pub const PLACES: usize = 3;

/// What an observer holds of a subject that it reached at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held<'a, Place> {
    /// Where the subject is.
    pub place: &'a Place,
    /// Whether the last attempt on it failed.
    pub failing: bool,
    /// Whether it is suspected.
    pub suspected: bool,
}

/// Whether an observer is impaired, given whether it was: `all` that it ever reached.
#[must_use]
pub fn impaired<'a, Place: Ord + 'a>(
    was: bool,
    all: impl Iterator<Item = Held<'a, Place>>,
) -> bool {
    let mut places: BTreeMap<&Place, bool> = BTreeMap::new();
    let mut suspects = was;
    for held in all {
        *places.entry(held.place).or_insert(true) &= held.failing;
        suspects |= held.suspected;
    }
    let failing = places.values().filter(|failing| **failing).count();
    suspects && places.len() >= PLACES && failing * 2 > places.len()
}

#[cfg(test)]
mod tests {
    use super::{Held, impaired};

    /// Places, each with the letters of its subjects: `.` reached, `x` failing, `S` suspected.
    fn sees(was: bool, fleet: &[(&str, &str)]) -> bool {
        let held = fleet.iter().flat_map(|(place, subjects)| {
            subjects.chars().map(move |letter| Held {
                place,
                failing: letter != '.',
                suspected: letter == 'S',
            })
        });
        impaired(was, held)
    }

    #[test]
    fn who_reaches_little_suspects_itself_before_anybody_else() {
        assert!(sees(false, &[("a", "."), ("b", "xS"), ("c", "x")]));
        assert!(sees(false, &[("a", "S"), ("b", "S"), ("c", "S")]));
        assert!(
            !sees(false, &[("a", "."), ("b", "xx"), ("c", "x")]),
            "nobody is suspected yet"
        );
    }

    #[test]
    fn it_stays_so_until_it_reaches_most_places_again() {
        assert!(sees(true, &[("a", "."), ("b", "xx"), ("c", "x")]));
        assert!(!sees(true, &[("a", "."), ("b", "x."), ("c", "x")]));
    }

    #[test]
    fn one_place_of_three_is_that_places_trouble_however_many_members_it_has() {
        let many = "S".repeat(50);
        assert!(!sees(false, &[("a", "."), ("b", "."), ("c", &many)]));
    }

    #[test]
    fn with_two_places_nobody_can_tell() {
        assert!(!sees(false, &[("a", "."), ("b", "S")]));
        assert!(!sees(false, &[]));
    }
}
