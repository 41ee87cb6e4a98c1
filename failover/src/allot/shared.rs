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
    /// Networks where each keeps to what it wants, though all of it fits.
    kept: BTreeSet<NetworkName>,
    rows: Rows,
}

impl Shared {
    /// Takes in what a service would send, whatever its inputs allot to it; `None`: it is no more.
    pub fn note(&mut self, service: &ServiceKey, inputs: Option<&PlanInputs>) {
        self.within.remove(service);
        match inputs {
            Some(inputs) => {
                let mut free = inputs.clone();
                free.gateways.clear();
                self.wants.insert(service.clone(), wants(&free));
            }
            None => {
                self.wants.remove(service);
            }
        }
    }

    /// Has everybody keep to its part of a network even where all that is wanted fits.
    ///
    /// What services want is reckoned from scratch; a plan that goes on from the one before it may send more, as long as nothing
    /// binds it. Where all together would be too much, this is what brings them back.
    ///
    /// It holds for as long as whoever plans leads and the network's gateways declare what they carry, so for no more networks than
    /// do. Nobody is served less for it, since each keeps what it wants. To let go sooner would bring the refusal back: plans
    /// that go on from those before do not come back by themselves.
    pub fn keep_to_parts(&mut self, network: &NetworkName) {
        self.kept.insert(network.clone());
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
    pub fn settle(
        &mut self,
        limits: &BTreeMap<NetworkName, Rate>,
        inputs: &mut dyn FnMut(&ServiceKey) -> Option<PlanInputs>,
    ) -> BTreeSet<ServiceKey> {
        self.kept.retain(|network| limits.contains_key(network));
        let rows = self.allot(limits, inputs);
        let before = std::mem::replace(&mut self.rows, rows);
        differing(&before, &self.rows)
    }

    /// Who gets how much: by what all want; then, as long as what one may not send here overloads another network, that one
    /// too. Nobody's part is ever raised again in one go, so that this ends.
    fn allot(
        &mut self,
        limits: &BTreeMap<NetworkName, Rate>,
        inputs: &mut dyn FnMut(&ServiceKey) -> Option<PlanInputs>,
    ) -> Rows {
        let mut rows = Rows::new();
        for _ in 0..=limits.len() {
            let mut more = false;
            for (network, limit) in limits {
                let kept = self.kept.contains(network);
                let now: Vec<(ServiceKey, Class, Rate)> = self
                    .wants
                    .iter()
                    .map(|(key, wants)| (key, self.bound(&rows, key).unwrap_or(wants)))
                    .filter_map(|(key, wants)| {
                        let rate = *wants.rates.get(network)?;
                        (kept || rate.0 > 0).then(|| (key.clone(), wants.class, rate))
                    })
                    .collect();
                if let Some(row) = rows.get_mut(network) {
                    // What came here because another network had no room for it finds none here.
                    for (key, _, _) in now {
                        more |= !row.contains_key(&key);
                        row.entry(key).or_insert(Rate(0));
                    }
                    continue;
                }
                let wanted = now.iter().map(|(key, class, rate)| (key, *class, *rate));
                let row = gateways::allot(*limit, kept, wanted);
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
