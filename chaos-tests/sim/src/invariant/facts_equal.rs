//! Facts converge: once everything is whole, every replica holds the same of each owner, whoever heard it first.

use std::collections::BTreeMap;

use causeway_api::{FactVersion, MemberName};

/// What one replica holds: of each owner the version and the fingerprint.
pub type Held = BTreeMap<MemberName, (FactVersion, u64)>;

/// Judges what all replicas hold.
///
/// # Errors
/// Of whom two replicas hold something else.
pub fn judge(replicas: &BTreeMap<u64, Held>) -> Result<(), String> {
    let Some((first, held)) = replicas.first_key_value() else {
        return Ok(());
    };
    for (id, other) in replicas {
        if held.keys().ne(other.keys()) {
            return Err(format!(
                "r{first} holds facts of {:?}, and r{id} of {:?}",
                held.keys(),
                other.keys()
            ));
        }
        for (owner, (version, digest)) in held {
            let found = other.get(owner).copied().unwrap_or_default();
            if found != (*version, *digest) {
                return Err(format!(
                    "of {owner} r{first} holds {version} ({digest:016x}), and r{id} {} ({:016x})",
                    found.0, found.1
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn held(sequence: u64, digest: u64) -> Held {
        let version = FactVersion { epoch: 1, sequence };
        BTreeMap::from([("a".parse().unwrap(), (version, digest))])
    }

    #[test]
    fn what_differs_is_named() {
        let mut replicas = BTreeMap::from([(1, held(7, 1)), (2, held(7, 1))]);
        judge(&replicas).unwrap();
        replicas.insert(3, held(6, 1));
        assert!(judge(&replicas).unwrap_err().contains("r3 1.6"));
        replicas.insert(3, held(7, 2));
        assert!(judge(&replicas).is_err());
        replicas.insert(3, Held::new());
        assert!(judge(&replicas).is_err());
    }
}
