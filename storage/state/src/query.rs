//! What can be asked of the state, apart from commands. All local reads: as new as the replica that is asked.

use causeway_api::ids::NetworkName;
use causeway_api::plan::Withdrawal;
use causeway_api::spec::Detection;
use causeway_api::verdict::{ClusterTime, ObserverId, Subject, Verdict, VerdictState};
use causeway_api::{MemberName, ServiceKey};
use causeway_failover::explain::{self, PlanReport};
use causeway_failover::policy;
use causeway_failover::verdict::{CastVote, Fleet as _, Place, Rules, Topology};

use crate::apply::{leaving, ramps, shifts};
use crate::fleet::Registered;
use crate::state::{PlanRow, RegisteredMember, State};

impl State {
    /// A registered member.
    #[must_use]
    pub fn member(&self, name: &MemberName) -> Option<&RegisteredMember> {
        self.members.get(name)
    }

    /// The verdict on a subject, with its evidence, if it was ever spoken of.
    #[must_use]
    pub fn verdict(&self, subject: &Subject) -> Option<Verdict> {
        self.verdicts.verdict(subject)
    }

    /// The state of a member's verdict.
    #[must_use]
    pub fn member_state(&self, member: &MemberName) -> VerdictState {
        self.verdicts.state(&Subject::Member {
            member: member.clone(),
        })
    }

    /// How losses are detected: the root policy's word, else the defaults.
    #[must_use]
    pub fn detection(&self) -> Detection {
        self.rules().detection
    }

    /// All that verdicts rest on besides votes.
    #[must_use]
    pub fn rules(&self) -> Rules {
        policy::root(&self.policies).rules
    }

    /// When the passing of time alone may next change something; `None`: no tick is needed.
    #[must_use]
    pub fn next_deadline(&self) -> Option<ClusterTime> {
        let verdicts = self.verdicts.next_deadline(
            &self.votes,
            &self.fleet(),
            &self.rules(),
            self.cluster_time,
        );
        let others = [
            leaving::next_deadline(self),
            self.stagings.next_expiry(),
            shifts::next_deadline(self),
            ramps::next_deadline(self),
        ];
        verdicts
            .into_iter()
            .chain(others.into_iter().flatten())
            .min()
    }

    /// Where members are, and what their silence means, without a copy.
    #[must_use]
    pub fn fleet(&self) -> Registered<'_> {
        Registered(&self.members)
    }

    /// Where members are, as values.
    #[must_use]
    pub fn topology(&self) -> Topology {
        let rows = self.fleet();
        let rows = rows.places().map(|(name, place)| {
            let place = Place {
                region: place.region.cloned(),
                zones: place.zones.clone(),
                tolerate_ms: place.tolerate_ms,
            };
            (name.clone(), place)
        });
        Topology {
            members: rows.collect(),
        }
    }

    /// Why a member must not be sent traffic from elsewhere, by verdict: its own, else that of its network.
    #[must_use]
    pub fn withdrawal(&self, member: &MemberName) -> Option<Withdrawal> {
        let own = match self.member_state(member) {
            VerdictState::Lost => Some(Withdrawal::Lost),
            VerdictState::Recovering => Some(Withdrawal::Recovering),
            VerdictState::Away => Some(Withdrawal::Away),
            _ => None,
        };
        own.or_else(|| {
            let network = self.members.get(member)?.network()?;
            self.network_withdrawal(network)
        })
    }

    /// Why a network is out, by verdict: every gateway that leads into it is Lost, waits out its hold-down, or is away as
    /// announced. One that was never reached keeps it open, as long as its member is not out.
    #[must_use]
    pub fn network_withdrawal(&self, network: &NetworkName) -> Option<Withdrawal> {
        let mut recovering = false;
        let mut away = true;
        let mut any = false;
        for (name, member) in &self.members {
            let Some(placement) = member.placement.as_ref().filter(|p| p.network == *network)
            else {
                continue;
            };
            for (_, state) in self.verdicts.gateways(name) {
                if state.may_receive() {
                    return None;
                }
                any = true;
                recovering |= state == VerdictState::Recovering;
                away &= state == VerdictState::Away;
            }
            let mut gateways = placement.gateways.keys();
            if gateways.any(|gateway| self.gateway_receives(name, gateway)) {
                return None;
            }
        }
        any.then_some(if recovering {
            Withdrawal::Recovering
        } else if away {
            Withdrawal::Away
        } else {
            Withdrawal::Lost
        })
    }

    /// The plan of a service, or its tombstone.
    #[must_use]
    pub fn plan(&self, service: &ServiceKey) -> Option<&PlanRow> {
        self.plans.get(service).map(AsRef::as_ref)
    }

    /// What an observer last voted on a subject: one that starts anew learns from it what it had reached before.
    #[must_use]
    pub fn vote_of(&self, observer: &ObserverId, subject: &Subject) -> Option<&CastVote> {
        self.votes.of(observer, subject)
    }

    /// Why the committed plan of a service is as it is; `None` where it has none.
    #[must_use]
    pub fn explain(&self, service: &ServiceKey) -> Option<PlanReport> {
        let held = self.plan(service)?.value.as_ref()?;
        let verdicts = |subject: &Subject| self.verdict(subject);
        Some(explain::report(&held.inputs, &held.plan, &verdicts))
    }
}
