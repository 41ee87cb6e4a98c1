//! Every agent holds the newest view: once everything is whole, exactly what the leader would send to an agent that holds
//! nothing, tombstones left out.

use std::collections::BTreeMap;

use causeway_api::MemberName;
use causeway_api::view::{OwnerView, Versioned, View};

/// Compares what an agent holds with what the leader would send.
///
/// # Errors
/// The first part that differs.
pub fn judge(agent: &View, leader: &View) -> Result<(), String> {
    if agent.settings != leader.settings {
        return Err(format!(
            "the settings are of {}, and the newest are of {}",
            agent.settings.generation, leader.settings.generation
        ));
    }
    same("service", &agent.services, &leader.services)?;
    same("network", &agent.networks, &leader.networks)?;
    let (held, newest) = (spoken(agent), spoken(leader));
    if held.keys().ne(newest.keys()) {
        return Err(format!(
            "it holds words of {:?}, and there are some of {:?}",
            held.keys(),
            newest.keys()
        ));
    }
    for (owner, word) in held {
        if newest
            .get(owner)
            .is_none_or(|newest| newest.services != word.services || newest.network != word.network)
        {
            return Err(format!(
                "the word of {owner} is {word:?}, and the newest is {:?}",
                newest.get(owner)
            ));
        }
    }
    Ok(())
}

/// Owners that say something of a service.
fn spoken(view: &View) -> BTreeMap<&MemberName, &OwnerView> {
    let owners = view.owners.iter();
    owners
        .filter(|(_, part)| !part.services.is_empty())
        .collect()
}

fn same<K: Ord + std::fmt::Debug, T: PartialEq>(
    what: &str,
    held: &BTreeMap<K, Versioned<T>>,
    newest: &BTreeMap<K, Versioned<T>>,
) -> Result<(), String> {
    let keys = held.keys().chain(newest.keys());
    for key in keys {
        let part = |parts: &BTreeMap<K, Versioned<T>>| {
            let part = parts.get(key).filter(|part| part.value.is_some());
            part.map(|part| part.generation)
        };
        let (found, wanted) = (part(held), part(newest));
        let alike = found.is_none()
            || held.get(key).map(|part| &part.value) == newest.get(key).map(|part| &part.value);
        if found != wanted || !alike {
            return Err(format!(
                "the {what} {key:?} is of {found:?}, and the newest is of {wanted:?}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::Generation;

    use super::*;

    fn parts(index: u64, value: Option<u8>) -> BTreeMap<u8, Versioned<u8>> {
        let generation = Generation {
            index,
            ..Generation::default()
        };
        BTreeMap::from([(1, Versioned { generation, value })])
    }

    #[test]
    fn an_older_part_is_found_and_a_tombstone_is_nothing() {
        let none = BTreeMap::new();
        same("part", &parts(3, None), &none).unwrap();
        same("part", &none, &parts(3, None)).unwrap();
        same("part", &parts(3, Some(1)), &parts(3, Some(1))).unwrap();
        assert!(same("part", &parts(3, Some(2)), &parts(3, Some(1))).is_err());
        assert!(same("part", &parts(2, Some(1)), &parts(3, Some(1))).is_err());
        assert!(same("part", &none, &parts(3, Some(1))).is_err());
        judge(&View::default(), &View::default()).unwrap();
    }
}
