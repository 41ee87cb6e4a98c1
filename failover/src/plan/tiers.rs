//! For each source the ways that it may go, the nearest first.
//!
//! | tier | what |
//! |---|---|
//! | 0 | the source's own zone of its own member |
//! | 1 | its own network, its own region, another zone (or an unknown region, in its own member) |
//! | 2 | its own region, another network |
//! | 3 and on | the regions that policy names for the source's region, in their order |
//! | last | every other region, and unknown ones, all together |
//!
//! With the strategy Ordered the last tier is left out; with Weighted, the regions without a weight. Networks that cannot
//! be reached from the source's place are no ways for it; those that its own proxies eject are none while others
//! can carry what it asks for.
//!
//! Zones of the own network in another region stand in the tier of that region: what makes them far is the distance and
//! not a gateway. A network that spans regions stands in the tier of the farthest that would answer, since its gateway
//! chooses the zone.

use std::borrow::Cow;

use causeway_api::ids::Region;
use causeway_api::plan::{Destination, SourceInput};
use causeway_api::rules::Strategy;

use super::fleet::{Cell, Fleet};

/// One way that a source may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way<'f> {
    /// Where it leads.
    pub(crate) to: To,
    /// How far.
    pub(crate) tier: u8,
    /// The zones behind it, as indices of [`Fleet::cells`].
    pub(crate) cells: Cow<'f, [usize]>,
}

/// Where a way leads, as an index: in the order of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum To {
    /// A zone of the own network, of [`Fleet::cells`].
    Zone(usize),
    /// A remote network, of [`Fleet::networks`].
    Network(usize),
}

impl Way<'_> {
    /// The region that it leads to; `None`: unknown, or several.
    pub(crate) fn region<'a>(&self, fleet: &Fleet<'a>) -> Option<&'a Region> {
        let mut regions = self.cells.iter().map(|at| {
            fleet
                .cells
                .get(*at)
                .and_then(|cell| cell.input.region.as_ref())
        });
        let first = regions.next()??;
        regions.all(|other| other == Some(first)).then_some(first)
    }

    /// Where it leads, by name.
    pub(crate) fn destination(&self, fleet: &Fleet<'_>) -> Option<Destination> {
        match self.to {
            To::Zone(at) => fleet.cells.get(at).map(|cell| Destination::Zone {
                member: cell.input.member.clone(),
                zone: cell.input.zone.clone(),
            }),
            To::Network(at) => {
                let network = fleet.networks.get(at)?;
                Some(Destination::Network(network.name.clone()))
            }
        }
    }
}

/// The first tier of another region.
pub(crate) const FIRST_REGION: u8 = 3;

/// The ways of all sources, in the order of [`Fleet::sources`].
pub(crate) fn ways<'f>(fleet: &'f Fleet<'_>) -> Vec<Vec<Way<'f>>> {
    fleet.sources.iter().map(|s| ways_of(fleet, s)).collect()
}

fn ways_of<'f>(fleet: &'f Fleet<'_>, source: &SourceInput) -> Vec<Way<'f>> {
    let from = Standpoint::new(fleet, source);
    let own = fleet.network(&source.network);
    let mut ways: Vec<Way<'f>> = Vec::with_capacity(fleet.networks.len());
    for (at, cell) in fleet.cells.iter().enumerate() {
        if cell.network == own && cell.serves_inside(&source.source) {
            ways.push(Way {
                to: To::Zone(at),
                tier: from.inside_tier(cell),
                cells: Cow::Borrowed(fleet.alone(at)),
            });
        }
    }
    for (at, network) in fleet.networks.iter().enumerate() {
        let reached = !source.unreachable.contains(network.name);
        if at != own && reached && !network.usable.is_empty() {
            ways.push(from.network_way(at, Cow::Borrowed(&network.usable)));
        }
    }
    from.keep_named(&mut ways);
    keep_weighted(fleet, source, &mut ways);
    leave_ejected(fleet, source, &mut ways);
    sort(fleet, &mut ways);
    ways
}

/// What the callers' proxies leave out gets nothing while the rest can carry what they ask for. It is one caller's word, of
/// the application as well as of the way there: it never parts services that move as one.
fn leave_ejected(fleet: &Fleet<'_>, source: &SourceInput, ways: &mut Vec<Way<'_>>) {
    let as_one = fleet.inputs.policy.together.is_some() || !source.together.is_empty();
    if source.ejected.is_empty() || as_one {
        return;
    }
    let stays = |way: &&Way<'_>| match way.to {
        To::Network(at) => fleet
            .networks
            .get(at)
            .is_some_and(|network| !source.ejected.contains(network.name)),
        To::Zone(_) => true,
    };
    let rest = || ways.iter().filter(stays);
    let cells = || rest().flat_map(|way| way.cells.iter().copied());
    let room = cells().filter_map(|cell| fleet.limit(cell));
    let enough = cells().any(|cell| !fleet.bounds(cell))
        || room.fold(0, u64::saturating_add) >= source.demand.unwrap_or_default().0;
    if rest().next().is_some() && enough {
        ways.retain(|way| stays(&way));
    }
}

/// By declared weights, what has none gets nothing, unless there is nothing else.
fn keep_weighted(fleet: &Fleet<'_>, source: &SourceInput, ways: &mut Vec<Way<'_>>) {
    // What moves together may go elsewhere where its weights leave no room.
    if source.together.values().any(|weight| *weight > 0) {
        return;
    }
    let Some(weights) = fleet.weights(source) else {
        return;
    };
    let weighted = |way: &Way<'_>| {
        let region = way.region(fleet);
        region.is_some_and(|region| weights.get(region).is_some_and(|weight| *weight > 0))
    };
    if ways.iter().any(weighted) {
        ways.retain(weighted);
    }
}

/// A source, and the regions near it.
pub(crate) struct Standpoint<'f> {
    fleet: &'f Fleet<'f>,
    source: &'f SourceInput,
    /// The place of its own region, where it is known.
    region: Option<usize>,
    /// The places of the regions that policy names for it, in order, each once, without its own.
    order: Vec<usize>,
}

impl<'f> Standpoint<'f> {
    pub(crate) fn new(fleet: &'f Fleet<'_>, source: &'f SourceInput) -> Self {
        Self {
            order: region_order(fleet, source)
                .into_iter()
                .map(|region| fleet.region(region))
                .collect(),
            region: source.region.as_ref().map(|region| fleet.region(region)),
            fleet,
            source,
        }
    }

    /// Drops, where policy says that its order of regions is all there is, what lies beyond it; a member's own zones stay.
    pub(crate) fn keep_named(&self, ways: &mut Vec<Way<'_>>) {
        if self.fleet.inputs.policy.strategy != Strategy::Ordered {
            return;
        }
        let beyond = u8::try_from(self.order.len())
            .unwrap_or(u8::MAX)
            .saturating_add(FIRST_REGION);
        let own = |way: &Way<'_>| match way.to {
            To::Zone(at) => self
                .fleet
                .cells
                .get(at)
                .is_some_and(|cell| cell.input.member == self.source.source.member),
            To::Network(_) => false,
        };
        ways.retain(|way| way.tier < beyond || own(way));
    }

    /// A way to a network through its gateways.
    pub(crate) fn network_way<'c>(&self, network: usize, cells: Cow<'c, [usize]>) -> Way<'c> {
        let tiers = cells.iter().filter_map(|at| self.fleet.cells.get(*at));
        let tier = tiers.map(|cell| self.region_tier(cell).unwrap_or(2)).max();
        Way {
            tier: tier.unwrap_or(u8::MAX),
            to: To::Network(network),
            cells,
        }
    }

    /// How far a zone of the own network is.
    pub(crate) fn inside_tier(&self, cell: &Cell<'_>) -> u8 {
        if cell.is_own(&self.source.source) {
            return 0;
        }
        let own_member = cell.input.member == self.source.source.member;
        let unknown = self.region.is_none() || cell.input.region.is_none();
        match self.region_tier(cell) {
            None => 1,
            Some(_) if own_member && unknown => 1,
            Some(tier) => tier,
        }
    }

    /// The tier of a zone's region; `None`: the source's own.
    fn region_tier(&self, cell: &Cell<'_>) -> Option<u8> {
        let known = cell.input.region.is_some();
        if known && Some(cell.region) == self.region {
            return None;
        }
        let named = self.order.iter().position(|at| known && *at == cell.region);
        let at = named.unwrap_or(self.order.len());
        Some(
            u8::try_from(at)
                .unwrap_or(u8::MAX)
                .saturating_add(FIRST_REGION),
        )
    }
}

/// The regions that policy names for a source, in order, each once, without its own.
pub(crate) fn region_order<'a>(fleet: &Fleet<'a>, source: &SourceInput) -> Vec<&'a Region> {
    let named = source
        .region
        .as_ref()
        .and_then(|region| fleet.inputs.policy.failover.get(region));
    let mut order: Vec<&Region> = Vec::new();
    for region in named.into_iter().flatten() {
        if Some(region) != source.region.as_ref() && !order.contains(&region) {
            order.push(region);
        }
    }
    order
}

/// By tier, within it by region (unknown ones last), then by name.
fn sort(fleet: &Fleet<'_>, ways: &mut [Way<'_>]) {
    let region = |way: &Way<'_>| {
        let first = way.cells.first().and_then(|at| fleet.cells.get(*at));
        first.map_or(usize::MAX, |cell| cell.region)
    };
    ways.sort_by_key(|way| (way.tier, region(way), way.to));
}
