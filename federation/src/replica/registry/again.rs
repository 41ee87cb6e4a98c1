//! TrafficShifts that were refused for what may end without them: nobody was where they lead away from, or they would last
//! longer than the root policy allows. What was refused is not asked for again until it is edited; these are, once a member is
//! there, or the policy allows it: a GitOps controller may well apply an override before its member or its policy.

use std::collections::BTreeMap;

use causeway_api::domain::Domain;
use causeway_api::shift::{Shift, ShiftAction};
use causeway_failover::policy;
use causeway_state::State;
use causeway_state::outcome::Refusal;

use super::declared::Rows;
use super::kind::Kind;

/// The TrafficShifts that wait for something, by name.
#[derive(Debug, Default)]
pub(super) struct Again {
    waiting: BTreeMap<String, Waits>,
}

/// What one waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// A member in its domain.
    Member,
    /// That the root policy lets it last so long.
    Life,
}

impl Waits {
    fn is_over(self, state: &State, shift: &Shift) -> bool {
        match self {
            Self::Member => domain(shift).is_some_and(|at| !state.members_in(at).is_empty()),
            Self::Life => !too_long(state, shift),
        }
    }
}

/// Whether the root policy lets no override last so long.
fn too_long(state: &State, shift: &Shift) -> bool {
    let limit = policy::root(&state.policies).max_override_ms;
    limit.is_some_and(|limit_ms| shift.expires_after_ms > limit_ms)
}

impl Again {
    /// An object was refused by a state like this; what is to be said of it.
    pub(super) fn refused(
        &mut self,
        (kind, name): (Kind, &str),
        refusal: &Refusal,
        state: &State,
        rows: &Rows,
    ) -> String {
        let Refusal::Malformed { field, .. } = refusal else {
            return refusal.to_string();
        };
        let row = rows.shifts.get(name).filter(|_| kind == Kind::Shift);
        let Some(shift) = row.and_then(|row| row.declared.as_ref().ok()) else {
            return refusal.to_string();
        };
        let (waits, once) = match field.as_str() {
            "awayFrom" => (Waits::Member, "a member is there"),
            // It may be longer than any override may last.
            "expiresAfter" if too_long(state, shift) => (Waits::Life, "that policy allows it"),
            _ => return refusal.to_string(),
        };
        self.waiting.insert(name.to_owned(), waits);
        format!("{refusal}; it is tried again once {once}")
    }

    /// Those that are to be tried again.
    pub(super) fn due(&mut self, state: &State, rows: &Rows) -> Vec<String> {
        let mut due = Vec::new();
        self.waiting.retain(|name, waits| {
            // Gone, or edited meanwhile.
            let Some(row) = rows.shifts.get(name).filter(|row| row.refused.is_some()) else {
                return false;
            };
            let shift = row.declared.as_ref().ok();
            let over = shift.is_some_and(|shift| waits.is_over(state, shift));
            if over {
                due.push(name.clone());
            }
            !over
        });
        due
    }
}

/// Where an override leads away from, or back to.
fn domain(shift: &Shift) -> Option<&Domain> {
    match &shift.action {
        ShiftAction::Evacuate(domain) | ShiftAction::Restore(domain) => Some(domain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use causeway_state::command::Command;
    use causeway_state::{Outcome, apply_next};
    use serde_json::json;

    use super::*;
    use crate::replica::registry::declared::Declared;
    use crate::replica::status::world::{World, object};

    const NAME: &str = "causeway-system/leave";

    fn world() -> World {
        let mut world = World::new();
        apply_next(&mut world.state, Command::RaiseLevel { level: 2 });
        world
    }

    fn declared(member: &str) -> Declared {
        let declared = Declared::default();
        let spec = json!({
            "action": "Evacuate", "awayFrom": { "member": member }, "expiresAfter": "1h", "reason": "x",
            "requestedBy": "ann",
        });
        let root = "causeway-system".parse().unwrap();
        let shift = object("TrafficShift", "leave", Some("causeway-system"), spec);
        declared.applied(Kind::Shift, shift, &root);
        declared
    }

    /// As the log answers, told to `again`.
    fn ask(world: &mut World, declared: &Declared, again: &mut Again) -> bool {
        let shift = declared.rows().shifts.get(NAME).cloned().unwrap();
        let shift = shift.declared.as_ref().unwrap().clone();
        match apply_next(&mut world.state, Command::PutShift(shift)) {
            Outcome::Refused(refusal) => {
                let rows = declared.rows();
                let why = again.refused((Kind::Shift, NAME), &refusal, &world.state, &rows);
                declared.refuse(Kind::Shift, NAME, why);
                true
            }
            _ => false,
        }
    }

    #[test]
    fn one_that_waits_for_its_member_is_tried_again_once_when_it_is_there() {
        let mut world = world();
        let (declared, mut again) = (declared("late"), Again::default());
        assert!(ask(&mut world, &declared, &mut again));
        let rows = declared.rows();
        let why = rows.shifts.get(NAME).unwrap().refused.clone().unwrap();
        assert!(
            why.contains("no member is in member/late") && why.contains("tried again"),
            "{why}"
        );
        assert!(again.due(&world.state, &rows).is_empty());
        world.member("other");
        assert!(again.due(&world.state, &rows).is_empty());
        world.member("late");
        assert_eq!(again.due(&world.state, &rows), [NAME]);
        assert!(again.due(&world.state, &rows).is_empty(), "once");
        declared.forgive(Kind::Shift, NAME);
        assert!(
            !ask(&mut world, &declared, &mut again),
            "it comes into force"
        );
    }

    #[test]
    fn one_that_would_last_too_long_is_tried_again_once_the_root_policy_allows_it() {
        let mut world = world();
        world.member("late");
        let limit = |most: &str| json!({ "limits": { "maxShiftDuration": most } });
        world.policy("causeway-system", "defaults", limit("30m"));
        let (declared, mut again) = (declared("late"), Again::default());
        assert!(ask(&mut world, &declared, &mut again));
        let rows = declared.rows();
        let why = rows.shifts.get(NAME).unwrap().refused.clone().unwrap();
        assert!(
            why.contains("limits.maxShiftDuration") && why.contains("tried again once that policy"),
            "{why}"
        );
        assert!(again.due(&world.state, &rows).is_empty());
        world.policy("causeway-system", "defaults", limit("45m"));
        assert!(again.due(&world.state, &rows).is_empty(), "it asks for 1h");
        world.policy("causeway-system", "defaults", limit("2h"));
        assert_eq!(again.due(&world.state, &rows), [NAME]);
        assert!(again.due(&world.state, &rows).is_empty(), "once");
        declared.forgive(Kind::Shift, NAME);
        assert!(
            !ask(&mut world, &declared, &mut again),
            "it comes into force"
        );
    }

    #[test]
    fn what_was_refused_for_another_reason_or_was_edited_is_not() {
        let mut world = world();
        let (declared, mut again) = (declared("late"), Again::default());
        let other = Refusal::Malformed {
            object: NAME.to_owned(),
            field: "expiresAfter".to_owned(),
            message: "too long".to_owned(),
        };
        let said = again.refused((Kind::Shift, NAME), &other, &world.state, &declared.rows());
        assert_eq!(said, other.to_string());
        declared.refuse(Kind::Shift, NAME, other.to_string());
        world.member("late");
        assert!(again.due(&world.state, &declared.rows()).is_empty());
        // Refused for its member, and edited before that came.
        let nobody = Refusal::Malformed {
            object: NAME.to_owned(),
            field: "awayFrom".to_owned(),
            message: "nobody".to_owned(),
        };
        let rows = declared.rows();
        again.refused((Kind::Shift, NAME), &nobody, &world.state, &rows);
        declared.forgive(Kind::Shift, NAME);
        assert!(again.due(&world.state, &declared.rows()).is_empty());
    }
}
