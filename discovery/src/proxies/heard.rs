//! The last answers of all proxies → one word on each service and network, or none.
//!
//! * Ejected, where all that have something to say eject it.
//! * Well, where one of them sends requests there and does not eject it.
//! * Nothing, where nobody has anything to say: who sends nothing there has no errors either.
//!
//! A proxy that stops answering is taken at its last word for [`FRESH`]; after that it says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_seam::Monotonic;

use super::Pair;
use super::page::Says;

/// For how long an answer counts.
pub const FRESH: Duration = Duration::from_secs(30);
/// For how long a request shows that a proxy uses a network.
pub const USED: Duration = Duration::from_secs(60);

/// The last answers.
#[derive(Debug, Clone)]
pub struct Heard<P> {
    answers: BTreeMap<P, Answer>,
}

#[derive(Debug, Clone)]
struct Answer {
    at: Monotonic,
    rows: BTreeMap<Pair, Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    says: Says,
    /// When it was last seen to have sent more than before.
    used: Option<Monotonic>,
}

impl<P> Default for Heard<P> {
    fn default() -> Self {
        Self {
            answers: BTreeMap::new(),
        }
    }
}

impl<P: Ord + Clone> Heard<P> {
    /// A proxy answered.
    pub fn answered(&mut self, proxy: &P, now: Monotonic, says: BTreeMap<Pair, Says>) {
        let before = self.answers.remove(proxy).map(|answer| answer.rows);
        let row = |(pair, says): (Pair, Says)| {
            let old = before.as_ref().and_then(|rows| rows.get(&pair));
            let used = match old {
                Some(old) if old.says.sent == says.sent => old.used,
                Some(_) => Some(now),
                None => None,
            };
            (pair, Row { says, used })
        };
        let rows = says.into_iter().map(row).collect();
        self.answers.insert(proxy.clone(), Answer { at: now, rows });
    }

    /// There are these proxies and no others; and what is too old is forgotten.
    pub fn keep(&mut self, proxies: &BTreeSet<P>, now: Monotonic) {
        self.answers
            .retain(|proxy, answer| proxies.contains(proxy) && now.since(answer.at) <= FRESH);
    }

    /// How many answers count.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.answers.len()
    }

    /// Whether each of what anybody says something of is ejected.
    #[must_use]
    pub fn words(&self, now: Monotonic) -> BTreeMap<Pair, bool> {
        let mut words: BTreeMap<Pair, bool> = BTreeMap::new();
        for (pair, row) in self.answers.values().flat_map(|answer| &answer.rows) {
            let used = row.used.is_some_and(|at| now.since(at) <= USED);
            if row.says.ejects || used {
                *words.entry(pair.clone()).or_insert(true) &= row.says.ejects;
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pair() -> Pair {
        ("shop/cart".parse().unwrap(), "hz".parse().unwrap())
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(seconds))
    }

    fn says(ejects: bool, sent: u64) -> BTreeMap<Pair, Says> {
        [(pair(), Says { ejects, sent })].into()
    }

    #[test]
    fn all_that_use_it_must_eject_it() {
        let mut heard = Heard::default();
        heard.answered(&1, at(0), says(true, 9));
        assert_eq!(heard.words(at(0)), [(pair(), true)].into());
        // Another that sends nothing there has no errors, and no word.
        heard.answered(&2, at(0), says(false, 5));
        heard.answered(&2, at(2), says(false, 5));
        assert_eq!(heard.words(at(2)), [(pair(), true)].into());
        heard.answered(&2, at(4), says(false, 6));
        assert_eq!(heard.words(at(4)), [(pair(), false)].into());
        // It has not sent anything for a minute.
        heard.answered(&2, at(65), says(false, 6));
        assert_eq!(heard.words(at(65)), [(pair(), true)].into());
        heard.answered(&1, at(66), says(false, 9));
        assert_eq!(heard.words(at(66)), BTreeMap::new(), "nobody has a word");
        // A restarted one counts anew, and it was used.
        heard.answered(&1, at(68), says(false, 1));
        assert_eq!(heard.words(at(68)), [(pair(), false)].into());
    }

    #[test]
    fn who_does_not_answer_is_taken_at_its_last_word_for_a_while() {
        let mut heard = Heard::default();
        heard.answered(&1, at(0), says(true, 9));
        heard.keep(&[1].into(), at(30));
        assert_eq!((heard.answers(), heard.words(at(30)).len()), (1, 1));
        heard.keep(&[1].into(), at(31));
        assert_eq!((heard.answers(), heard.words(at(31)).len()), (0, 0));
        heard.answered(&1, at(32), says(true, 9));
        heard.keep(&[2].into(), at(32));
        assert_eq!(heard.answers(), 0, "it is no proxy any more");
    }
}
