//! What the plans of services say of them for the policies that are about them: of which it is not declared what their
//! endpoints take, and when anything was decided of them last.
//!
//! Kept as [`super::counts`] are: a plan that changes costs what concerns it. What waits for people, or was refused, is few but
//! for a disaster, and is gone through where it changed. Where a policy changed, all is looked at, as all is planned anew then.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::Name;
use causeway_api::plan::{CapacitySource, DestinationInput, PlanInputs};
use causeway_api::{Generation, ServiceKey};
use causeway_failover::policy;
use causeway_failover::safety::Waits;
use causeway_state::State;

use super::counts::About;

/// How many places of a service are named.
const PLACES: usize = 2;

/// What the plans of services say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    /// When the plan of each service was decided.
    plans: BTreeMap<ServiceKey, Generation>,
    /// The same by namespace, the newest last; none is empty.
    newest_in: BTreeMap<Name, BTreeSet<(Generation, ServiceKey)>>,
    /// The same of all.
    newest: BTreeSet<(Generation, ServiceKey)>,
    /// Services whose capacity is not proven, by namespace; none is empty.
    unproven: BTreeMap<Name, BTreeMap<ServiceKey, Unproven>>,
    /// How many they are.
    unproven_all: usize,
    /// What waits, or was refused, last: by namespace.
    waiting_in: BTreeMap<Name, Last>,
    /// The same of all.
    waiting: Option<Last>,
}

/// Where it is not declared what the endpoints of a service take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unproven {
    /// The first places.
    places: Vec<String>,
    /// Whether there are more.
    more: bool,
}

impl std::fmt::Display for Unproven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.places.join(", "))?;
        f.write_str(if self.more { " and more" } else { "" })
    }
}

/// What was decided last, the newest greatest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Last {
    /// When.
    pub(crate) generation: Generation,
    /// Of what.
    pub(crate) service: ServiceKey,
    /// What.
    pub(crate) decided: Decided,
}

/// What was decided of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Decided {
    /// A plan came into force.
    Committed,
    /// A plan would move traffic, and the mode is Observe.
    WouldHaveMoved,
    /// A plan waits for a person.
    WaitsForApproval,
    /// A safety rule refused a plan.
    Refused,
}

impl Decided {
    fn of(waits: Waits) -> Self {
        match waits {
            Waits::Observe => Self::WouldHaveMoved,
            Waits::Approve | Waits::Stateful | Waits::Disarmed | Waits::Failback => {
                Self::WaitsForApproval
            }
        }
    }

    /// As a status has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Committed => "Committed",
            Self::WouldHaveMoved => "WouldHaveMoved",
            Self::WaitsForApproval => "WaitsForApproval",
            Self::Refused => "Refused",
        }
    }
}

impl Planned {
    /// The plan of a service changed, or it has none any more.
    pub(super) fn update(&mut self, state: &State, service: &ServiceKey) {
        let name = &service.namespace;
        if let Some(before) = self.plans.remove(service) {
            let row = (before, service.clone());
            self.newest.remove(&row);
            if let Some(rows) = self.newest_in.get_mut(name) {
                rows.remove(&row);
            }
        }
        let plan = state.plan(service);
        if let Some(row) = plan.filter(|row| row.value.is_some()) {
            let generation = row.generation;
            let row = (generation, service.clone());
            self.plans.insert(service.clone(), generation);
            self.newest.insert(row.clone());
            self.newest_in.entry(name.clone()).or_default().insert(row);
        }
        if self.newest_in.get(name).is_some_and(BTreeSet::is_empty) {
            self.newest_in.remove(name);
        }
        self.prove(state, service);
    }

    /// Policies changed: any service may be proven now that was not before.
    pub(super) fn policies_changed(&mut self, state: &State) {
        for service in state.plans.keys() {
            self.prove(state, service);
        }
    }

    /// Looks whether anybody declares what the endpoints of a service take. What its plan was computed from does not tell:
    /// the plan stays where it comes out the same.
    fn prove(&mut self, state: &State, service: &ServiceKey) {
        let name = &service.namespace;
        let rows = self.unproven.get_mut(name);
        if rows.and_then(|rows| rows.remove(service)).is_some() {
            self.unproven_all = self.unproven_all.saturating_sub(1);
        }
        let held = state.plan(service).and_then(|row| row.value.as_ref());
        if let Some(unproven) = held.and_then(|held| unproven_places(&held.inputs))
            && policy::effective(&state.policies, service)
                .capacity_per_endpoint
                .is_none()
        {
            let rows = self.unproven.entry(name.clone()).or_default();
            rows.insert(service.clone(), unproven);
            self.unproven_all += 1;
        }
        if self.unproven.get(name).is_some_and(BTreeMap::is_empty) {
            self.unproven.remove(name);
        }
    }

    /// What waits for people, or was refused, may be another.
    pub(super) fn look_at_what_waits(&mut self, state: &State) {
        self.waiting_in.clear();
        for last in state.brain.pending.keys().filter_map(|s| waits(state, s)) {
            self.note(last);
        }
        for last in state.brain.refused.keys().filter_map(|s| refused(state, s)) {
            self.note(last);
        }
        self.waiting = self.waiting_in.values().max().cloned();
    }

    fn note(&mut self, last: Last) {
        let name = last.service.namespace.clone();
        let held = self.waiting_in.get(&name);
        if held.is_none_or(|held| *held < last) {
            self.waiting_in.insert(name, last);
        }
    }

    /// What was decided last of anything that a policy is about.
    pub(crate) fn last(&self, state: &State, about: About<'_>) -> Option<Last> {
        let committed = |row: &(Generation, ServiceKey)| Last {
            generation: row.0,
            service: row.1.clone(),
            decided: Decided::Committed,
        };
        let (plan, waiting) = match about {
            About::All => (self.newest.last(), self.waiting.clone()),
            About::Namespace(name) => (
                self.newest_in.get(name).and_then(BTreeSet::last),
                self.waiting_in.get(name).cloned(),
            ),
            About::Services(services) => {
                let of = |service: &ServiceKey| {
                    let plan = self.plans.get(service);
                    let plan = plan.map(|at| committed(&(*at, service.clone())));
                    let others = [waits(state, service), refused(state, service)];
                    plan.into_iter().chain(others.into_iter().flatten()).max()
                };
                return services.iter().filter_map(of).max();
            }
        };
        plan.map(committed).into_iter().chain(waiting).max()
    }

    /// How many services that a policy is about are planned and not proven, and the first of them.
    pub(crate) fn unproven(
        &self,
        about: About<'_>,
        first: usize,
    ) -> (usize, Vec<(&ServiceKey, &Unproven)>) {
        match about {
            About::All => {
                let rows = self.unproven.values().flatten();
                (self.unproven_all, rows.take(first).collect())
            }
            About::Namespace(name) => {
                let rows = self.unproven.get(name);
                let named = rows.into_iter().flatten().take(first).collect();
                (rows.map_or(0, BTreeMap::len), named)
            }
            About::Services(services) => {
                let of = |service: &ServiceKey| {
                    self.unproven
                        .get(&service.namespace)?
                        .get_key_value(service)
                };
                let mut all: Vec<_> = services.iter().filter_map(of).collect();
                let count = all.len();
                all.truncate(first);
                (count, all)
            }
        }
    }

    /// How many services that a policy is about are planned.
    pub(crate) fn planned(&self, about: About<'_>) -> usize {
        match about {
            About::All => self.plans.len(),
            About::Namespace(name) => self.newest_in.get(name).map_or(0, BTreeSet::len),
            About::Services(services) => {
                let planned = |service: &&ServiceKey| self.plans.contains_key(*service);
                services.iter().filter(planned).count()
            }
        }
    }
}

fn waits(state: &State, service: &ServiceKey) -> Option<Last> {
    let pending = state.brain.pending.get(service)?;
    Some(Last {
        generation: pending.generation,
        service: service.clone(),
        decided: Decided::of(pending.waits),
    })
}

fn refused(state: &State, service: &ServiceKey) -> Option<Last> {
    Some(Last {
        generation: state.brain.refused.get(service)?.generation,
        service: service.clone(),
        decided: Decided::Refused,
    })
}

/// Where a service has ready endpoints.
fn unproven_places(inputs: &PlanInputs) -> Option<Unproven> {
    let mut places = inputs.destinations.iter().filter(|zone| zone.ready > 0);
    let named: Vec<String> = places.by_ref().take(PLACES).map(place).collect();
    (!named.is_empty()).then(|| Unproven {
        places: named,
        more: places.next().is_some(),
    })
}

fn place(zone: &DestinationInput) -> String {
    let seen = match zone.capacity_source {
        CapacitySource::Learned => " (seen, not declared)",
        _ => "",
    };
    match &zone.zone {
        Some(name) => format!("{}/{name}{seen}", zone.member),
        None => format!("{}{seen}", zone.member),
    }
}
