//! What a proposal says of things that the state knows: where a member stands, what is declared for capacity and demand, what
//! a place alone does not reach, who is leaving, who may not be sent to at all.
//!
//! A leader's word decides none of them. Each is computed again by the function that whoever plans uses, and what differs is
//! refused: the state moved on meanwhile, and it is planned again, or the leader lies. What only members tell (which zones
//! there are, what is ready in them, who exports, what is measured) cannot be judged here: replicas that see something else
//! raise an alarm. So a declared demand is escaped by calling it measured, which stands instead of it; nothing measures yet,
//! and every plan that comes out otherwise for it is an alarm. What gateways let in is judged for all plans of a command at once (`ties`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use causeway_api::ids::{NetworkName, Zone};
use causeway_api::plan::{
    CapacitySource, DemandSource, DestinationInput, PlanInputs, Rate, SourceInput, Withdrawal,
};
use causeway_api::rules::MemberClass;
use causeway_api::spec::Placement;
use causeway_api::{MemberName, ServiceKey};
use causeway_failover::policy::Effective;
use causeway_failover::{declared, learn};

use super::aside;
use crate::outcome::{Contradiction, Refusal};
use crate::registry::Stage;
use crate::state::{RegisteredMember, State};

/// Judges what a plan was computed from; `policy` is what is in force for its service.
pub(super) fn judge(state: &State, inputs: &PlanInputs, policy: &Effective) -> Result<(), Refusal> {
    sources(state, inputs, policy)?;
    for zone in &inputs.destinations {
        destination(state, inputs, policy, zone)?;
    }
    Ok(())
}

/// Whether a plan's inputs say of all that the state knows what is so now.
pub(super) fn is_current(state: &State, inputs: &PlanInputs) -> bool {
    judge(state, inputs, &state.policy(&inputs.service)).is_ok()
}

/// One row, to be named in a refusal.
struct Row<'i> {
    service: &'i ServiceKey,
    member: &'i MemberName,
    zone: Option<&'i Zone>,
}

impl Row<'_> {
    /// Both must be the same.
    fn same<T: PartialEq>(
        &self,
        field: &str,
        claimed: &T,
        found: &T,
        say: impl Fn(&T) -> String,
    ) -> Result<(), Refusal> {
        if claimed == found {
            return Ok(());
        }
        let contradiction = Contradiction {
            place: format!("{}/{}", self.member, self.zone.map_or("-", Zone::as_str)),
            field: field.to_owned(),
            claimed: say(claimed),
            found: say(found),
        };
        Err(Refusal::InputContradicted {
            service: self.service.clone(),
            contradiction: Box::new(contradiction),
        })
    }

    /// Where its member stands.
    fn placed<'s>(
        &self,
        state: &'s State,
    ) -> Result<(&'s RegisteredMember, &'s Placement), Refusal> {
        let held = state
            .members
            .get(self.member)
            .ok_or_else(|| Refusal::UnknownMember(self.member.clone()))?;
        let placement = held.placement.as_ref();
        self.same("placement", &true, &placement.is_some(), |known| {
            if *known { "known" } else { "unknown" }.to_owned()
        })?;
        // Refused above where there is none.
        placement
            .map(|placement| (held, placement))
            .ok_or_else(|| Refusal::UnknownMember(self.member.clone()))
    }
}

fn sources(state: &State, inputs: &PlanInputs, policy: &Effective) -> Result<(), Refusal> {
    let mut unreachable: BTreeMap<&MemberName, BTreeSet<NetworkName>> = BTreeMap::new();
    let demand = declared::demand(&inputs.sources, &policy.demand);
    for (source, declared) in inputs.sources.iter().zip(demand) {
        let row = Row {
            service: &inputs.service,
            member: &source.source.member,
            zone: source.source.zone.as_ref(),
        };
        let (_, placement) = row.placed(state)?;
        row.same("region", &source.region, &placement.region, some)?;
        row.same("network", &source.network, &placement.network, text)?;
        if source.demand_source != DemandSource::Measured {
            let claimed = (source.demand, source.demand_source);
            row.same("demand", &claimed, &learn::demand(declared, None), |row| {
                said(row.0, row.1 == DemandSource::Declared)
            })?;
        }
        let found = unreachable
            .entry(row.member)
            .or_insert_with(|| state.unreachable_from(row.member));
        if source.unreachable != *found {
            let may = allowed(state, inputs, source, found);
            row.same("unreachable", &source.unreachable, &may, names)?;
        }
    }
    Ok(())
}

/// What a source may leave out as not reached, of what it says: all that is so, and none but that; besides what is lost, which
/// it may have left before, and where nobody is to be sent who does not go there while a loss waits for a person.
fn allowed(
    state: &State,
    inputs: &PlanInputs,
    source: &SourceInput,
    found: &BTreeSet<NetworkName>,
) -> BTreeSet<NetworkName> {
    let besides = source.unreachable.difference(found).filter(|network| {
        state.network_withdrawal(network) == Some(Withdrawal::Lost)
            || aside::keeps_out(state, inputs, source, network)
    });
    found.iter().chain(besides).cloned().collect()
}

fn destination(
    state: &State,
    inputs: &PlanInputs,
    policy: &Effective,
    zone: &DestinationInput,
) -> Result<(), Refusal> {
    let row = Row {
        service: &inputs.service,
        member: &zone.member,
        zone: zone.zone.as_ref(),
    };
    let (held, placement) = row.placed(state)?;
    row.same("region", &zone.region, &placement.region, some)?;
    row.same("network", &zone.network, &placement.network, text)?;
    let percent = declared::max_utilization_percent(&held.spec, policy);
    row.same(
        "maxUtilizationPercent",
        &zone.max_utilization_percent,
        &percent,
        text,
    )?;
    capacity(state, inputs, &row, held.spec.class, policy, zone)?;
    barred(state, inputs, placement, &row, zone)?;
    let leaving = state.registry.stage(&zone.member) == Some(Stage::Draining);
    // Whether it exports the service its member tells; that it is leaving it does not.
    let draining = leaving && (zone.draining || zone.exported);
    row.same("draining", &zone.draining, &draining, text)
}

/// What is declared is a capacity whatever was seen; what nobody declares was seen, or is unknown. Where nobody else is to go
/// to what is lost while that waits for a person, it is what goes there by the committed plan ([`aside::most_of`]), where that
/// is less: with nothing counted on, all would leave it, and nobody approved that.
fn capacity(
    state: &State,
    inputs: &PlanInputs,
    row: &Row<'_>,
    class: MemberClass,
    policy: &Effective,
    zone: &DestinationInput,
) -> Result<(), Refusal> {
    let claimed = (zone.capacity, zone.capacity_source);
    let declared = policy.capacity_per_endpoint;
    let learned = zone.capacity_source == CapacitySource::Learned && zone.capacity.is_some();
    if declared.is_none() && learned {
        return Ok(());
    }
    let known = learn::capacity(class, declared, None, zone.ready);
    let found = match aside::most_of(state, inputs, zone) {
        Some(most) if known.0.is_none_or(|known| most < known) => {
            (Some(most), CapacitySource::Declared)
        }
        _ => known,
    };
    row.same("capacity", &claimed, &found, |row| match row.1 {
        CapacitySource::Running => format!("{}, of what runs", said(row.0, true)),
        source => said(row.0, source == CapacitySource::Declared),
    })
}

/// Why others must not be sent there, besides verdicts and people. Where a plan hides that policy leaves a region out, the check
/// `allowed` says what comes of it; and of what waits for a person nothing is said but that it is not out, whatever bars it.
fn barred(
    state: &State,
    inputs: &PlanInputs,
    placement: &Placement,
    row: &Row<'_>,
    zone: &DestinationInput,
) -> Result<(), Refusal> {
    let weaker = |reason: &Withdrawal| {
        !matches!(
            reason,
            Withdrawal::Lost | Withdrawal::Recovering | Withdrawal::Away | Withdrawal::Evacuated
        )
    };
    let claimed = zone.withdrawn.filter(weaker);
    if zone.withdrawn.is_some() && claimed.is_none() {
        return Ok(());
    }
    let found = state.barred(placement, &inputs.policy);
    let hidden =
        || found == Some(Withdrawal::NotAllowed) || aside::is_set_aside(state, row.service, zone);
    if claimed.is_none() && hidden() {
        return Ok(());
    }
    row.same("withdrawn", &claimed, &found, some)
}

fn text<T: Display>(value: &T) -> String {
    value.to_string()
}

fn some<T: Display>(value: &Option<T>) -> String {
    value.as_ref().map_or("none".to_owned(), text)
}

fn said(rate: Option<Rate>, declared: bool) -> String {
    match rate {
        Some(rate) if declared => format!("{rate}, as declared"),
        Some(rate) => format!("{rate}, which nobody declares"),
        None => "unknown".to_owned(),
    }
}

fn names(networks: &BTreeSet<NetworkName>) -> String {
    let names: Vec<&str> = networks.iter().map(NetworkName::as_str).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
