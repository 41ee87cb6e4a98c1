//! What is declared in the host cluster is in force, and nothing else: nothing is withdrawn that somebody declares, however the
//! host cluster's lists came about; and what was deleted is gone once all is whole, also where nobody saw the deletion.
//!
//! A member's removal withdraws its services everywhere: a list that was cut off must not be taken for a wish.

use std::collections::BTreeSet;

use causeway_api::registry::ObjectKey;
use causeway_state::Command;

/// Judges a command that was accepted. `declared` tells whether an object stands in the host cluster.
///
/// # Errors
/// Where it takes back what is declared.
pub fn judge(command: &Command, declared: impl Fn(&ObjectKey) -> bool) -> Result<(), String> {
    let taken = match command {
        Command::RemoveMember(name) => ObjectKey::Member(name.clone()),
        Command::RemovePolicy(key) => ObjectKey::Policy(key.clone()),
        Command::Withdraw { object, .. } => object.clone(),
        _ => return Ok(()),
    };
    match declared(&taken) {
        true => Err(format!("{taken} was withdrawn, and is declared")),
        false => Ok(()),
    }
}

/// Judges what is in force where all is whole.
///
/// # Errors
/// What is in force and not declared, or declared and not in force.
pub fn judge_whole(
    in_force: &BTreeSet<ObjectKey>,
    declared: &BTreeSet<ObjectKey>,
) -> Result<(), String> {
    if let Some(stale) = in_force.difference(declared).next() {
        return Err(format!("{stale} is in force, and was deleted"));
    }
    match declared.difference(in_force).next() {
        Some(missing) => Err(format!("{missing} is declared, and not in force")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nobody_takes_back_what_is_declared() {
        let command = Command::RemoveMember("a".parse().unwrap());
        let member = ObjectKey::Member("a".parse().unwrap());
        judge(&command, |_| false).unwrap();
        let found = judge(&command, |object| *object == member).unwrap_err();
        assert!(found.contains('a'), "{found}");
        judge(&Command::Tick { elapsed_ms: 1 }, |_| true).unwrap();
    }

    #[test]
    fn what_is_in_force_is_what_is_declared() {
        let (none, one) = (
            BTreeSet::new(),
            BTreeSet::from([ObjectKey::Member("a".parse().unwrap())]),
        );
        judge_whole(&one, &one).unwrap();
        assert!(judge_whole(&none, &one).is_err());
        assert!(judge_whole(&one, &none).is_err());
    }
}
