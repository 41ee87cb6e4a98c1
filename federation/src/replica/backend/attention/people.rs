//! What waits for a person, and what stands still until one says otherwise.

use causeway_api::verdict::ObserverId;

use super::super::Sight;
use super::{Attention, of};
use crate::cli::text;
use crate::replica::impaired::impaired;
use crate::replica::status::counts::count;

/// Rows of one kind that are named; the rest is counted.
const NAMED: usize = 5;

pub(super) fn people(sight: &Sight<'_>) -> Vec<Attention> {
    let brain = &sight.look.state.brain;
    let mut all = Vec::new();
    if let Some(brake) = &brain.brake {
        all.push(Attention {
            command: Some(format!(
                "causeway approve brake@{} --reason TEXT",
                brake.generation
            )),
            ..of(
                "automation",
                format!(
                    "the fleet-wide brake is on: {} {} were lost at once and {} is {}; nothing moves by itself until a person \
                     releases it, or evacuates what is truly lost",
                    brake.found, brake.what, brake.field, brake.limit
                ),
            )
        });
    }
    let expired = brain.shifts.values().filter(|row| row.expired);
    all.extend(expired.map(|row| Attention {
        command: Some(format!(
            "causeway restore shift/{} --reason TEXT",
            row.shift.key
        )),
        ..of(
            format!("TrafficShift {}", row.shift.key),
            "its time is over, and it stays until a person ends it (onExpiry: Hold)",
        )
    }));
    all.extend(clock(sight));
    all.extend(blind(sight));
    all.extend(waiting(sight));
    all.extend(doubts(sight));
    all
}

/// Overrides that are to begin or to end at a time of day, which nobody can tell for sure.
fn clock(sight: &Sight<'_>) -> Option<Attention> {
    let why = sight.clock.as_ref()?;
    sight.look.state.next_shift_due_ms()?;
    Some(Attention {
        command: Some("causeway replica list".to_owned()),
        ..of(
            "calendar",
            format!("no override begins or ends at a time of day, since {why}"),
        )
    })
}

fn waiting(sight: &Sight<'_>) -> Vec<Attention> {
    let state = sight.look.state;
    let mut rows = super::super::overrides::waiting(state).into_iter();
    let named = rows.by_ref().take(NAMED).map(|row| Attention {
        command: Some(format!("causeway approve {} --reason TEXT", row.name)),
        since_ago_ms: Some(row.since_ago_ms),
        ..of(row.name, format!("waits for a person: {}", row.why))
    });
    let mut all: Vec<Attention> = named.collect();
    let more = rows.count();
    if more > 0 {
        let more = text::count(count(more), "thing waits", "things wait");
        all.push(of("approvals", format!("{more} for a person besides")));
    }
    all
}

/// Observers that suspect themselves.
fn blind(sight: &Sight<'_>) -> Vec<Attention> {
    let found = impaired(sight.look.state);
    let rows = found.into_iter().take(NAMED).map(|(observer, why)| {
        let (member, command) = match &observer {
            ObserverId::Replica(_) => (None, "causeway replica list".to_owned()),
            ObserverId::Agent(member) => (
                Some(member.clone()),
                format!("causeway explain member/{member}"),
            ),
        };
        Attention {
            member,
            command: Some(command),
            ..of(
                observer.to_string(),
                format!(
                    "{why}; nothing is concluded from what it sees until it reaches most of them again: look at its own network"
                ),
            )
        }
    });
    rows.collect()
}

/// Plans whose inputs nobody sees here: facts that are late, or a leader that is wrong.
fn doubts(sight: &Sight<'_>) -> Vec<Attention> {
    let rows = sight.doubts.iter().take(NAMED).map(|(service, why)| Attention {
        command: Some(format!("causeway explain {service}")),
        ..of(
            service.to_string(),
            format!(
                "this replica's facts do not bear out the committed plan: {why}; if it lasts, the leader is wrong or links \
                 between replicas are down (causeway replica list)"
            ),
        )
    });
    rows.collect()
}
