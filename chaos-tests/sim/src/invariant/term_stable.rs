//! No election without a cause: while a majority is well and hears its leader, nobody outside of it raises the term. A
//! replica that was cut off and comes back must not depose a leader that all others follow (Cloudflare, November 2020).

use std::time::Duration;

/// How long a fault is a cause.
const CAUSE: Duration = Duration::from_secs(3);

/// The term, and whether it may rise.
#[derive(Debug, Default)]
pub struct TermStable {
    term: u64,
    /// Until when an election has a cause; `None`: from the beginning until it is first told.
    until: Option<Duration>,
    lasting: bool,
}

impl TermStable {
    /// A fault touches the majority, or its leader, at `now`: an election may follow.
    pub fn disturbed(&mut self, now: Duration) {
        self.until = Some(now + CAUSE);
    }

    /// Whether such a fault lasts.
    pub fn lasts(&mut self, lasting: bool, now: Duration) {
        if self.lasting && !lasting {
            self.disturbed(now);
        }
        self.lasting = lasting;
    }

    /// A replica is in a term.
    ///
    /// # Errors
    /// Where the term rose without a cause: the invariant's name, and what was found.
    pub fn see(
        &mut self,
        replica: u64,
        term: u64,
        now: Duration,
    ) -> Result<(), (&'static str, String)> {
        if term <= self.term {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.term, term);
        let caused = self.lasting || self.until.is_none_or(|until| now <= until);
        if caused {
            return Ok(());
        }
        Err((
            "term_stable",
            format!(
                "r{replica} is in term {term} after {before}, while a majority was well and had a leader"
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_term_that_rises_without_a_cause_is_found() {
        let at = Duration::from_secs;
        let mut stable = TermStable::default();
        stable.see(1, 1, at(1)).unwrap();
        stable.disturbed(at(2));
        stable.see(2, 2, at(4)).unwrap();
        stable.see(1, 2, at(60)).unwrap();
        stable.lasts(true, at(61));
        stable.see(1, 3, at(80)).unwrap();
        stable.lasts(false, at(90));
        stable.see(1, 4, at(91)).unwrap();
        assert!(stable.see(1, 5, at(100)).is_err());
    }
}
