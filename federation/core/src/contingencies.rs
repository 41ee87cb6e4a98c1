//! What is prepared for the loss of each failure domain, followed from the state one service at a time.
//!
//! Everything here is a function of what is committed (plans, each with the inputs that it rests on, and where members
//! stand), so that every replica holds the same content at the same place in the log, and compares it by hash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use causeway_api::contingency::Readiness;
use causeway_api::domain::Domain;
use causeway_api::plan::{PlanInputs, ServicePlan};
use causeway_api::{MemberName, NetworkName, ServiceKey};
use causeway_failover::contingency::{Fall, Place, Prepared};
use causeway_state::{PlanProposal, PlanRow, State};

/// At most so many domains are prepared for: regions and declared domains first, then members, zones and gateways.
pub const DOMAINS: usize = causeway_state::apply::contingencies::DOMAINS;

/// What is committed, by service.
pub type Plans = BTreeMap<ServiceKey, Arc<PlanRow>>;

/// What is prepared, by domain.
#[derive(Debug, Default)]
pub struct Contingencies {
    places: BTreeMap<MemberName, Place>,
    /// Networks where services keep to their parts.
    kept: BTreeSet<NetworkName>,
    prepared: BTreeMap<Domain, Prepared>,
    /// What of each service was taken in last.
    taken: Plans,
    /// Services to be looked at.
    due: BTreeSet<ServiceKey>,
    /// Domains of which something changed since services were tied together.
    untied: BTreeSet<Domain>,
    /// Domains beyond [`DOMAINS`].
    left_out: usize,
}

impl Contingencies {
    /// Looks at where members stand. Where another fall follows from that, everything is prepared anew; where gateways only
    /// carry more or less than before, what services share is allotted anew.
    pub fn place(&mut self, state: &State) {
        let places = state.places();
        self.spare(state);
        if self.kept != *state.kept_to_parts() {
            self.kept.clone_from(state.kept_to_parts());
            self.untie();
        }
        if places == self.places {
            return;
        }
        let domains = domains(&places);
        self.left_out = domains.len().saturating_sub(DOMAINS);
        let mut before = std::mem::take(&mut self.prepared);
        for domain in domains.into_iter().take(DOMAINS) {
            let fall = Fall::of(&domain, &places);
            let held = before.remove(&domain).filter(|held| *held.fall() == fall);
            if held.is_none() {
                self.due.extend(state.plans.keys().cloned());
            }
            let held = held.unwrap_or_else(|| Prepared::tied(domain.clone(), fall));
            self.prepared.insert(domain, held);
        }
        self.places = places;
        self.untie();
        self.spare(state);
    }

    /// Which networks are not cut off as a whole, because services that stand outside go there.
    fn spare(&mut self, state: &State) {
        let spared = state.spared();
        for prepared in self.prepared.values_mut() {
            prepared.spare(!prepared.fall().networks.is_disjoint(&spared));
        }
    }

    fn untie(&mut self) {
        self.untied = self.prepared.keys().cloned().collect();
    }

    /// Plans of services changed, or the inputs that they rest on.
    pub fn services_changed<'s>(&mut self, services: impl IntoIterator<Item = &'s ServiceKey>) {
        self.due.extend(services.into_iter().cloned());
    }

    /// Whether all that changed was looked at.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.due.is_empty() && self.untied.is_empty()
    }

    /// Once nothing is due: ties together, after the next loss that this has to be looked at for, the services that share
    /// something; false where there is none. Of services that are due again meanwhile, what is committed counts when it is
    /// taken in.
    pub fn settle(&mut self, plans: &Plans) -> bool {
        if !self.due.is_empty() {
            return false;
        }
        let Some(domain) = self.untied.pop_first() else {
            return false;
        };
        let committed = |service: &ServiceKey| {
            let held = plans.get(service)?.value.as_ref()?;
            Some((&held.inputs, &held.plan))
        };
        let all = || plans.keys().cloned().collect();
        if let Some(prepared) = self.prepared.get_mut(&domain) {
            let limits = prepared.fall().limits(&self.places);
            prepared.settle(&limits, &self.kept, &all, &committed);
        }
        !self.untied.is_empty()
    }

    /// The next services to be looked at, at most `limit`.
    pub fn take(&mut self, limit: usize) -> Vec<ServiceKey> {
        let some: Vec<ServiceKey> = self.due.iter().take(limit).cloned().collect();
        for service in &some {
            self.due.remove(service);
        }
        some
    }

    /// Takes in a service as it is committed, or that it is no more; and keeps in mind what it was.
    pub fn take_in(&mut self, service: &ServiceKey, row: Option<Arc<PlanRow>>) {
        let held = row.as_ref().and_then(|row| row.value.as_ref());
        self.update(service, held.map(|held| (&held.inputs, &held.plan)));
        match row {
            Some(row) => self.taken.insert(service.clone(), row),
            None => self.taken.remove(service),
        };
    }

    /// What to propose of a service when a domain is lost, where the loss changes it. `None` also where `committed` is another
    /// than was last taken in: a plan that was prepared from other inputs than those that it would be proposed with is none.
    #[must_use]
    pub fn proposal(
        &self,
        domain: &Domain,
        service: &ServiceKey,
        committed: &Arc<PlanRow>,
    ) -> Option<PlanProposal> {
        let taken = self.taken.get(service)?;
        if !Arc::ptr_eq(taken, committed) && taken != committed {
            return None;
        }
        let held = committed.value.as_ref()?;
        let prepared = self.prepared.get(domain)?;
        Some(PlanProposal {
            service: service.clone(),
            plan: Some(prepared.proposed(&held.inputs, &held.plan)?),
            previous: Some(committed.generation),
        })
    }

    /// Takes in a service as it is committed, or that it is no more.
    pub fn update(&mut self, service: &ServiceKey, committed: Option<(&PlanInputs, &ServicePlan)>) {
        self.untie();
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
        for gateway in place.gateways.keys().filter(|_| place.gateways.len() > 1) {
            narrow.insert(Domain::Gateway {
                member: member.clone(),
                gateway: gateway.clone(),
            });
        }
    }
    let members = places.keys().cloned().map(Domain::Member);
    wide.into_iter().chain(members).chain(narrow).collect()
}
