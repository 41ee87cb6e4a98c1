//! Our conditions as the Kubernetes API has them.

use causeway_crds::conditions::{self, Desired, Status};
use causeway_seam::WallClock;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use crate::admin::api::{Condition, ConditionStatus};

/// Says them, and drops those that nobody says any more.
pub(crate) fn say(
    said: &mut Vec<meta::Condition>,
    found: &[Condition],
    generation: Option<i64>,
    now: WallClock,
) {
    said.retain(|old| found.iter().any(|new| new.kind == old.type_));
    for condition in found {
        let desired = Desired {
            type_: &condition.kind,
            status: match condition.status {
                ConditionStatus::True => Status::True,
                ConditionStatus::False => Status::False,
                ConditionStatus::Unknown => Status::Unknown,
            },
            reason: word(&condition.reason),
            message: &condition.message,
            observed_generation: generation,
        };
        conditions::set(said, &desired, &conditions::time(now.0));
    }
}

/// The API refuses a reason that is no word; an agent may report anything.
fn word(reason: &str) -> &str {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ',' | ':');
    let begins = reason.starts_with(|c: char| c.is_ascii_alphabetic());
    let ends = reason.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if begins && ends && reason.len() <= 1024 && reason.chars().all(sound) {
        reason
    } else {
        "Other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_word_is_not_sent_as_one() {
        assert_eq!(word("ForeignObject"), "ForeignObject");
        for bad in ["", "two words", "9lives", "Ends:"] {
            assert_eq!(word(bad), "Other");
        }
    }
}
