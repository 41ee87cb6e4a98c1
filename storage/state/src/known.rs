//! What of a plan's inputs the state knows, without any facts. Whoever computes a plan asks here, and `apply` asks the same
//! when it judges one.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::plan::{EffectivePolicy, Withdrawal};
use causeway_api::spec::Placement;
use causeway_api::verdict::Subject;
use causeway_api::{MemberName, NetworkName};
use causeway_failover::verdict::local;

use crate::state::State;

impl State {
    /// The remote networks that a member alone does not reach: its agent has not reached any of their gateways that may
    /// receive.
    #[must_use]
    pub fn unreachable_from(&self, member: &MemberName) -> BTreeSet<NetworkName> {
        // Most places reach everything.
        if !self.votes.complains(member) {
            return BTreeSet::new();
        }
        let own = self.members.get(member).and_then(|held| held.network());
        let mut networks: BTreeMap<&NetworkName, BTreeSet<Subject>> = BTreeMap::new();
        for (other, held) in &self.members {
            let Some(placement) = &held.placement else {
                continue;
            };
            if Some(&placement.network) == own {
                continue;
            }
            for gateway in placement.gateways.keys() {
                let subject = Subject::Gateway {
                    member: other.clone(),
                    gateway: gateway.clone(),
                };
                if self.verdicts.state(&subject).may_receive() {
                    networks
                        .entry(&placement.network)
                        .or_default()
                        .insert(subject);
                }
            }
        }
        let (rules, now) = (self.rules(), self.cluster_time);
        let out = networks.into_iter().filter(|(_, gateways)| {
            let all = gateways.iter().cloned();
            let failed = local::unreachable_from(&self.votes, &rules, now, member, all);
            failed.len() == gateways.len()
        });
        out.map(|(network, _)| network.clone()).collect()
    }

    /// Why others must not be sent to a member that stands so, whatever the verdicts say: the policy leaves its region out, or
    /// no gateway leads into its network.
    #[must_use]
    pub fn barred(&self, placement: &Placement, policy: &EffectivePolicy) -> Option<Withdrawal> {
        let allowed = &policy.allowed_regions;
        let region = placement.region.as_ref();
        if !allowed.is_empty() && !region.is_some_and(|region| allowed.contains(region)) {
            return Some(Withdrawal::NotAllowed);
        }
        // Mostly a member has a gateway of its own.
        let leads = !placement.gateways.is_empty() || self.is_entered(&placement.network);
        (!leads).then_some(Withdrawal::NoGateway)
    }

    /// Whether any member has a gateway that leads into a network.
    fn is_entered(&self, network: &NetworkName) -> bool {
        let mut placed = self
            .members
            .values()
            .filter_map(|held| held.placement.as_ref());
        placed.any(|other| other.network == *network && !other.gateways.is_empty())
    }
}
