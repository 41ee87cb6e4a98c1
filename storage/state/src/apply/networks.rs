//! How each network is reached: a decision, since it follows from placements and verdicts, with the generation of its
//! own last change. One row that loses its addresses is the coarse cut: it takes a network out of every service at once.
//!
//! Where *no* gateway of any network may receive, nothing is cut: there is nowhere to go instead, and observers that reach
//! nobody at all have more likely lost their own way out than the whole world at once. A gateway that was never cut need
//! not wait out its hold-down either when it is reached again.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use causeway_api::facts::GatewayFact;
use causeway_api::ids::{Name, Region, Zone};
use causeway_api::spec::Placement;
use causeway_api::verdict::{Subject, VerdictState};
use causeway_api::view::{GatewayEndpoint, NetworkView, Versioned};
use causeway_api::{Generation, Locality, MemberName, NetworkName};

use crate::state::State;

/// Draws the rows anew and returns the networks whose row changed. A network that has no member any more keeps a
/// tombstone, so that an agent that was away hears of it.
pub(super) fn refresh(state: &mut State, generation: Generation) -> Vec<NetworkName> {
    let mut now = views(state);
    let mut changed = Vec::new();
    for (name, row) in &mut state.networks {
        let value = now.remove(name);
        if row.value != value {
            *row = Versioned { generation, value };
            changed.push(name.clone());
        }
    }
    for (name, view) in now {
        state.networks.insert(
            name.clone(),
            Versioned {
                generation,
                value: Some(view),
            },
        );
        changed.push(name);
    }
    changed
}

fn views(state: &State) -> BTreeMap<NetworkName, NetworkView> {
    let mut members: BTreeMap<&NetworkName, Vec<(&MemberName, &Placement)>> = BTreeMap::new();
    for (name, member) in &state.members {
        if let Some(placement) = &member.placement {
            members
                .entry(&placement.network)
                .or_default()
                .push((name, placement));
        }
    }
    let nowhere = !any_receives(state);
    let view = |name: &NetworkName, members: &[(&MemberName, &Placement)]| NetworkView {
        gateways: endpoints(state, name, members, nowhere),
        locality: locality(name, members),
    };
    members
        .into_iter()
        .map(|(name, members)| (name.clone(), view(name, &members)))
        .collect()
}

/// The addresses that may receive, of all members: in a flat network each may have a gateway of its own. Members that
/// differ are named by [`State::gateway_conflict`], since it may also be that one of them is wrong.
fn endpoints(
    state: &State,
    network: &NetworkName,
    members: &[(&MemberName, &Placement)],
    nowhere: bool,
) -> BTreeSet<GatewayEndpoint> {
    let row = state.networks.get(network);
    let held = row
        .and_then(|row| row.value.as_ref())
        .map(|view| &view.gateways);
    // While automation stands still nothing is cut, nor what services go to that do not move by themselves: the others leave
    // it one by one.
    let held_back = OnceCell::new();
    let held_back = || *held_back.get_or_init(|| state.holds_cuts() || state.is_spared(network));
    // Of the last gateway nothing leaves: what stands behind it is withdrawn from plans instead.
    let spare = |left: &Name| {
        members.iter().any(|(member, placement)| {
            placement.gateways.keys().any(|other| {
                other != left
                    && !state.gateway_left(member, other)
                    && state.gateway_receives(member, other)
            })
        })
    };
    let receiving = members.iter().flat_map(|(member, placement)| {
        placement.gateways.iter().filter(|(gateway, fact)| {
            let uncut = || held.is_some_and(|held| addresses(fact).all(|one| held.contains(&one)));
            match verdict(state, member, gateway) {
                _ if state.gateway_left(member, gateway) && spare(gateway) => false,
                _ if state.gateway_receives(member, gateway) => true,
                VerdictState::Recovering => nowhere || uncut() || state.restored_early(member),
                _ => nowhere || (uncut() && held_back()),
            }
        })
    });
    receiving
        .flat_map(|(_, gateway)| addresses(gateway))
        .collect()
}

/// Whether any gateway of any network may receive; true where there is none.
fn any_receives(state: &State) -> bool {
    let mut gateways = state
        .members
        .iter()
        .filter_map(|(name, member)| Some((name, member.placement.as_ref()?)))
        .flat_map(|(name, placement)| {
            placement
                .gateways
                .keys()
                .map(move |gateway| (name, gateway))
        })
        .peekable();
    gateways.peek().is_none()
        || gateways.any(|(member, gateway)| state.gateway_receives(member, gateway))
}

fn verdict(state: &State, member: &MemberName, gateway: &Name) -> VerdictState {
    let subject = Subject::Gateway {
        member: member.clone(),
        gateway: gateway.clone(),
    };
    state.verdicts.state(&subject)
}

fn addresses(gateway: &GatewayFact) -> impl Iterator<Item = GatewayEndpoint> + '_ {
    gateway.addresses.iter().map(|address| GatewayEndpoint {
        address: address.clone(),
        port: gateway.port,
    })
}

/// Whether two members lead into their network by the same addresses, whatever they call their gateways.
fn same(one: &BTreeMap<Name, GatewayFact>, other: &BTreeMap<Name, GatewayFact>) -> bool {
    let all = |gateways: &BTreeMap<Name, GatewayFact>| -> BTreeSet<GatewayEndpoint> {
        gateways.values().flat_map(addresses).collect()
    };
    all(one) == all(other)
}

/// Region and zone where the network has just one, else the network's name twice: entries of one network must not
/// differ in locality, or a mesh sees the same gateway address twice.
fn locality(name: &NetworkName, members: &[(&MemberName, &Placement)]) -> Locality {
    let regions: BTreeSet<Option<&Region>> =
        members.iter().map(|(_, p)| p.region.as_ref()).collect();
    let zones: BTreeSet<&Zone> = members.iter().flat_map(|(_, p)| &p.zones).collect();
    let region = if regions.len() == 1 {
        regions.first().copied().flatten().cloned()
    } else {
        None
    };
    match (region, zones.len()) {
        (Some(region), 1) => Locality {
            region: Some(region),
            zone: zones.first().map(|zone| (*zone).clone()),
        },
        _ => Locality {
            region: Region::new(name.as_str()).ok(),
            zone: Zone::new(name.as_str()).ok(),
        },
    }
}

impl State {
    /// Another member of the same network that declares other gateways into it than this one does.
    #[must_use]
    pub fn gateway_conflict(&self, member: &MemberName) -> Option<&MemberName> {
        let own = self.members.get(member)?.placement.as_ref()?;
        let differs = |other: &Placement| {
            other.network == own.network
                && !other.gateways.is_empty()
                && !same(&other.gateways, &own.gateways)
        };
        let others = self.members.iter().filter(|(name, _)| *name != member);
        let mut differing =
            others.filter(|(_, other)| other.placement.as_ref().is_some_and(differs));
        differing
            .next()
            .filter(|_| !own.gateways.is_empty())
            .map(|(name, _)| name)
    }
}
