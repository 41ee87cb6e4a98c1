//! EndpointSlices: compact rows, and what changes from one state of a slice to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use causeway_api::Name;
use causeway_api::ids::{PortName, Zone};

use super::Index;
use super::parse::{address, cut, key, number};
use crate::border;

/// Namespace and name of a slice.
pub(super) type SliceKey = (Name, Name);

/// Pods remembered for one slice, one for each prefix of names (each ReplicaSet, each StatefulSet).
const MAX_SAMPLES: usize = 8;

#[derive(Debug)]
pub(super) struct SliceState {
    pub(super) service: u32,
    /// Its list of ports, in the index's table.
    pub(super) ports: u32,
    /// Sorted.
    pub(super) rows: Box<[Row]>,
    /// Names of Pods from which the service's accounts can be learnt.
    pub(super) samples: Box<[Box<str>]>,
}

/// What is counted together: a Pod's UID, or the bits of an address.
pub(super) type EndpointId = [u64; 2];

/// An endpoint in one slice: 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) id: EndpointId,
    /// The node's number, or [`NONE`].
    node: u32,
    /// Flags in the low eight bits, the zone's number plus one above them.
    zone_and_flags: u32,
}

const NONE: u32 = u32::MAX;
const READY: u32 = 1;
const SERVING: u32 = 2;
const KIND_SHIFT: u32 = 2;
const ZONE_SHIFT: u32 = 8;

/// What an endpoint is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pod = 0,
    V4 = 1,
    V6 = 2,
}

impl Row {
    pub(super) fn node(self) -> Option<u32> {
        (self.node != NONE).then_some(self.node)
    }

    pub(super) fn zone(self) -> Option<u32> {
        (self.zone_and_flags >> ZONE_SHIFT).checked_sub(1)
    }

    pub(super) fn ready(self) -> bool {
        self.zone_and_flags & READY != 0
    }

    pub(super) fn serving(self) -> bool {
        self.zone_and_flags & SERVING != 0
    }

    pub(super) fn kind(self) -> Kind {
        match (self.zone_and_flags >> KIND_SHIFT) & 3 {
            1 => Kind::V4,
            2 => Kind::V6,
            _ => Kind::Pod,
        }
    }
}

impl SliceState {
    /// The rows of one endpoint; usually one or none.
    pub(super) fn rows_of(&self, id: EndpointId) -> &[Row] {
        let from = self.rows.partition_point(|row| row.id < id);
        let rest = self.rows.get(from..).unwrap_or_default();
        let len = rest.iter().take_while(|row| row.id == id).count();
        rest.get(..len).unwrap_or_default()
    }
}

impl Index {
    /// An EndpointSlice was added or changed.
    pub fn apply_slice(&mut self, slice: &border::Slice) {
        let Some(own) = key(&slice.namespace, &slice.name) else {
            return;
        };
        let object = own.to_string();
        let own: SliceKey = (own.namespace, own.name);
        let service = slice.service.as_deref().unwrap_or_default();
        let Some(service) = key(&slice.namespace, service) else {
            // Of no service: nothing that was counted by it may stay.
            self.remove_slice(&own);
            self.dirty_member |= self.problems.set("EndpointSlice", &object, Vec::new());
            return;
        };
        let mut found = Vec::new();
        let rows = self.parse_rows(slice, &mut found);
        let ports = self.parse_ports(slice, &mut found);
        self.dirty_member |= self.problems.set("EndpointSlice", &object, found);

        let service = self.service_number(&service);
        let known = self.slice_numbers.get(&own).copied();
        let known = known.filter(|at| self.slice(*at).is_some_and(|old| old.service == service));
        let at = known.unwrap_or_else(|| {
            self.remove_slice(&own);
            self.add_slice(own, service, ports)
        });
        self.replace_rows(at, rows, ports);
        self.replace_samples(at, slice);
    }

    /// An EndpointSlice was deleted.
    pub fn delete_slice(&mut self, namespace: &str, name: &str) {
        if let Some(own) = key(namespace, name) {
            let object = own.to_string();
            self.dirty_member |= self.problems.set("EndpointSlice", &object, Vec::new());
            self.remove_slice(&(own.namespace, own.name));
        }
    }

    /// The end of a fresh list whose objects were applied one by one: what it did not name goes.
    pub fn retain_slices(&mut self, listed: &BTreeSet<(&str, &str)>) {
        let known = self.slice_numbers.keys();
        let gone: Vec<SliceKey> = known
            .filter(|(namespace, name)| !listed.contains(&(namespace.as_str(), name.as_str())))
            .cloned()
            .collect();
        for (namespace, name) in gone {
            self.delete_slice(namespace.as_str(), name.as_str());
        }
    }

    pub(super) fn slice(&self, at: u32) -> Option<&SliceState> {
        self.slices.get(at as usize)?.as_ref()
    }

    fn slice_mut(&mut self, at: u32) -> Option<&mut SliceState> {
        self.slices.get_mut(at as usize)?.as_mut()
    }

    fn add_slice(&mut self, own: SliceKey, service: u32, ports: u32) -> u32 {
        let state = SliceState {
            service,
            ports,
            rows: Box::default(),
            samples: Box::default(),
        };
        // The service's namespace is the same text: one copy is enough.
        let namespace = self.service(service).map(|s| s.key.namespace.clone());
        let own = (namespace.unwrap_or(own.0), own.1);
        let at = if let Some(at) = self.free_slices.pop() {
            if let Some(place) = self.slices.get_mut(at as usize) {
                *place = Some(state);
            }
            at
        } else {
            self.slices.push(Some(state));
            u32::try_from(self.slices.len() - 1).unwrap_or(u32::MAX)
        };
        self.slice_numbers.insert(own, at);
        if let Some(state) = self.service_mut(service) {
            state.slices.reserve_exact(1);
            state.slices.push(at);
        }
        at
    }

    fn remove_slice(&mut self, own: &SliceKey) {
        let Some(at) = self.slice_numbers.remove(own) else {
            return;
        };
        let ports = self.slice(at).map_or(0, |state| state.ports);
        self.replace_rows(at, Box::default(), ports);
        let gone = self.slices.get_mut(at as usize).and_then(Option::take);
        if let Some(state) = gone.and_then(|state| self.service_mut(state.service)) {
            state.slices.retain(|other| *other != at);
        }
        self.free_slices.push(at);
    }

    /// Counts what differs between the old rows of a slice and the new ones.
    fn replace_rows(&mut self, at: u32, rows: Box<[Row]>, ports: u32) {
        let Some(state) = self.slice(at) else {
            return;
        };
        let service = state.service;
        let ports_differ = state.ports != ports;
        let ids = if ports_differ {
            let all = state.rows.iter().chain(&rows).map(|row| row.id);
            all.collect::<BTreeSet<_>>().into_iter().collect()
        } else {
            changed(&state.rows, &rows)
        };
        // A slice that comes into use or out of it may settle or unsettle the number of a named port.
        let ports_matter = ports_differ || state.rows.is_empty() != rows.is_empty();
        if ids.is_empty() && !ports_matter {
            return;
        }
        for row in &rows {
            if let Some(node) = row.node() {
                self.on_node.insert((node, service));
            }
        }
        for id in &ids {
            self.tally(service, *id, false);
        }
        if let Some(state) = self.slice_mut(at) {
            state.rows = rows;
            state.ports = ports;
        }
        for id in &ids {
            self.tally(service, *id, true);
        }
        self.mark(service, ports_matter, true);
    }

    /// Remembers a Pod of each prefix, the same one for as long as it is there.
    fn replace_samples(&mut self, at: u32, slice: &border::Slice) {
        let Some(state) = self.slice(at) else {
            return;
        };
        let pods = || slice.endpoints.iter().filter_map(|e| e.pod.as_ref());
        let mut samples: BTreeMap<&str, &str> = BTreeMap::new();
        for old in &state.samples {
            if pods().any(|pod| *pod.name == **old) {
                samples.insert(prefix(old), old);
            }
        }
        for pod in pods() {
            if samples.len() < MAX_SAMPLES {
                samples.entry(prefix(&pod.name)).or_insert(&pod.name);
            }
        }
        if samples
            .values()
            .copied()
            .eq(state.samples.iter().map(|s| &**s))
        {
            return;
        }
        let samples = samples.into_values().map(Box::from).collect();
        let service = state.service;
        if let Some(state) = self.slice_mut(at) {
            state.samples = samples;
        }
        self.mark(service, true, false);
    }

    fn parse_rows(&mut self, slice: &border::Slice, found: &mut Vec<String>) -> Box<[Row]> {
        let kind = match slice.address_type.as_str() {
            "IPv4" => Kind::V4,
            "IPv6" => Kind::V6,
            other => {
                if !slice.endpoints.is_empty() {
                    found.push(format!(
                        "addressType {:?} cannot be counted: use IPv4 or IPv6",
                        cut(other)
                    ));
                }
                return Box::default();
            }
        };
        let mut rows = Vec::with_capacity(slice.endpoints.len());
        for (at, endpoint) in slice.endpoints.iter().enumerate() {
            match self.parse_row(kind, &slice.namespace, endpoint) {
                Ok(row) => rows.push(row),
                Err(sentence) => found.push(format!("endpoints[{at}].{sentence}")),
            }
        }
        rows.sort_unstable();
        rows.dedup();
        rows.into_boxed_slice()
    }

    fn parse_row(
        &mut self,
        family: Kind,
        namespace: &str,
        endpoint: &border::Endpoint,
    ) -> Result<Row, String> {
        let text = endpoint.addresses.first().map_or("", String::as_str);
        let bits = match (family, address(text)) {
            (Kind::V4, Some(IpAddr::V4(v4))) => u128::from(v4.to_bits()),
            (Kind::V6, Some(IpAddr::V6(v6))) => v6.to_bits(),
            _ => {
                return Err(format!(
                    "addresses[0] is {:?}: not an address of its slice's addressType, so it is not counted",
                    cut(text)
                ));
            }
        };
        let (kind, bits) = match &endpoint.pod {
            Some(pod) => (Kind::Pod, pod_bits(namespace, pod)),
            None => (family, bits),
        };
        let node = match endpoint.node.as_deref() {
            None | Some("") => NONE,
            Some(name) => self.nodes.number(name).unwrap_or(NONE),
        };
        // A zone that no Node could name is the same as none.
        let zone = endpoint.zone.as_deref().and_then(|zone| {
            let known = self.zones.find(zone);
            known.or_else(|| Some(self.zones.number(&Zone::new(zone).ok()?)))
        });
        let zone = zone.map_or(0, |zone| zone.saturating_add(1));
        let ready = endpoint.ready.unwrap_or(true);
        let serving = endpoint.serving.unwrap_or(ready);
        let flags = if ready { READY } else { 0 } | if serving { SERVING } else { 0 };
        Ok(Row {
            id: halves(bits),
            node,
            zone_and_flags: zone << ZONE_SHIFT | (kind as u32) << KIND_SHIFT | flags,
        })
    }

    fn parse_ports(&mut self, slice: &border::Slice, found: &mut Vec<String>) -> u32 {
        let mut ports = Vec::with_capacity(slice.ports.len());
        for port in &slice.ports {
            let name = match PortName::new(port.name.as_deref().unwrap_or_default()) {
                Ok(name) => name,
                Err(error) => {
                    found.push(format!("ports: {error}"));
                    continue;
                }
            };
            if let Some(n) = port.port.filter(|n| number(*n).is_none()) {
                found.push(format!(
                    "ports[{name}].port: {n} is no port, so its endpoints are not counted"
                ));
                continue;
            }
            ports.push((self.ports.number(&name), port.port.and_then(number)));
        }
        ports.sort_unstable();
        ports.dedup();
        self.slice_ports.number(&ports)
    }
}

/// Endpoints of which a row is in just one of the two.
fn changed(old: &[Row], new: &[Row]) -> Vec<EndpointId> {
    let mut ids = Vec::new();
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let id = match (old.peek(), new.peek()) {
            (Some(a), Some(b)) if a == b => {
                old.next();
                new.next();
                continue;
            }
            (Some(a), Some(b)) if a > b => new.next(),
            (None, _) => new.next(),
            (Some(_), _) => old.next(),
        };
        match id {
            Some(row) if ids.last() != Some(&row.id) => ids.push(row.id),
            Some(_) => {}
            None => return ids,
        }
    }
}

/// A Pod's UID; where it is no UUID, a fingerprint of its name (FNV-1a, 128 bits).
fn pod_bits(namespace: &str, pod: &border::PodTarget) -> u128 {
    let uid = pod.uid.as_deref().unwrap_or_default();
    let digits = uid.bytes().filter(|b| *b != b'-');
    let parsed = digits.clone().try_fold(0_u128, |bits, digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(bits << 4 | u128::from(digit))
    });
    if let Some(bits) = parsed.filter(|_| digits.count() == 32) {
        return bits;
    }
    let name = namespace.bytes().chain([b'/']).chain(pod.name.bytes());
    let basis = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    name.fold(basis, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the two halves of a number"
)]
fn halves(bits: u128) -> EndpointId {
    [(bits >> 64) as u64, bits as u64]
}

/// What Pods of one workload share: their name without its last part.
fn prefix(pod: &str) -> &str {
    pod.rsplit_once('-').map_or(pod, |(prefix, _)| prefix)
}

impl Index {
    pub(super) fn slices_of(&self, service: u32) -> impl Iterator<Item = &SliceState> {
        let numbers = self.service(service).map(|state| state.slices.as_slice());
        let numbers = numbers.unwrap_or_default();
        numbers.iter().filter_map(|at| self.slice(*at))
    }
}
