//! A leader that breaks a rule: it spoils an honest plan in one way, and proposes it all the same.
//!
//! What a replica's leader would never send, the state machine has to refuse from whoever sends it.

use std::collections::BTreeSet;

use causeway_api::ids::{MemberName, NetworkName};
use causeway_api::plan::{
    DemandSource, Destination, DestinationInput, EffectivePolicy, GatewayInput, PlanInputs, Rate,
    ServicePlan, Share, SourcePlan, WHOLE, Withdrawal,
};
use serde::Deserialize;

/// The rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Fault {
    /// The plan is of another service than its inputs.
    OtherService,
    /// A source stands twice.
    Twice,
    /// A source has no plan.
    SourceLeftOut,
    /// A destination that there is not.
    MadeUpDestination,
    /// Shares that sum to more than the whole.
    MoreThanWhole,
    /// No destination, though there is one.
    Empty,
    /// Traffic to what is not exported.
    NotExported,
    /// Traffic to what is withdrawn.
    Withdrawn,
    /// Traffic to a region that policy leaves out.
    NotAllowed,
    /// Demand that vanishes.
    DemandLost,
    /// All traffic to the first destination, whatever it carries.
    OverCapacity,
    /// Distances that are not so.
    WrongTier,
    /// Inputs that know nothing of any loss.
    VerdictIgnored,
    /// Inputs that claim a loss that there is not.
    VerdictMadeUp,
    /// Inputs of another policy.
    OtherPolicy,
    /// Callers in a member that there is not.
    MadeUpMember,
    /// More rows than a plan may have.
    TooLarge,
    /// Callers that are to be shed, though all are served.
    Shed,
    /// Traffic into a network that the callers' place does not reach.
    Unreached,
    /// What serves stands where policy allows it, whatever its region.
    RegionMadeUp,
    /// What serves stands in the network of its callers.
    NetworkMadeUp,
    /// Ten times of the capacity that is declared.
    CapacityMadeUp,
    /// All of the capacity may be used.
    UtilizationMadeUp,
    /// Ten times of the demand that is declared.
    DemandMadeUp,
    /// Callers that reach no other network.
    UnreachableMadeUp,
    /// Gateways that let nothing in, of networks that all come through.
    GatewaysMadeUp,
    /// Ten times of the demand that is declared, as if it had been measured: nothing but an alarm comes of it.
    MeasuredMadeUp,
}

/// Spoils inputs or plan; says whether they are others for it. Where a fault finds nothing to spoil, there is nothing to propose:
/// it would be the truth.
#[must_use]
pub fn spoil(fault: Fault, inputs: &mut PlanInputs, plan: &mut ServicePlan) -> bool {
    let honest = (inputs.clone(), plan.clone());
    if make_up(fault, inputs) {
        // Whatever comes of it is a plan as any other.
        *plan = causeway_failover::plan::plan(inputs);
    } else {
        break_rule(fault, inputs, plan);
    }
    honest != (inputs.clone(), plan.clone())
}

/// Breaks a rule, not by a lie about what is placed, declared and voted.
fn break_rule(fault: Fault, inputs: &mut PlanInputs, plan: &mut ServicePlan) {
    match fault {
        Fault::OtherService => plan.service.name = plan.service.namespace.clone(),
        Fault::Twice => plan.sources.extend(plan.sources.first().cloned()),
        Fault::SourceLeftOut => drop(plan.sources.pop()),
        Fault::MadeUpDestination => {
            if let Ok(network) = NetworkName::new("made-up") {
                redirect(plan, Destination::Network(network));
            }
        }
        Fault::MoreThanWhole => each_share(plan, |share| share.parts += 1),
        Fault::Empty => plan
            .sources
            .iter_mut()
            .for_each(|source| source.shares.clear()),
        Fault::NotExported => to_any(inputs, plan, |zone| !zone.exported),
        Fault::Withdrawn => to_any(inputs, plan, |zone| zone.withdrawn.is_some()),
        Fault::NotAllowed => {
            // A leader that hides that a region is left out: else it would be refused as withdrawn.
            let allowed = inputs.policy.allowed_regions.clone();
            let hidden = inputs.destinations.iter_mut();
            hidden
                .filter(|zone| zone.withdrawn == Some(Withdrawal::NotAllowed))
                .for_each(|zone| zone.withdrawn = None);
            to_any(inputs, plan, |zone| {
                zone.region
                    .as_ref()
                    .is_none_or(|region| !allowed.contains(region))
            });
        }
        Fault::DemandLost => {
            each_share(plan, |share| share.rate = share.rate.minus(Rate(1_000)));
        }
        Fault::OverCapacity => plan.sources.iter_mut().for_each(all_to_first),
        Fault::WrongTier => each_share(plan, |share| share.tier = share.tier.saturating_add(1)),
        Fault::VerdictIgnored => {
            inputs
                .destinations
                .iter_mut()
                .for_each(|zone| zone.withdrawn = None);
        }
        Fault::VerdictMadeUp => {
            let lost = Some(Withdrawal::Lost);
            inputs
                .destinations
                .iter_mut()
                .for_each(|zone| zone.withdrawn = lost);
        }
        Fault::OtherPolicy => {
            inputs.policy = EffectivePolicy {
                nowhere: !inputs.policy.nowhere,
                ..EffectivePolicy::default()
            };
        }
        Fault::MadeUpMember => {
            if let Ok(name) = MemberName::new("made-up") {
                inputs
                    .sources
                    .iter_mut()
                    .take(1)
                    .for_each(|source| source.source.member = name.clone());
            }
        }
        Fault::Shed => {
            let sources = plan.sources.iter_mut();
            sources.for_each(|source| source.shed = source.unserved.plus(Rate(1)));
        }
        Fault::Unreached => {
            let cut = inputs.sources.iter().find_map(|input| {
                let network = input.unreachable.first().or(input.ejected.first())?;
                Some((&input.source, network.clone()))
            });
            let Some((from, network)) = cut else { return };
            let source = plan.sources.iter_mut().find(|plan| plan.source == *from);
            if let Some(source) = source {
                send_all(source, Destination::Network(network));
            }
        }
        Fault::TooLarge => {
            let many = inputs.sources.iter().cycle().take(10_000);
            inputs.sources = many.cloned().collect();
        }
        Fault::RegionMadeUp
        | Fault::NetworkMadeUp
        | Fault::CapacityMadeUp
        | Fault::UtilizationMadeUp
        | Fault::DemandMadeUp
        | Fault::UnreachableMadeUp
        | Fault::GatewaysMadeUp
        | Fault::MeasuredMadeUp => {}
    }
}

/// Lies about what is placed, declared and voted; says whether the fault is such a lie.
fn make_up(fault: Fault, inputs: &mut PlanInputs) -> bool {
    let ten = |rate: &mut Option<Rate>| {
        *rate = rate.map(|rate| Rate(rate.0.saturating_mul(10)));
    };
    match fault {
        Fault::RegionMadeUp => {
            let allowed = inputs.policy.allowed_regions.first().cloned();
            for zone in &mut inputs.destinations {
                if zone.withdrawn == Some(Withdrawal::NotAllowed) {
                    zone.withdrawn = None;
                    zone.region.clone_from(&allowed);
                }
            }
        }
        Fault::NetworkMadeUp => {
            let Some(network) = inputs.sources.first().map(|source| source.network.clone()) else {
                return true;
            };
            let zones = inputs.destinations.iter_mut();
            zones.for_each(|zone| zone.network.clone_from(&network));
        }
        Fault::CapacityMadeUp => {
            let zones = inputs.destinations.iter_mut();
            zones.for_each(|zone| ten(&mut zone.capacity));
        }
        Fault::UtilizationMadeUp => {
            let zones = inputs.destinations.iter_mut();
            zones.for_each(|zone| zone.max_utilization_percent = 100);
        }
        Fault::DemandMadeUp => {
            let sources = inputs.sources.iter_mut();
            sources.for_each(|source| ten(&mut source.demand));
        }
        Fault::UnreachableMadeUp => {
            let zones = inputs.destinations.iter();
            let networks: Vec<NetworkName> = zones.map(|zone| zone.network.clone()).collect();
            for source in &mut inputs.sources {
                let others = networks.iter().filter(|name| **name != source.network);
                source.unreachable = others.cloned().collect();
            }
        }
        Fault::GatewaysMadeUp => {
            let zones = inputs.destinations.iter();
            let networks: BTreeSet<NetworkName> = zones.map(|zone| zone.network.clone()).collect();
            let closed = networks.into_iter().map(|network| GatewayInput {
                network,
                limit: Rate(0),
            });
            inputs.gateways = closed.collect();
        }
        Fault::MeasuredMadeUp => {
            for source in &mut inputs.sources {
                ten(&mut source.demand);
                if source.demand.is_some() {
                    source.demand_source = DemandSource::Measured;
                }
            }
        }
        Fault::OtherService
        | Fault::Twice
        | Fault::SourceLeftOut
        | Fault::MadeUpDestination
        | Fault::MoreThanWhole
        | Fault::Empty
        | Fault::NotExported
        | Fault::Withdrawn
        | Fault::NotAllowed
        | Fault::DemandLost
        | Fault::OverCapacity
        | Fault::WrongTier
        | Fault::VerdictIgnored
        | Fault::VerdictMadeUp
        | Fault::OtherPolicy
        | Fault::MadeUpMember
        | Fault::TooLarge
        | Fault::Shed
        | Fault::Unreached => return false,
    }
    true
}

fn each_share(plan: &mut ServicePlan, change: impl Fn(&mut Share)) {
    let first = plan
        .sources
        .iter_mut()
        .flat_map(|source| source.shares.first_mut());
    first.for_each(change);
}

/// Sends the first source whole to where it may not go.
fn to_any(inputs: &PlanInputs, plan: &mut ServicePlan, fits: impl Fn(&DestinationInput) -> bool) {
    let bad = |source: &SourcePlan| {
        let mut zones = inputs.destinations.iter();
        zones.find(|zone| zone.ready > 0 && zone.member != source.source.member && fits(zone))
    };
    let found = plan
        .sources
        .iter()
        .enumerate()
        .find_map(|(at, source)| Some((at, bad(source)?)));
    let Some((at, zone)) = found else { return };
    let mut sources = inputs.sources.iter();
    let Some(source) = plan.sources.get(at) else {
        return;
    };
    let network = sources
        .find(|input| input.source == source.source)
        .map(|input| &input.network);
    let destination = if network == Some(&zone.network) {
        Destination::Zone {
            member: zone.member.clone(),
            zone: zone.zone.clone(),
        }
    } else {
        Destination::Network(zone.network.clone())
    };
    if let Some(source) = plan.sources.get_mut(at) {
        send_all(source, destination);
    }
}

fn redirect(plan: &mut ServicePlan, destination: Destination) {
    if let Some(source) = plan.sources.first_mut() {
        send_all(source, destination);
    }
}

fn all_to_first(source: &mut SourcePlan) {
    if let Some(first) = source.shares.first().cloned() {
        send_all(source, first.destination);
    }
}

fn send_all(source: &mut SourcePlan, destination: Destination) {
    let shares = source.shares.iter();
    let rate = shares.fold(source.unserved, |sum, share| sum.plus(share.rate));
    source
        .standby
        .retain(|network| destination != Destination::Network(network.clone()));
    source.shares = vec![Share {
        tier: source.shares.first().map_or(3, |share| share.tier),
        destination,
        parts: WHOLE,
        rate,
    }];
    source.unserved = Rate(0);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Nobody is out, nobody else is there, nothing is known.
    #[test]
    fn a_fault_that_finds_nothing_to_spoil_says_so() {
        let mut inputs = PlanInputs {
            service: "shop/cart".parse().unwrap(),
            ports: Vec::new(),
            sources: Vec::new(),
            destinations: Vec::new(),
            policy: EffectivePolicy::default(),
            gateways: Vec::new(),
        };
        let mut plan = causeway_failover::plan::plan(&inputs);
        for fault in [
            Fault::RegionMadeUp,
            Fault::NetworkMadeUp,
            Fault::DemandMadeUp,
            Fault::GatewaysMadeUp,
            Fault::MeasuredMadeUp,
            Fault::Unreached,
            Fault::Empty,
        ] {
            assert!(!spoil(fault, &mut inputs, &mut plan), "{fault:?}");
        }
        assert!(spoil(Fault::OtherService, &mut inputs, &mut plan));
        assert!(spoil(Fault::OtherPolicy, &mut inputs, &mut plan));
    }
}
