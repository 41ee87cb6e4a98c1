//! Members that are leaving: others' requests go elsewhere, where there is an elsewhere.

use causeway_api::plan::DestinationInput;
use causeway_failover::draining;
use causeway_state::State;
use causeway_state::registry::Stage;

/// A member that is draining counts as one that exports nothing, so that only its own callers use it; unless nobody else has
/// anything ready: then it serves until it is removed.
pub(super) fn drain(state: &State, destinations: &mut [DestinationInput]) {
    for zone in destinations.iter_mut() {
        let leaving = || state.registry.stage(&zone.member) == Some(Stage::Draining);
        zone.draining = zone.exported && leaving();
    }
    draining::settle(destinations);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::plan::{CapacitySource, Withdrawal};
    use causeway_api::verdict::ClusterTime;
    use causeway_state::registry::Leaving;

    use super::*;

    fn zone(member: &str, ready: u32) -> DestinationInput {
        DestinationInput {
            member: member.parse().unwrap(),
            zone: None,
            region: None,
            network: member.parse().unwrap(),
            exported: true,
            ready,
            capacity: None,
            capacity_source: CapacitySource::Unknown,
            max_utilization_percent: 80,
            withdrawn: None,
            total: ready,
            admitted_percent: 100,
            vacated: false,
            draining: false,
        }
    }

    fn exported(stage: Stage, mut zones: Vec<DestinationInput>) -> Vec<bool> {
        let mut state = State::default();
        let since = ClusterTime::default();
        let leaving = Leaving { stage, since };
        state
            .registry
            .leaving
            .insert("hz".parse().unwrap(), leaving);
        drain(&state, &mut zones);
        zones.iter().map(|zone| zone.exported).collect()
    }

    #[test]
    fn a_draining_member_serves_only_its_own_where_others_can() {
        let both = || vec![zone("hz", 3), zone("sh", 3)];
        assert_eq!(exported(Stage::Draining, both()), [false, true]);
        for stage in [Stage::Deleted, Stage::Quarantined] {
            assert_eq!(exported(stage, both()), [true, true], "{stage}");
        }
    }

    #[test]
    fn where_nobody_else_has_anything_ready_it_goes_on() {
        assert_eq!(exported(Stage::Draining, vec![zone("hz", 3)]), [true]);
        let none = vec![zone("hz", 3), zone("sh", 0)];
        assert_eq!(exported(Stage::Draining, none), [true, true]);
        let lost = DestinationInput {
            withdrawn: Some(Withdrawal::Lost),
            ..zone("sh", 3)
        };
        assert_eq!(
            exported(Stage::Draining, vec![zone("hz", 3), lost]),
            [true, true]
        );
    }
}
