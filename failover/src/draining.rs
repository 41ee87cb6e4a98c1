//! Members that are leaving: others' requests go elsewhere, where there is an elsewhere.

use causeway_api::plan::DestinationInput;

/// Settles whether members that are draining still count as exporting: not where another one that stays may serve, else until
/// they are removed. Asked again whenever it changes who may serve, by a loss as by a person's word.
pub fn settle(destinations: &mut [DestinationInput]) {
    let others = destinations
        .iter()
        .any(|zone| zone.exported && !zone.draining && zone.ready > 0 && zone.withdrawn.is_none());
    for zone in destinations.iter_mut().filter(|zone| zone.draining) {
        zone.exported = !others;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::plan::{CapacitySource, Withdrawal};

    use super::*;

    fn zone(member: &str, draining: bool) -> DestinationInput {
        DestinationInput {
            member: member.parse().unwrap(),
            zone: None,
            region: None,
            network: member.parse().unwrap(),
            exported: true,
            ready: 3,
            capacity: None,
            capacity_source: CapacitySource::Unknown,
            max_utilization_percent: 80,
            withdrawn: None,
            total: 3,
            admitted_percent: 100,
            vacated: false,
            draining,
        }
    }

    #[test]
    fn what_is_leaving_serves_again_once_the_others_are_lost() {
        let mut zones = [zone("hz", true), zone("sg", true), zone("sh", false)];
        let exported = |zones: &mut [DestinationInput]| {
            settle(zones);
            zones.iter().map(|zone| zone.exported).collect::<Vec<_>>()
        };
        assert_eq!(exported(&mut zones), [false, false, true]);
        assert_eq!(exported(&mut zones), [false, false, true]);
        for zone in zones.iter_mut().filter(|zone| !zone.draining) {
            zone.withdrawn = Some(Withdrawal::Lost);
        }
        assert_eq!(exported(&mut zones), [true, true, true]);
        for zone in zones.iter_mut().filter(|zone| !zone.draining) {
            zone.withdrawn = None;
        }
        assert_eq!(exported(&mut zones), [false, false, true]);
    }
}
