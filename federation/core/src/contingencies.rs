//! What is prepared for the loss of each failure domain, followed from the state one service at a time.
//!
//! Everything here is a function of what is committed (plans, each with the inputs that it rests on, and where members
//! stand), so that every replica holds the same content at the same place in the log, and compares it by hash.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::contingency::Readiness;
use causeway_api::domain::Domain;
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_api::{MemberName, ServiceKey};
use causeway_failover::contingency::{Fall, Place, Prepared};
use causeway_state::State;

/// At most so many domains are prepared for: regions and declared domains first, then members, zones and gateways.
pub const DOMAINS: usize = causeway_state::apply::contingencies::DOMAINS;

/// What is prepared, by domain.
#[derive(Debug, Default)]
pub struct Contingencies {
    places: BTreeMap<MemberName, Place>,
    prepared: BTreeMap<Domain, Prepared>,
    /// Services to be looked at.
    due: BTreeSet<ServiceKey>,
    /// Domains beyond [`DOMAINS`].
    left_out: usize,
}

impl Contingencies {
    /// Looks at where members stand. Where that changed, everything is prepared anew.
    pub fn place(&mut self, state: &State) {
        let places = state.places();
        if places == self.places {
            return;
        }
        let domains = domains(&places);
        self.left_out = domains.len().saturating_sub(DOMAINS);
        let domains = domains.into_iter().take(DOMAINS);
        self.prepared = domains
            .map(|domain| {
                let fall = Fall::of(&domain, &places);
                (domain.clone(), Prepared::new(domain, fall))
            })
            .collect();
        self.places = places;
        self.due.extend(state.plans.keys().cloned());
    }

    /// Plans of services changed, or the inputs that they rest on.
    pub fn services_changed<'s>(&mut self, services: impl IntoIterator<Item = &'s ServiceKey>) {
        self.due.extend(services.into_iter().cloned());
    }

    /// Whether all that changed was looked at.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.due.is_empty()
    }

    /// The next services to be looked at, at most `limit`.
    pub fn take(&mut self, limit: usize) -> Vec<ServiceKey> {
        let some: Vec<ServiceKey> = self.due.iter().take(limit).cloned().collect();
        for service in &some {
            self.due.remove(service);
        }
        some
    }

    /// Takes in a service as it is committed, or that it is no more.
    pub fn update(&mut self, service: &ServiceKey, committed: Option<(&PlanInputs, &ServicePlan)>) {
        for prepared in self.prepared.values_mut() {
            prepared.update(service, committed);
        }
    }

    /// Whether some loss would be met in another way if `inputs` were committed with the plan: only then are inputs worth a
    /// decision when the plan stays what it is.
    #[must_use]
    pub fn would_differ(&self, inputs: &PlanInputs, plan: &ServicePlan) -> bool {
        let mut prepared = self.prepared.values();
        prepared.any(|prepared| prepared.would_differ(inputs, plan))
    }

    /// What is prepared, by domain.
    pub fn iter(&self) -> impl Iterator<Item = (&Domain, &Prepared)> {
        self.prepared.iter()
    }

    /// What is prepared for a domain.
    #[must_use]
    pub fn of(&self, domain: &Domain) -> Option<&Prepared> {
        self.prepared.get(domain)
    }

    /// How well the rest would carry each loss that is prepared for, the widest domain first.
    #[must_use]
    pub fn readiness(&self) -> Vec<Readiness> {
        let domains = domains(&self.places).into_iter();
        let prepared = domains.filter_map(|domain| self.prepared.get(&domain));
        prepared.map(Prepared::readiness).collect()
    }

    /// How many domains there are beyond those that are prepared for.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

/// The failure domains that members stand in, the widest first. A gateway is one where it is not its member's only one, and
/// a zone where its member has others: else the loss of the member says the same.
#[must_use]
pub fn domains(places: &BTreeMap<MemberName, Place>) -> Vec<Domain> {
    let mut wide = BTreeSet::new();
    let mut narrow = BTreeSet::new();
    for (member, place) in places {
        wide.extend(place.region.clone().map(Domain::Region));
        wide.extend(place.domains.iter().cloned().map(Domain::Declared));
        for zone in &place.zones {
            if let Some(region) = &place.region {
                narrow.insert(Domain::Zone {
                    region: region.clone(),
                    zone: zone.clone(),
                });
            }
        }
        for gateway in place.gateways.iter().filter(|_| place.gateways.len() > 1) {
            narrow.insert(Domain::Gateway {
                member: member.clone(),
                gateway: gateway.clone(),
            });
        }
    }
    let members = places.keys().cloned().map(Domain::Member);
    wide.into_iter().chain(members).chain(narrow).collect()
}
