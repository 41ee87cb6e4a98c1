//! The index of one member: objects in, facts out.
//!
//! Nothing here waits: whoever watches hands in objects one by one. A fresh list of a kind is handed in likewise, and at its
//! end ([`Index::retain_slices`] and its like) goes what it did not name: it is *diffed* against what is there and never
//! wipes. Counts are kept as the objects come, so that an event costs what it changes; [`Index::take_delta`] then looks only
//! at the services that were touched.
//!
//! How an endpoint is counted (EndpointSlice API, KEP-752, KEP-1672):
//! * it is one endpoint however many slices it stands in: a Pod by its UID, anything else by its address. A Pod that a
//!   dual-stack service lists in IPv4 and IPv6 slices is therefore one; of addresses without a Pod, which nothing links,
//!   the family with more of them counts;
//! * it is ready, and serving, where any slice says so (slices of one service overlap while they are being resized); a nil
//!   `ready` means ready, a nil `serving` means what `ready` says;
//! * it is where its Node is, as Istio holds it, so that a relabelled Node moves it at once; where the Node is unknown or
//!   names no zone, the slice's own `zone` counts. The region is the Node's, else the one that all Nodes of that zone have,
//!   else the declared one.

mod accounts;
mod counts;
mod delta;
mod exports;
mod gateways;
mod local;
mod member;
mod nodes;
mod parse;
mod problems;
mod services;
mod shape;
mod slices;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::ServicePort;
use causeway_api::ids::{PortName, Region, Zone};
use causeway_api::{FactVersion, Locality, MemberName, Name, NetworkName, ServiceKey};

pub use accounts::PodRef;
pub use local::LocalService;
pub use member::MemberInfo;

use crate::store::OwnerFacts;
use crate::table::Table;
use accounts::Pods;
use nodes::Nodes;
use problems::Problems;
use services::ServiceState;
use slices::{SliceKey, SliceState};

/// What people declare of the member; it goes before what is found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    /// The network of its pods.
    pub network: Option<NetworkName>,
    /// Its region.
    pub region: Option<Region>,
    /// A cloud's names of localities → ours. A part that is `None` on the left stands for any; one on the right leaves
    /// it as it was. The most specific one is taken.
    pub localities: BTreeMap<Locality, Locality>,
}

/// Namespaces whose services are nobody else's business.
const EXCLUDED: [&str; 4] = [
    "causeway-system",
    "kube-node-lease",
    "kube-public",
    "kube-system",
];

/// The index of one member.
#[derive(Debug)]
pub struct Index {
    owner: MemberName,
    version: FactVersion,
    epoch: u64,
    declared: Declared,
    info: MemberInfo,
    wanted: BTreeSet<ServiceKey>,

    /// Services by number; a free place is `None`.
    services: Vec<Option<ServiceState>>,
    free_services: Vec<u32>,
    service_numbers: BTreeMap<ServiceKey, u32>,
    /// Slices by number; a free place is `None`.
    slices: Vec<Option<SliceState>>,
    free_slices: Vec<u32>,
    slice_numbers: BTreeMap<SliceKey, u32>,
    nodes: Nodes,
    /// Which services have had an endpoint on a node: at least those that have one.
    on_node: BTreeSet<(u32, u32)>,
    namespaces: BTreeMap<Name, Option<NetworkName>>,
    /// The localities of (node, zone), as worked out before.
    places: BTreeMap<(Option<u32>, Option<u32>), u32>,
    gateways: BTreeMap<ServiceKey, gateways::Gateway>,
    pods: Pods,
    problems: Problems,

    ports: Table<PortName>,
    zones: Table<Zone>,
    localities: Table<Locality>,
    port_lists: Table<Vec<ServicePort>>,
    slice_ports: Table<Vec<(u32, Option<u16>)>>,

    /// Services to look at, with what may have changed of them.
    dirty: BTreeMap<u32, Dirty>,
    dirty_namespaces: BTreeSet<Name>,
    dirty_gateways: bool,
    dirty_member: bool,
    /// Services that were touched since whoever renders the mesh asked last, and those of them that are gone.
    touched_locals: BTreeMap<u32, Dirty>,
    gone_locals: BTreeSet<ServiceKey>,
    /// Services of which nobody has judged yet whether they can wait, and what was judged since the last delta.
    unjudged: BTreeSet<u32>,
    urgent: bool,
    /// Whether the next delta has to be a snapshot: it is the first, or the receiver was told of the member alone.
    whole_next: bool,

    /// What the deltas so far amount to, as whoever received them all holds it.
    sent: OwnerFacts,
    sent_keys: BTreeMap<ServiceKey, u32>,
}

/// What may have changed of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Dirty {
    fact: bool,
    endpoints: bool,
}

impl Index {
    /// An empty index of a member. Its first delta is a snapshot.
    #[must_use]
    pub fn new(owner: MemberName) -> Self {
        Self {
            owner,
            version: FactVersion::default(),
            epoch: 0,
            declared: Declared::default(),
            info: MemberInfo::default(),
            wanted: BTreeSet::new(),
            services: Vec::new(),
            free_services: Vec::new(),
            service_numbers: BTreeMap::new(),
            slices: Vec::new(),
            free_slices: Vec::new(),
            slice_numbers: BTreeMap::new(),
            nodes: Nodes::default(),
            on_node: BTreeSet::new(),
            namespaces: BTreeMap::new(),
            places: BTreeMap::new(),
            gateways: BTreeMap::new(),
            pods: Pods::default(),
            problems: Problems::default(),
            ports: Table::default(),
            zones: Table::default(),
            localities: Table::default(),
            port_lists: Table::default(),
            slice_ports: Table::default(),
            dirty: BTreeMap::new(),
            dirty_namespaces: BTreeSet::new(),
            dirty_gateways: false,
            dirty_member: true,
            touched_locals: BTreeMap::new(),
            gone_locals: BTreeSet::new(),
            unjudged: BTreeSet::new(),
            urgent: false,
            whole_next: true,
            sent: OwnerFacts::new(),
            sent_keys: BTreeMap::new(),
        }
    }

    /// Whose index it is.
    #[must_use]
    pub fn owner(&self) -> &MemberName {
        &self.owner
    }

    /// The version of what the deltas so far amount to.
    #[must_use]
    pub fn version(&self) -> FactVersion {
        self.version
    }

    /// The epoch of the Lease under which further deltas are given. A lower one than before is ignored: versions only
    /// rise.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = self.epoch.max(epoch);
    }

    /// What people declare; everything that depends on it is counted anew.
    pub fn set_declared(&mut self, declared: Declared) {
        if self.declared == declared {
            return;
        }
        self.declared = declared;
        self.dirty_member = true;
        self.relocate_all();
    }

    /// Services whose endpoints others want to hear of though they are not exported here: a member's own endpoints
    /// count for its own callers.
    pub fn set_wanted(&mut self, wanted: BTreeSet<ServiceKey>) {
        let old = std::mem::replace(&mut self.wanted, wanted);
        let changed: Vec<u32> = old
            .symmetric_difference(&self.wanted)
            .filter_map(|key| self.service_numbers.get(key).copied())
            .collect();
        for number in changed {
            self.mark(number, true, true);
        }
    }

    /// Whether others want to hear of one service's endpoints, as in [`Index::set_wanted`].
    pub fn want(&mut self, service: &ServiceKey, wanted: bool) {
        let changed = match wanted {
            true => self.wanted.insert(service.clone()),
            false => self.wanted.remove(service),
        };
        let number = self.service_numbers.get(service).copied();
        if let Some(number) = number.filter(|_| changed) {
            self.mark(number, true, true);
        }
    }

    /// Whether something may have changed since the last delta.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
            || !self.dirty_namespaces.is_empty()
            || self.dirty_gateways
            || self.dirty_member
            || self.whole_next
    }

    /// Notes that a service has to be looked at.
    fn mark(&mut self, number: u32, fact: bool, endpoints: bool) {
        for rows in [&mut self.dirty, &mut self.touched_locals] {
            let dirty = rows.entry(number).or_default();
            dirty.fact |= fact;
            dirty.endpoints |= endpoints;
        }
        self.unjudged.insert(number);
    }
}
