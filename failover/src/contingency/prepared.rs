//! What is prepared for the loss of one domain: kept up to date one service at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::OnceLock;

use causeway_api::contingency::{ContentHash, Readiness};
use causeway_api::domain::Domain;
use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::{PlanInputs, Rate, ServicePlan};
use causeway_api::rules::Priority;
use sha2::{Digest as _, Sha256};

use super::fall::Fall;
use super::judged::Judged;
use super::patch::Patch;
use super::tally::Tally;
use super::tied::Tied;
use crate::plan::{Stability, plan_with_previous};
use crate::replay::sum;

/// What is prepared for the loss of one domain.
#[derive(Debug, Clone)]
pub struct Prepared {
    domain: Domain,
    fall: Fall,
    services: BTreeMap<ServiceKey, Row>,
    /// Services that are bound otherwise than before though their plans stay, with the sum of the plan: others' plans count on
    /// it.
    rebound: BTreeMap<ServiceKey, [u8; 32]>,
    /// `None`: what services are allotted of what they share is as committed.
    tied: Option<Tied>,
    /// Some service that moves by a person's word alone goes where all else is to be left.
    spared: bool,
    /// The name of the content, once it was asked for.
    hash: OnceLock<ContentHash>,
}

/// A service whose plan would change.
#[derive(Debug, Clone)]
struct Row {
    patch: Patch,
    /// Of the plan, so that the whole is named without reading all of it again.
    sum: [u8; 32],
    judged: Judged,
    priority: Priority,
    /// It shares something with others: planned together, proposed together.
    tied: bool,
}

/// How far proposals have been taken: the class and the service that came last.
pub type Mark = (Priority, ServiceKey);

impl Prepared {
    /// Nothing yet, for a domain whose loss takes `fall`: each service by itself. What it is allotted of what it shares with
    /// others stays as committed.
    #[must_use]
    pub fn new(domain: Domain, fall: Fall) -> Self {
        Self {
            domain,
            fall,
            services: BTreeMap::new(),
            rebound: BTreeMap::new(),
            tied: None,
            spared: false,
            hash: OnceLock::new(),
        }
    }

    /// Likewise for services that share gateways, or move as one: they are allotted anew whenever this is settled
    /// ([`Prepared::settle`]).
    #[must_use]
    pub fn tied(domain: Domain, fall: Fall) -> Self {
        Self {
            tied: Some(Tied::default()),
            ..Self::new(domain, fall)
        }
    }

    /// What falls with the domain.
    #[must_use]
    pub fn fall(&self) -> &Fall {
        &self.fall
    }

    /// Takes in a service as it is committed now, or that it is no more.
    pub fn update(&mut self, service: &ServiceKey, committed: Option<(&PlanInputs, &ServicePlan)>) {
        let left = committed.map(|(inputs, _)| self.fallen(inputs));
        if let Some(tied) = &mut self.tied {
            tied.note(service, left.as_ref());
        }
        self.draw(service, committed);
    }

    fn draw(&mut self, service: &ServiceKey, committed: Option<(&PlanInputs, &ServicePlan)>) {
        let row = committed.and_then(|(inputs, plan)| self.row(inputs, plan));
        let stays = committed.filter(|(inputs, _)| {
            row.is_none() && self.tied.is_some() && bound_otherwise(&self.inputs(inputs), inputs)
        });
        self.hash = OnceLock::new();
        match stays {
            Some((_, plan)) => self.rebound.insert(service.clone(), sum(plan).0),
            None => self.rebound.remove(service),
        };
        match row {
            Some(row) => self.services.insert(service.clone(), row),
            None => self.services.remove(service),
        };
    }

    /// Allots what services share as it is left after the loss, where gateways carry `limits` then and everybody keeps to its part
    /// of those that are `kept`, and binds those that move as one: whoever gets another part than before is planned again. `committed` gives a service as it was last taken in,
    /// `all` names all of them.
    pub fn settle<'s>(
        &mut self,
        limits: &BTreeMap<NetworkName, Rate>,
        kept: &BTreeSet<NetworkName>,
        all: &dyn Fn() -> BTreeSet<ServiceKey>,
        committed: &dyn Fn(&ServiceKey) -> Option<(&'s PlanInputs, &'s ServicePlan)>,
    ) {
        let Some(mut tied) = self.tied.take() else {
            return;
        };
        let left = |service: &ServiceKey| committed(service).map(|(inputs, _)| self.fallen(inputs));
        let again = tied.settle(limits, kept, all, &left);
        self.tied = Some(tied);
        for service in again {
            self.draw(&service, committed(&service));
        }
    }

    /// Whether a service that moves by a person's word alone goes into a network that falls: then the network is not cut off as
    /// a whole.
    pub fn spare(&mut self, spared: bool) {
        self.spared = spared;
    }

    /// Whether other inputs under the same committed plan would be met in another way.
    #[must_use]
    pub fn would_differ(&self, inputs: &PlanInputs, committed: &ServicePlan) -> bool {
        let then = self.row(inputs, committed);
        let held = self.services.get(&inputs.service);
        then.map(|row| (row.sum, row.judged.outcome))
            != held.map(|row| (row.sum, row.judged.outcome))
    }

    /// The plan after the loss of the service whose plan `committed` was last taken in; `None` where the loss does not
    /// change it, or where another plan was taken in.
    #[must_use]
    pub fn plan(&self, committed: &ServicePlan) -> Option<ServicePlan> {
        let row = self.services.get(&committed.service)?;
        let plan = row.patch.applied(committed);
        (sum(&plan).0 == row.sum).then_some(plan)
    }

    /// What to propose for a service whose plan `committed` was last taken in: its inputs and plan after the loss. `None` where
    /// the loss changes neither its plan nor what binds it, or where another plan was taken in.
    #[must_use]
    pub fn proposed(
        &self,
        inputs: &PlanInputs,
        committed: &ServicePlan,
    ) -> Option<(PlanInputs, ServicePlan)> {
        let stays = || {
            let held = self.rebound.get(&committed.service);
            held.is_some_and(|held| *held == sum(committed).0)
        };
        let plan = match self.plan(committed) {
            Some(plan) => plan,
            None if stays() => committed.clone(),
            None => return None,
        };
        Some((self.inputs(inputs), plan))
    }

    /// What a plan after the loss is computed from.
    #[must_use]
    pub fn inputs(&self, committed: &PlanInputs) -> PlanInputs {
        let mut left = self.fallen(committed);
        if let Some(tied) = &self.tied {
            tied.bind(&mut left);
        }
        left
    }

    fn fallen(&self, committed: &PlanInputs) -> PlanInputs {
        let left = self.fall.without(committed);
        left.unwrap_or_else(|| committed.clone())
    }

    fn row(&self, inputs: &PlanInputs, before: &ServicePlan) -> Option<Row> {
        let left = self.inputs(inputs);
        if left == *inputs {
            return None;
        }
        let plan = plan_with_previous(&left, Some(before), Stability::default());
        if plan == *before {
            return None;
        }
        let patch = Patch::between(before, &plan);
        debug_assert_eq!(patch.applied(before), plan);
        Some(Row {
            sum: sum(&plan).0,
            judged: Judged::of(&self.fall, &left, before, &plan),
            priority: left.policy.priority,
            tied: !left.gateways.is_empty() || left.policy.together.is_some(),
            patch,
        })
    }

    /// The services whose plans change, in order.
    pub fn services(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys()
    }

    /// Services that share something with others: they move in one go, since what one gives up another takes. Some may keep
    /// their plan, and are only bound otherwise.
    #[must_use]
    pub fn together(&self) -> Vec<ServiceKey> {
        let tied = self.services.iter().filter(|(_, row)| row.tied);
        let tied = tied.map(|(service, _)| service);
        tied.chain(self.rebound.keys()).cloned().collect()
    }

    /// The next services after a mark that move by themselves, the most critical first, within a class by name.
    #[must_use]
    pub fn next(&self, after: Option<&Mark>, limit: usize) -> Vec<Mark> {
        let mut next = Vec::new();
        for class in [Priority::Critical, Priority::Standard, Priority::Sheddable] {
            let from = match after {
                Some((last, _)) if class < *last => continue,
                Some((last, service)) if class == *last => Bound::Excluded(service),
                _ => Bound::Unbounded,
            };
            let rows = self.services.range((from, Bound::Unbounded));
            let rows = rows.filter(|(_, row)| row.priority == class && !row.tied);
            let rows = rows.take(limit - next.len());
            next.extend(rows.map(|(service, _)| (class, service.clone())));
        }
        next
    }

    /// The name of the content.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        *self.hash.get_or_init(|| self.name())
    }

    fn name(&self) -> ContentHash {
        let mut hasher = Sha256::new();
        hasher.update(self.domain.to_string());
        for (service, row) in &self.services {
            hasher.update([0]);
            hasher.update(service.to_string());
            hasher.update([0]);
            hasher.update(row.sum);
        }
        ContentHash(hasher.finalize().into())
    }

    /// What the loss does to each service whose plan changes, in order.
    pub fn judged(&self) -> impl Iterator<Item = (&ServiceKey, &Judged)> {
        let rows = self.services.iter();
        rows.map(|(service, row)| (service, &row.judged))
    }

    /// How well the rest would carry the loss.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let mut tally = Tally::default();
        for (service, judged) in self.judged() {
            tally.add(service, judged);
        }
        tally.readiness(self.domain.clone(), &self.fall, self.is_cut_off())
    }

    /// Whether one write for each mesh cuts the domain off.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        !self.fall.networks.is_empty() && !self.spared
    }
}

/// Whether something else binds a service to others.
fn bound_otherwise(one: &PlanInputs, other: &PlanInputs) -> bool {
    let together = |inputs: &PlanInputs| {
        let mut sources = inputs.sources.iter();
        sources.any(|source| !source.together.is_empty())
    };
    let sources = one.sources.iter().zip(&other.sources);
    one.gateways != other.gateways
        || (together(one) || together(other))
            && sources
                .into_iter()
                .any(|(one, other)| one.together != other.together)
}
