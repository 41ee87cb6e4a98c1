//! The sandbox's fleet, drawn from a seed: clusters, services, how many pods each has where, and how much is asked.
//!
//! Three kinds of services, so that a loss shows each of them: those that every region serves itself, those of which
//! one region asks more than it can serve (the rest spills to others), and those that one region does not have at all.
//! Whatever single region is lost, the others can carry everything that is asked, within their limit.

pub mod draw;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use causeway_api::ids::{MemberName, NameError, NetworkName, Region, ServiceKey, Zone};
use serde::{Deserialize, Serialize};

use self::draw::Draw;

/// The share of capacity that plans may use in the sandbox, in percent.
pub const MAX_UTILIZATION_PERCENT: u32 = 80;
/// How much of its own capacity a zone uses for its own callers at first, in percent.
const OWN_PERCENT: u32 = 45;
/// What the survivors of any loss can carry, of all that is asked, in percent.
const HEADROOM_PERCENT: u64 = 110;
/// How much more the hot region asks than its size says.
const HOT_FACTOR: u32 = 3;

/// A whole fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// What it was drawn from.
    pub seed: u64,
    /// Its clusters, by name.
    pub members: BTreeMap<MemberName, FleetMember>,
    /// Its services.
    pub services: Vec<FleetService>,
}

/// One cluster. It is a network of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetMember {
    /// Its name; its network is called so too.
    pub name: MemberName,
    /// Its region.
    pub region: Region,
    /// The zones of its nodes.
    pub zones: Vec<Zone>,
    /// Where its east-west gateway answers (an address for documentation: nothing is there).
    pub gateway: IpAddr,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetService {
    /// Its key.
    pub key: ServiceKey,
    /// How it is spread.
    pub spread: Spread,
    /// What one ready endpoint serves, in requests per second.
    pub endpoint_rps: u32,
    /// What callers of each region ask, in requests per second.
    pub demand_rps: BTreeMap<Region, u32>,
    /// Ready endpoints by member and zone. A member that is not in it serves none.
    pub ready: BTreeMap<MemberName, BTreeMap<Zone, u32>>,
    /// Members that have the Service, though no pods of it.
    pub empty_in: BTreeSet<MemberName>,
}

/// How a service is spread over the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Spread {
    /// Every region serves its own callers.
    Local,
    /// One region asks more than it can serve.
    Spills,
    /// One region does not have it.
    Elsewhere,
}

impl Fleet {
    /// Draws a fleet of `members` clusters (at least 3, so that there are three regions) and `services` services.
    ///
    /// # Errors
    /// Never for the names that the sandbox gives.
    pub fn draw(seed: u64, members: u32, services: u32) -> Result<Self, NameError> {
        let members = draw_members(members)?;
        let mut draw = Draw::new(seed);
        let regions: Vec<Region> = regions(&members).into_keys().collect();
        // Each kind and each region has its turn, so that every loss meets all kinds.
        let mut turns: Vec<(Spread, Region)> = [
            Spread::Local,
            Spread::Spills,
            Spread::Elsewhere,
            Spread::Local,
        ]
        .into_iter()
        .flat_map(|spread| regions.iter().map(move |region| (spread, region.clone())))
        .collect();
        draw.shuffle(&mut turns);
        let mut drawn = Vec::new();
        for (at, (spread, region)) in (0..services).zip(turns.iter().cycle()) {
            let key = names::service(usize::try_from(at).unwrap_or(0))?;
            drawn.push(draw_service(&mut draw, &members, key, *spread, region));
        }
        Ok(Self {
            seed,
            members,
            services: drawn,
        })
    }

    /// The members of each region.
    #[must_use]
    pub fn regions(&self) -> BTreeMap<Region, Vec<MemberName>> {
        regions(&self.members)
    }

    /// The region with the most clusters; of several the first by name.
    #[must_use]
    pub fn largest_region(&self) -> Option<Region> {
        let regions = self.regions();
        let most = regions.values().map(Vec::len).max()?;
        regions
            .into_iter()
            .find(|(_, members)| members.len() == most)
            .map(|(region, _)| region)
    }

    /// A member's region.
    #[must_use]
    pub fn region_of(&self, member: &MemberName) -> Option<&Region> {
        self.members.get(member).map(|member| &member.region)
    }

    /// A service.
    #[must_use]
    pub fn service(&self, key: &ServiceKey) -> Option<&FleetService> {
        self.services.iter().find(|service| service.key == *key)
    }
}

impl FleetMember {
    /// Its network.
    ///
    /// # Errors
    /// Never: names of members are names of networks.
    pub fn network(&self) -> Result<NetworkName, NameError> {
        NetworkName::new(self.name.as_str())
    }
}

impl FleetService {
    /// Whether a member has the Service, with or without pods.
    #[must_use]
    pub fn exists_in(&self, member: &MemberName) -> bool {
        self.ready.contains_key(member) || self.empty_in.contains(member)
    }

    /// What a member's ready endpoints serve together, in requests per second.
    #[must_use]
    pub fn capacity_rps(&self, member: &MemberName) -> u32 {
        let ready: u32 = self
            .ready
            .get(member)
            .into_iter()
            .flat_map(BTreeMap::values)
            .sum();
        ready.saturating_mul(self.endpoint_rps)
    }
}

fn draw_members(count: u32) -> Result<BTreeMap<MemberName, FleetMember>, NameError> {
    let mut members = BTreeMap::new();
    let mut numbers: BTreeMap<Region, usize> = BTreeMap::new();
    for at in 0..count {
        let region = names::region(usize::try_from(at).unwrap_or(0))?;
        let number = numbers.entry(region.clone()).or_insert(0);
        *number += 1;
        let name = names::member(&region, *number)?;
        let host = u8::try_from(10 + at).unwrap_or(u8::MAX);
        let member = FleetMember {
            name: name.clone(),
            region,
            zones: names::zones(*number)?,
            gateway: IpAddr::V4(Ipv4Addr::new(203, 0, 113, host)),
        };
        members.insert(name, member);
    }
    Ok(members)
}

fn regions(members: &BTreeMap<MemberName, FleetMember>) -> BTreeMap<Region, Vec<MemberName>> {
    let mut regions: BTreeMap<Region, Vec<MemberName>> = BTreeMap::new();
    for member in members.values() {
        regions
            .entry(member.region.clone())
            .or_default()
            .push(member.name.clone());
    }
    regions
}

fn draw_service(
    draw: &mut Draw,
    members: &BTreeMap<MemberName, FleetMember>,
    key: ServiceKey,
    spread: Spread,
    special: &Region,
) -> FleetService {
    let endpoint_rps = draw.between(2, 5) * 20;
    let each_rps = draw.between(4, 9) * 20;
    let mut service = FleetService {
        key,
        spread,
        endpoint_rps,
        demand_rps: BTreeMap::new(),
        ready: BTreeMap::new(),
        empty_in: BTreeSet::new(),
    };
    for member in members.values() {
        *service.demand_rps.entry(member.region.clone()).or_insert(0) += each_rps;
        if spread == Spread::Elsewhere && member.region == *special {
            // Half of them know the name, the others have to be given it.
            if draw.between(0, 1) == 0 {
                service.empty_in.insert(member.name.clone());
            }
            continue;
        }
        let zones = u32::try_from(member.zones.len()).unwrap_or(1).max(1);
        let each_zone = each_rps.div_ceil(zones) * 100;
        let ready = each_zone.div_ceil(endpoint_rps * OWN_PERCENT);
        let zones = member
            .zones
            .iter()
            .map(|zone| (zone.clone(), ready))
            .collect();
        service.ready.insert(member.name.clone(), zones);
    }
    if spread == Spread::Spills {
        let own = members.values().filter(|member| member.region == *special);
        let capacity: u32 = own.map(|member| service.capacity_rps(&member.name)).sum();
        if let Some(demand) = service.demand_rps.get_mut(special) {
            // Where few endpoints were rounded up, three times as much may still fit.
            *demand = (*demand * HOT_FACTOR).max(capacity);
        }
    }
    let hot = (spread == Spread::Spills).then_some(special);
    make_room(&mut service, members, hot);
    service
}

/// Adds endpoints until the rest can carry everything, whatever region is lost; not in the hot region, as long as there
/// are others, since nothing would spill then.
fn make_room(
    service: &mut FleetService,
    members: &BTreeMap<MemberName, FleetMember>,
    hot: Option<&Region>,
) {
    let asked: u64 = service.demand_rps.values().map(|rps| u64::from(*rps)).sum();
    let lost: Vec<Region> = regions(members).into_keys().collect();
    for lost in &lost {
        let survivors: Vec<&FleetMember> = members
            .values()
            .filter(|member| member.region != *lost && service.ready.contains_key(&member.name))
            .collect();
        let mut grow: Vec<&FleetMember> = survivors
            .iter()
            .copied()
            .filter(|member| Some(&member.region) != hot)
            .collect();
        if grow.is_empty() {
            grow.clone_from(&survivors);
        }
        if grow.is_empty() {
            continue;
        }
        let room = |service: &FleetService| -> u64 {
            let capacity = survivors
                .iter()
                .map(|member| u64::from(service.capacity_rps(&member.name)));
            capacity.sum::<u64>() * u64::from(MAX_UTILIZATION_PERCENT)
        };
        while room(service) < asked * HEADROOM_PERCENT {
            for member in &grow {
                let zones = service.ready.get_mut(&member.name);
                zones
                    .into_iter()
                    .flat_map(BTreeMap::values_mut)
                    .for_each(|ready| *ready += 1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
