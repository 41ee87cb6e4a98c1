//! What services share: the gateways of a network, which carry all services into it.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::MemberName;
use causeway_api::ids::{Name, NetworkName};
use causeway_api::plan::Rate;
use causeway_api::spec::Placement;
use causeway_api::verdict::{Subject, VerdictState};
use causeway_failover::allot;
use causeway_failover::contingency::Gateway;

use crate::state::{RegisteredMember, State};

impl State {
    /// What the gateways of each network carry, all services together: the sum over those that may receive.
    /// Networks with a gateway that declares no limit are left out.
    #[must_use]
    pub fn gateway_limits(&self) -> BTreeMap<NetworkName, Rate> {
        let placed = self.members.iter().filter_map(|(name, member)| {
            let placement = member.placement.as_ref()?;
            let gateways = self.gateways(name, member, placement);
            let usable = gateways.filter(|(_, gateway)| gateway.usable);
            Some(usable.map(|(_, gateway)| (placement.network.clone(), gateway.carries)))
        });
        allot::limits(placed.flatten())
    }

    /// Networks whose gateways services keep to their parts of, though all that they want fits ([`crate::brain::Brain::kept`]).
    #[must_use]
    pub fn kept_to_parts(&self) -> &BTreeSet<NetworkName> {
        &self.brain.kept
    }

    /// The gateways of a member as they stand.
    pub(crate) fn gateways<'s>(
        &'s self,
        name: &'s MemberName,
        member: &'s RegisteredMember,
        placement: &'s Placement,
    ) -> impl Iterator<Item = (Name, Gateway)> + 's {
        placement.gateways.keys().map(move |gateway| {
            let declared = member.spec.gateways.get(gateway);
            let stands = Gateway {
                carries: declared.and_then(|gateway| gateway.max_rate),
                observed: self.gateway_state(name, gateway).is_some(),
                usable: self.gateway_receives(name, gateway),
            };
            (gateway.clone(), stands)
        })
    }

    /// Whether a gateway may receive: by its own verdict. What was never reached receives, as long as nothing says that its
    /// member is out: that it is lost, too, is for nobody to say.
    pub(crate) fn gateway_receives(&self, member: &MemberName, gateway: &Name) -> bool {
        let state = self.gateway_state(member, gateway);
        state
            .unwrap_or_else(|| self.member_state(member))
            .may_receive()
    }

    /// What is concluded of a gateway; `None`: nobody ever reached it.
    fn gateway_state(&self, member: &MemberName, gateway: &Name) -> Option<VerdictState> {
        let mut known = self.verdicts.gateways(member);
        let found = known.find(
            |(subject, _)| matches!(subject, Subject::Gateway { gateway: of, .. } if of == gateway),
        );
        found.map(|(_, state)| state)
    }
}
