//! What waits for a person, and what stands still until one says otherwise.

use super::super::Sight;
use super::{Attention, of};
use crate::cli::text;
use crate::replica::status::counts::count;

/// Rows of one kind that are named; the rest is counted.
const NAMED: usize = 5;

pub(super) fn people(sight: &Sight<'_>) -> Vec<Attention> {
    let brain = &sight.look.state.brain;
    let mut all = Vec::new();
    if let Some(brake) = &brain.brake {
        all.push(Attention {
            command: Some("causeway status".to_owned()),
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
    all.extend(expired.map(|row| {
        of(
            format!("TrafficShift {}", row.shift.key),
            "its time is over, and it stays until a person ends it (onExpiry: Hold)",
        )
    }));
    all.extend(waiting(sight));
    all.extend(doubts(sight));
    all
}

fn waiting(sight: &Sight<'_>) -> Vec<Attention> {
    let state = sight.look.state;
    let mut rows = super::super::overrides::waiting(state).into_iter();
    let named = rows.by_ref().take(NAMED).map(|row| Attention {
        command: Some(format!("causeway approve {}", row.name)),
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
