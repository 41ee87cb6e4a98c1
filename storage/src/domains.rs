//! Whether the loss of one failure domain would lose the quorum. Pure: judged from who votes and where each stands.

use std::collections::BTreeMap;

use causeway_api::ReplicaId;

/// Voters, each with its declared failure domain; an empty one: none was declared, so it is lost with nobody else.
pub type Voters = BTreeMap<ReplicaId, String>;

/// Why a change of voters is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainRisk {
    /// Nobody would be left.
    #[error("the last voter cannot be removed: a clusterset without one decides nothing")]
    NobodyLeft,
    /// A domain would hold too many.
    #[error(
        "{lost} of {voters} voters would stand in failure domain {domain:?}, whose loss would leave {left} where {quorum} are needed: \
         place the replica in another domain, or add one elsewhere first"
    )]
    OneDomain {
        /// The domain.
        domain: String,
        /// Voters in it.
        lost: usize,
        /// All voters.
        voters: usize,
        /// What its loss would leave.
        left: usize,
        /// How many are needed.
        quorum: usize,
    },
    /// There would be too few to lose any.
    #[error(
        "{voters} voters would be left, and the loss of one more would end all decisions: add a replica in the place of the one \
         that goes (causeway replica add ID --replace {removed})"
    )]
    TooFew {
        /// All voters.
        voters: usize,
        /// One that would go.
        removed: ReplicaId,
    },
}

/// How many of so many voters decide.
#[must_use]
pub fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

/// The domain whose loss would lose the quorum, if there is one.
#[must_use]
pub fn weakest(voters: &Voters) -> Option<DomainRisk> {
    let quorum = quorum(voters.len());
    let mut domains: BTreeMap<&str, usize> = BTreeMap::new();
    let mut alone = 0;
    for domain in voters.values() {
        if domain.is_empty() {
            alone = 1;
        } else {
            *domains.entry(domain).or_default() += 1;
        }
    }
    let declared = domains.into_iter();
    let worst = declared
        .chain((alone > 0).then_some(("", 1)))
        .max_by_key(|(_, lost)| *lost);
    let (domain, lost) = worst?;
    let left = voters.len() - lost;
    (left < quorum).then(|| DomainRisk::OneDomain {
        domain: domain.to_owned(),
        lost,
        voters: voters.len(),
        left,
        quorum,
    })
}

/// Judges a change of voters. What cannot be avoided is allowed: one or two voters never outlive the loss of one, and are
/// where every clusterset begins.
///
/// # Errors
/// [`DomainRisk`] where the change would make the loss of one domain the loss of the quorum.
pub fn judge(before: &Voters, after: &Voters) -> Result<(), DomainRisk> {
    if after.is_empty() {
        return Err(DomainRisk::NobodyLeft);
    }
    if after == before {
        return Ok(());
    }
    let Some(risk) = weakest(after) else {
        return Ok(());
    };
    if after.len() <= 2 {
        let removed = before.keys().find(|id| !after.contains_key(id));
        return match removed {
            Some(removed) if weakest(before).is_none() => Err(DomainRisk::TooFew {
                voters: after.len(),
                removed: *removed,
            }),
            _ => Ok(()),
        };
    }
    Err(risk)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    fn voters(domains: &[&str]) -> Voters {
        let ids = (1..).map(ReplicaId);
        ids.zip(domains.iter().map(|d| (*d).to_owned())).collect()
    }

    #[test]
    fn a_clusterset_grows_from_one_to_three_and_a_dead_one_is_replaced() {
        let (one, two) = (voters(&["a"]), voters(&["a", "b"]));
        let three = voters(&["a", "b", "c"]);
        judge(&Voters::new(), &one).unwrap();
        judge(&one, &two).unwrap();
        judge(&two, &three).unwrap();
        judge(&two, &one).unwrap();
        let text = judge(&three, &two).unwrap_err().to_string();
        assert!(text.contains("--replace r3"), "{text}");
        let text = judge(&two, &voters(&["a", "b", "b"]))
            .unwrap_err()
            .to_string();
        assert!(text.contains("2 of 3") && text.contains("\"b\""), "{text}");
        // Undeclared domains are lost one by one.
        judge(&two, &voters(&["a", "b", ""])).unwrap();
        judge(&two, &voters(&["", "", ""])).unwrap();
        // Four in four domains outlive one; four of which two stand together do not.
        judge(&three, &voters(&["a", "b", "c", "d"])).unwrap();
        assert!(judge(&three, &voters(&["a", "b", "c", "c"])).is_err());
        let mut replaced = three.clone();
        replaced.remove(&ReplicaId(3));
        replaced.insert(ReplicaId(4), "c".into());
        judge(&three, &replaced).unwrap();
        assert_eq!(judge(&one, &Voters::new()), Err(DomainRisk::NobodyLeft));
    }

    fn any_voters() -> impl Strategy<Value = Voters> {
        btree_map((1_u64..9).prop_map(ReplicaId), "[abc]?", 0..8)
    }

    fn survives(voters: &Voters, domain: &str) -> bool {
        let left = voters.values().filter(|d| *d != domain).count();
        left > voters.len() / 2
    }

    proptest! {
        #[test]
        fn what_is_allowed_with_three_or_more_outlives_each_domain_and_each_replica(before in any_voters(), after in any_voters()) {
            if judge(&before, &after).is_ok() && after.len() > 2 && before != after {
                for domain in ["a", "b", "c"] {
                    prop_assert!(survives(&after, domain));
                }
                prop_assert!(after.len() > after.len() / 2 + 1);
            }
        }

        #[test]
        fn what_is_refused_has_a_domain_that_must_not_be_lost(before in any_voters(), after in any_voters()) {
            match judge(&before, &after) {
                Err(DomainRisk::OneDomain { domain, .. }) => prop_assert!(!survives(&after, &domain)),
                Err(DomainRisk::TooFew { .. }) => {
                    prop_assert!(after.len() <= 2 && weakest(&before).is_none());
                }
                Err(DomainRisk::NobodyLeft) => prop_assert!(after.is_empty()),
                Ok(()) => {}
            }
        }

        #[test]
        fn names_of_domains_do_not_matter(before in any_voters(), after in any_voters()) {
            let other = |voters: &Voters| -> Voters {
                let rename = |d: &String| if d.is_empty() { d.clone() } else { format!("x-{d}") };
                voters.iter().map(|(id, d)| (*id, rename(d))).collect()
            };
            prop_assert_eq!(judge(&before, &after).is_ok(), judge(&other(&before), &other(&after)).is_ok());
        }
    }
}
