//! What services share: the gateways of a network, which carry all services into it.

use std::collections::BTreeMap;

use causeway_api::MemberName;
use causeway_api::ids::{Name, NetworkName};
use causeway_api::plan::Rate;
use causeway_api::spec::Placement;
use causeway_api::verdict::Subject;
use causeway_failover::allot;

use crate::state::{RegisteredMember, State};

impl State {
    /// What the gateways of each network carry, all services together: the sum over those that are not out by verdict.
    /// Networks with a gateway that declares no limit are left out.
    #[must_use]
    pub fn gateway_limits(&self) -> BTreeMap<NetworkName, Rate> {
        let placed = self.members.iter().filter_map(|(name, member)| {
            let placement = member.placement.as_ref()?;
            let usable = self.usable_gateways(name, member, placement);
            Some(usable.map(|(_, carries)| (placement.network.clone(), carries)))
        });
        allot::limits(placed.flatten())
    }

    /// The gateways of a member that are not out by verdict, each with what it declares to carry.
    pub(crate) fn usable_gateways<'s>(
        &'s self,
        name: &'s MemberName,
        member: &'s RegisteredMember,
        placement: &'s Placement,
    ) -> impl Iterator<Item = (Name, Option<Rate>)> + 's {
        placement.gateways.keys().filter_map(move |gateway| {
            let lost = self.verdicts.gateways(name).any(|(subject, verdict)| {
                let this = matches!(subject, Subject::Gateway { gateway: of, .. } if of == gateway);
                this && !verdict.may_receive()
            });
            let declared = member.spec.gateways.get(gateway);
            let carries = declared.and_then(|gateway| gateway.max_rate);
            (!lost).then(|| (gateway.clone(), carries))
        })
    }
}
