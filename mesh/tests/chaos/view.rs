//! What a view may be, from a roll of dice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use causeway_api::ServiceKey;
use causeway_api::plan::PlanKind;
use causeway_api::view::{NetworkView, ServiceView};
use causeway_mesh::{Source, Versions};
use causeway_render::{MemberInputs, OwnerWord, ServiceInputs};
pub(crate) use causeway_render_samples::*;

pub(crate) const NETWORKS: [&str; 3] = ["net2", "net3", "net4"];
pub(crate) const SERVICES: [&str; 4] = ["cart", "pay", "search", "user"];

/// A sequence of numbers from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

pub(crate) struct View {
    pub(crate) member: MemberInputs,
    pub(crate) services: BTreeMap<ServiceKey, ServiceInputs>,
    pub(crate) index: u64,
}

pub(crate) struct Held(pub(crate) Mutex<View>);

impl Source for Held {
    fn is_complete(&self) -> bool {
        true
    }
    fn member(&self) -> Option<Arc<MemberInputs>> {
        Some(Arc::new(self.0.lock().unwrap().member.clone()))
    }
    fn services(&self) -> Vec<ServiceKey> {
        self.0.lock().unwrap().services.keys().cloned().collect()
    }
    fn service(&self, key: &ServiceKey) -> ServiceInputs {
        let view = self.0.lock().unwrap();
        view.services.get(key).cloned().unwrap_or_default()
    }
    fn versions(&self) -> Versions {
        Versions {
            generation: generation(self.0.lock().unwrap().index),
            owners: BTreeMap::new(),
            incarnation: 1,
        }
    }
}

pub(crate) fn key(name: &str) -> ServiceKey {
    ServiceKey::new("shop", name).unwrap()
}

pub(crate) fn plan(dice: &mut Dice) -> ServiceView {
    let offered: Vec<&str> = NETWORKS.into_iter().filter(|_| dice.roll(3) > 0).collect();
    let mut shares = vec![(zone("z1"), 4_000)];
    shares.extend(offered.iter().map(|name| (to(name), 2_000)));
    let kind = if dice.roll(2) == 0 {
        PlanKind::Nearest
    } else {
        PlanKind::Spill
    };
    view(vec![source("z1", kind, &shares, &[])], &offered)
}

/// Whose pods are selected by nothing that is known.
pub(crate) fn words(dice: &mut Dice) -> Vec<OwnerWord> {
    let word = |name: &&str| {
        let mut word = owner(&format!("m-{name}"), name, dice.roll(4) as u32);
        word.service.selector.clear();
        word
    };
    NETWORKS.iter().map(word).collect()
}

pub(crate) fn gateways(dice: &mut Dice) -> NetworkView {
    let addresses = ["203.0.113.1", "203.0.113.2"];
    network_view(&addresses[..dice.roll(3) as usize], "r2/z1")
}
