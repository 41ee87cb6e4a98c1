//! TrafficShifts that were refused because nobody was where they lead away from. What was refused is not asked for again
//! until it is edited; these are, once a member is there: a GitOps controller may well apply an override before its member.

use std::collections::BTreeSet;

use causeway_api::domain::Domain;
use causeway_api::shift::{Shift, ShiftAction};
use causeway_state::State;
use causeway_state::outcome::Refusal;

use super::declared::Rows;
use super::kind::Kind;

/// The TrafficShifts that wait for a member, by name.
#[derive(Debug, Default)]
pub(super) struct Again {
    waiting: BTreeSet<String>,
}

impl Again {
    /// An object was refused; what is to be said of it.
    pub(super) fn refused(&mut self, kind: Kind, name: &str, refusal: &Refusal) -> String {
        let nobody = matches!(refusal, Refusal::Malformed { field, .. } if field == "awayFrom");
        if kind == Kind::Shift && nobody {
            self.waiting.insert(name.to_owned());
            return format!("{refusal}; it is tried again once a member is there");
        }
        refusal.to_string()
    }

    /// Those that are to be tried again.
    pub(super) fn due(&mut self, state: &State, rows: &Rows) -> Vec<String> {
        let mut due = Vec::new();
        self.waiting.retain(|name| {
            // Gone, or edited meanwhile.
            let Some(row) = rows.shifts.get(name).filter(|row| row.refused.is_some()) else {
                return false;
            };
            let there = row.declared.as_ref().ok().and_then(domain);
            let there = there.is_some_and(|domain| !state.members_in(domain).is_empty());
            if there {
                due.push(name.clone());
            }
            !there
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
                let why = again.refused(Kind::Shift, NAME, &refusal);
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
    fn what_was_refused_for_another_reason_or_was_edited_is_not() {
        let mut world = world();
        let (declared, mut again) = (declared("late"), Again::default());
        let other = Refusal::Malformed {
            object: NAME.to_owned(),
            field: "expiresAfter".to_owned(),
            message: "too long".to_owned(),
        };
        assert_eq!(again.refused(Kind::Shift, NAME, &other), other.to_string());
        declared.refuse(Kind::Shift, NAME, other.to_string());
        world.member("late");
        assert!(again.due(&world.state, &declared.rows()).is_empty());
        // Refused for its member, and edited before that came.
        let nobody = Refusal::Malformed {
            object: NAME.to_owned(),
            field: "awayFrom".to_owned(),
            message: "nobody".to_owned(),
        };
        again.refused(Kind::Shift, NAME, &nobody);
        declared.forgive(Kind::Shift, NAME);
        assert!(again.due(&world.state, &declared.rows()).is_empty());
    }
}
