//! Who gets how much of gateways that not all fit through, kept up to date one service at a time.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::{GatewayInput, PlanInputs, Rate};

use super::gateways::{self, Class, Wants, wants};

/// What each service may send through the gateways of each network that not all fit through.
type Rows = BTreeMap<NetworkName, BTreeMap<ServiceKey, Rate>>;

/// What services want of gateways, and what each is allotted.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// What each service would send through gateways if they carried anything.
    wants: BTreeMap<ServiceKey, Wants>,
    /// What it sends within what it is allotted.
    within: BTreeMap<ServiceKey, (Vec<GatewayInput>, Wants)>,
    /// What it leaves unserved without one network, within what others allot to it.
    without: BTreeMap<ServiceKey, BTreeMap<NetworkName, (Vec<GatewayInput>, Rate)>>,
    /// What all would send into each network, if gateways carried anything.
    sums: BTreeMap<NetworkName, u128>,
    rows: Rows,
}

impl Shared {
    /// Takes in what a service would send, whatever its inputs allot to it; `None`: it is no more.
    pub fn note(&mut self, service: &ServiceKey, inputs: Option<&PlanInputs>) {
        self.within.remove(service);
        self.without.remove(service);
        let now = inputs.map(|inputs| {
            if inputs.gateways.is_empty() {
                return wants(inputs);
            }
            let mut free = inputs.clone();
            free.gateways.clear();
            wants(&free)
        });
        for (network, rate) in now.iter().flat_map(|wants| &wants.rates) {
            *self.sums.entry(network.clone()).or_default() += u128::from(rate.0);
        }
        let former = match now {
            Some(now) => self.wants.insert(service.clone(), now),
            None => self.wants.remove(service),
        };
        for (network, rate) in former.iter().flat_map(|wants| &wants.rates) {
            if let Some(sum) = self.sums.get_mut(network) {
                *sum = sum.saturating_sub(u128::from(rate.0));
            }
        }
    }

    /// Forgets what services want: nothing is shared.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether nobody is bound.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.rows.is_empty()
    }

    /// What a service is allotted of each network that binds it.
    #[must_use]
    pub fn of(&self, service: &ServiceKey) -> Vec<GatewayInput> {
        of(&self.rows, service)
    }

    /// Allots anew where the gateways of networks carry so much; the services that get another part than before. `inputs` are
    /// those of a service that was not asked for, whatever they allot to it.
    ///
    /// In `kept` networks everybody keeps to its part even where all that is wanted fits. What services want is reckoned from
    /// scratch; a plan that goes on from the one before it may send more, as long as nothing binds it. Where all together would
    /// be too much, this is what brings them back. Nobody is served less for it, since each keeps what it wants.
    pub fn settle(
        &mut self,
        limits: &BTreeMap<NetworkName, Rate>,
        kept: &BTreeSet<NetworkName>,
        inputs: &mut dyn FnMut(&ServiceKey) -> Option<PlanInputs>,
    ) -> BTreeSet<ServiceKey> {
        let rows = self.allot(limits, kept, inputs);
        let before = std::mem::replace(&mut self.rows, rows);
        differing(&before, &self.rows)
    }

    /// Who gets how much: by what all want; then, as long as what one may not send here overloads another network, that one
    /// too. Nobody's part is ever raised again in one go, so that this ends.
    fn allot(
        &mut self,
        limits: &BTreeMap<NetworkName, Rate>,
        kept: &BTreeSet<NetworkName>,
        inputs: &mut dyn FnMut(&ServiceKey) -> Option<PlanInputs>,
    ) -> Rows {
        let mut rows = Rows::new();
        if self.all_fits(limits, kept) {
            return rows;
        }
        for _ in 0..=limits.len() {
            // All that is looked at is as it was before this round, so that nothing depends on what was reckoned earlier.
            let before = rows.clone();
            let mut more = false;
            for (network, limit) in limits {
                let kept = kept.contains(network);
                let now = self.asked(&before, network, kept);
                if let Some(row) = rows.get_mut(network) {
                    // What came here because another network had no room for it finds none here.
                    for (key, _, _) in now {
                        more |= !row.contains_key(&key);
                        row.entry(key).or_insert(Rate(0));
                    }
                    continue;
                }
                let wanted = now.iter().map(|(key, class, rate)| (key, *class, *rate));
                let mut needed = |key: &ServiceKey| self.needed(&before, network, key, inputs);
                let row = gateways::allot(*limit, kept, wanted, &mut needed);
                if !row.is_empty() {
                    rows.insert(network.clone(), row);
                    more = true;
                }
            }
            if !more {
                break;
            }
            let tied: BTreeSet<&ServiceKey> = rows.values().flat_map(BTreeMap::keys).collect();
            for key in tied {
                let gateways = of(&rows, key);
                let known = self.within.get(key);
                if known.is_some_and(|(held, _)| *held == gateways) {
                    continue;
                }
                if let Some(mut inputs) = inputs(key) {
                    inputs.gateways.clone_from(&gateways);
                    let wants = wants(&inputs);
                    self.within.insert(key.clone(), (gateways, wants));
                }
            }
        }
        rows
    }

    /// Whether nobody need be bound: mostly so, and seen without a look at each service.
    fn all_fits(&self, limits: &BTreeMap<NetworkName, Rate>, kept: &BTreeSet<NetworkName>) -> bool {
        limits.iter().all(|(network, limit)| {
            let sum = self.sums.get(network).copied().unwrap_or_default();
            sum <= u128::from(limit.0) && !kept.contains(network)
        })
    }

    /// What each service would send into a network, within what others allot to it.
    fn asked(
        &self,
        rows: &Rows,
        network: &NetworkName,
        kept: bool,
    ) -> Vec<(ServiceKey, Class, Rate)> {
        let all = self.wants.iter();
        let all = all.map(|(key, wants)| (key, self.bound(rows, key).unwrap_or(wants)));
        let here = all.filter_map(|(key, wants)| {
            let rate = *wants.rates.get(network)?;
            (kept || rate.0 > 0).then(|| (key.clone(), wants.class, rate))
        });
        here.collect()
    }

    /// What a service could serve nowhere else if it might send nothing into a network: others let in what they allot to it,
    /// and where it has no part of what is divided already, nothing.
    fn needed(
        &mut self,
        rows: &Rows,
        network: &NetworkName,
        service: &ServiceKey,
        inputs: &mut dyn FnMut(&ServiceKey) -> Option<PlanInputs>,
    ) -> Rate {
        let others = rows.iter().filter(|(other, _)| *other != network);
        let others = others.map(|(other, row)| GatewayInput {
            network: other.clone(),
            limit: row.get(service).copied().unwrap_or_default(),
        });
        let without: Vec<GatewayInput> = others
            .chain([GatewayInput {
                network: network.clone(),
                limit: Rate(0),
            }])
            .collect();
        let known = self.without.get(service).and_then(|row| row.get(network));
        let left = match known.filter(|(held, _)| *held == without) {
            Some((_, unserved)) => *unserved,
            None => {
                let Some(mut inputs) = inputs(service) else {
                    return Rate(0);
                };
                inputs.gateways.clone_from(&without);
                let unserved = wants(&inputs).unserved;
                let row = self.without.entry(service.clone()).or_default();
                row.insert(network.clone(), (without, unserved));
                unserved
            }
        };
        let now = self.bound(rows, service).or(self.wants.get(service));
        left.minus(now.map_or(Rate(0), |wants| wants.unserved))
    }

    /// What a service sends within what it is allotted, where it is allotted anything.
    fn bound(&self, rows: &Rows, key: &ServiceKey) -> Option<&Wants> {
        let (gateways, wants) = self.within.get(key)?;
        let tied = rows.values().any(|row| row.contains_key(key));
        (tied && *gateways == of(rows, key)).then_some(wants)
    }
}

fn of(rows: &Rows, key: &ServiceKey) -> Vec<GatewayInput> {
    let rows = rows.iter().filter_map(|(network, row)| {
        Some(GatewayInput {
            network: network.clone(),
            limit: *row.get(key)?,
        })
    });
    rows.collect()
}

/// Services whose part of any network is another.
fn differing(before: &Rows, after: &Rows) -> BTreeSet<ServiceKey> {
    let none = BTreeMap::new();
    let networks: BTreeSet<&NetworkName> = before.keys().chain(after.keys()).collect();
    let mut services = BTreeSet::new();
    for network in networks {
        let (old, new) = (before.get(network), after.get(network));
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        let keys = old.keys().chain(new.keys());
        services.extend(keys.filter(|key| old.get(*key) != new.get(*key)).cloned());
    }
    services
}
