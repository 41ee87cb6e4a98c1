//! A leader that breaks a rule: it spoils an honest plan in one way, and proposes it all the same.
//!
//! What a replica's leader would never send, the state machine has to refuse from whoever sends it.

use causeway_api::ids::{MemberName, NetworkName};
use causeway_api::plan::{
    Destination, DestinationInput, EffectivePolicy, PlanInputs, Rate, ServicePlan, Share,
    SourcePlan, WHOLE, Withdrawal,
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
}

/// Spoils inputs or plan.
pub fn spoil(fault: Fault, inputs: &mut PlanInputs, plan: &mut ServicePlan) {
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
                let network = input.unreachable.first()?;
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
    }
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
