//! Nodes: where they are, and hence where endpoints are.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{Region, Zone};
use causeway_api::{Locality, Name};

use super::parse::cut;
use super::{Declared, Index};
use crate::border;

/// Nodes by number. A number is given when a slice or the node itself first names it, and stays.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    numbers: BTreeMap<Name, u32>,
    slots: Vec<Option<NodeInfo>>,
    /// How many nodes say that a zone is in a region.
    regions: BTreeMap<Zone, BTreeMap<Region, u32>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NodeInfo {
    place: Locality,
    ready: bool,
}

impl Nodes {
    /// The number of a node that a slice names; `None` where it can be no node's name.
    pub(super) fn number(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let name = Name::new(name).ok()?;
        let number = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(None);
        self.numbers.insert(name, number);
        Some(number)
    }

    fn info(&self, number: u32) -> Option<&NodeInfo> {
        self.slots.get(number as usize)?.as_ref()
    }

    /// The region that all nodes of a zone name.
    fn region_of(&self, zone: &Zone) -> Option<&Region> {
        let regions = self.regions.get(zone)?;
        match regions.len() {
            1 => regions.keys().next(),
            _ => None,
        }
    }

    fn count_region(&mut self, place: &Locality, add: bool) {
        let (Some(zone), Some(region)) = (&place.zone, &place.region) else {
            return;
        };
        let regions = self.regions.entry(zone.clone()).or_default();
        let count = regions.entry(region.clone()).or_insert(0);
        *count = if add {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
        if *count == 0 {
            regions.remove(region);
        }
        if regions.is_empty() {
            self.regions.remove(zone);
        }
    }

    /// Where an endpoint is, by its node and the zone that its slice gives.
    pub(super) fn locate(
        &self,
        node: Option<u32>,
        zone: Option<&Zone>,
        declared: &Declared,
    ) -> Locality {
        let place = node
            .and_then(|node| self.info(node))
            .map(|info| &info.place);
        let zone = place.and_then(|place| place.zone.as_ref()).or(zone);
        let region = place
            .and_then(|place| place.region.as_ref())
            .or_else(|| self.region_of(zone?))
            .or(declared.region.as_ref());
        let found = Locality {
            region: region.cloned(),
            zone: zone.cloned(),
        };
        declared.translate(found)
    }

    /// Ready nodes by locality.
    pub(super) fn ready(&self, declared: &Declared) -> BTreeMap<Locality, u32> {
        let mut ready = BTreeMap::new();
        for (number, info) in (0..).zip(&self.slots) {
            if info.as_ref().is_some_and(|info| info.ready) {
                let locality = self.locate(Some(number), None, declared);
                *ready.entry(locality).or_insert(0) += 1;
            }
        }
        ready
    }

    /// The region that most nodes name, ready or not; of several, the first by name.
    pub(super) fn main_region(&self, declared: &Declared) -> Option<Region> {
        let mut counts: BTreeMap<Region, u32> = BTreeMap::new();
        for (number, info) in (0..).zip(&self.slots) {
            if info.is_some()
                && let Some(region) = self.locate(Some(number), None, declared).region
            {
                *counts.entry(region).or_insert(0) += 1;
            }
        }
        let most = counts.values().max().copied()?;
        counts.into_iter().find(|(_, n)| *n == most).map(|(r, _)| r)
    }
}

impl Declared {
    /// Our name for a locality: by the most specific mapping.
    fn translate(&self, found: Locality) -> Locality {
        if self.localities.is_empty() {
            return found;
        }
        let zone_alone = Locality {
            region: None,
            zone: found.zone.clone(),
        };
        let region_alone = Locality {
            region: found.region.clone(),
            zone: None,
        };
        let to = self
            .localities
            .get(&found)
            .or_else(|| self.localities.get(&zone_alone))
            .or_else(|| self.localities.get(&region_alone));
        match to {
            None => found,
            Some(to) => Locality {
                region: to.region.clone().or(found.region),
                zone: to.zone.clone().or(found.zone),
            },
        }
    }
}

impl Index {
    /// A Node was added or changed. Endpoints on it move with it.
    pub fn apply_node(&mut self, node: &border::Node) {
        if let Some((number, regions_differ)) = self.put_node(node) {
            if regions_differ {
                self.relocate_all();
            } else {
                self.relocate_node(number);
            }
        }
    }

    /// A Node was deleted. Its endpoints keep the zone that their slices name.
    pub fn delete_node(&mut self, name: &str) {
        if let Some((number, regions_differ)) = self.take_node(name) {
            if regions_differ {
                self.relocate_all();
            } else {
                self.relocate_node(number);
            }
        }
    }

    /// The end of a fresh list whose objects were applied one by one: what it did not name goes. The first of each pair
    /// is empty, as for everything that stands in no namespace.
    pub fn retain_nodes(&mut self, listed: &BTreeSet<(&str, &str)>) {
        let known = self.nodes.numbers.iter().filter(|(name, number)| {
            self.nodes.info(**number).is_some() && !listed.contains(&("", name.as_str()))
        });
        let gone: Vec<Name> = known.map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.delete_node(name.as_str());
        }
    }

    /// Its number where it moved, and whether what is known of regions by zone differs.
    fn put_node(&mut self, node: &border::Node) -> Option<(u32, bool)> {
        let mut found = Vec::new();
        let mut label = |name: &str, text: &Option<String>| {
            let text = text.as_deref().filter(|text| !text.is_empty())?;
            // Both kinds of names obey the same rule.
            if let Err(error) = Zone::new(text) {
                found.push(format!(
                    "label topology.kubernetes.io/{name} is {:?}: {error}",
                    cut(text)
                ));
                return None;
            }
            Some(text.to_owned())
        };
        let region = label("region", &node.region).and_then(|text| Region::new(&text).ok());
        let zone = label("zone", &node.zone).and_then(|text| Zone::new(&text).ok());
        self.dirty_member |= self.problems.set("Node", &node.name, found);
        let number = self.nodes.number(&node.name)?;
        let info = NodeInfo {
            place: Locality { region, zone },
            ready: node.ready,
        };
        let slot = self.nodes.slots.get_mut(number as usize)?;
        if slot.as_ref() == Some(&info) {
            return None;
        }
        let new = info.place.clone();
        let old = slot.replace(info).map(|info| info.place);
        self.dirty_member = true;
        if old.as_ref() == Some(&new) {
            return None;
        }
        Some((number, self.recount_regions(old.as_ref(), Some(&new))))
    }

    fn take_node(&mut self, name: &str) -> Option<(u32, bool)> {
        self.dirty_member |= self.problems.set("Node", name, Vec::new());
        let number = *self.nodes.numbers.get(name)?;
        let old = self.nodes.slots.get_mut(number as usize)?.take()?.place;
        self.dirty_member = true;
        Some((number, self.recount_regions(Some(&old), None)))
    }

    /// Whether the region of a zone became known, unknown or another one.
    fn recount_regions(&mut self, old: Option<&Locality>, new: Option<&Locality>) -> bool {
        let zones: Vec<&Zone> = [old, new]
            .into_iter()
            .flatten()
            .filter_map(|place| place.zone.as_ref())
            .collect();
        let regions = |nodes: &Nodes| -> Vec<Option<Region>> {
            let known = zones.iter().map(|zone| nodes.region_of(zone).cloned());
            known.collect()
        };
        let before = regions(&self.nodes);
        if let Some(old) = old {
            self.nodes.count_region(old, false);
        }
        if let Some(new) = new {
            self.nodes.count_region(new, true);
        }
        before != regions(&self.nodes)
    }
}
