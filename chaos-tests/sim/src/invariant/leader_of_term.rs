//! A term has one leader.

use std::collections::BTreeMap;

/// Leaders, by term.
#[derive(Debug, Default)]
pub struct LeaderOfTerm {
    leaders: BTreeMap<u64, u64>,
}

impl LeaderOfTerm {
    /// A replica is in a term, and leads or does not.
    ///
    /// # Errors
    /// Where another leads in that term: the invariant's name, and what was found.
    pub fn see(
        &mut self,
        replica: u64,
        term: u64,
        leads: bool,
    ) -> Result<(), (&'static str, String)> {
        if !leads {
            return Ok(());
        }
        let held = *self.leaders.entry(term).or_insert(replica);
        if held == replica {
            return Ok(());
        }
        Err((
            "leader_of_term",
            format!("r{replica} leads in term {term}, in which r{held} led"),
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn two_leaders_of_one_term_are_found() {
        let mut leaders = LeaderOfTerm::default();
        leaders.see(1, 4, true).unwrap();
        leaders.see(2, 4, false).unwrap();
        leaders.see(2, 5, true).unwrap();
        assert!(leaders.see(2, 4, true).is_err());
    }
}
