//! The form of the state before level 2: what a build that knows only level 1 reads and writes.
//!
//! The fields stand in the order in which that build had them. From the first release on, nothing here may ever change.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use causeway_api::ids::NetworkName;
use causeway_api::spec::{PolicyKey, PolicySpec};
use causeway_api::verdict::ClusterTime;
use causeway_api::view::{NetworkView, Versioned};
use causeway_api::{Generation, MemberName, ServiceKey};
use causeway_failover::verdict::votes::Rows;
use causeway_failover::verdict::{Verdicts, VoteBook};
use serde::{Deserialize, Serialize};

use crate::clients::Clients;
use crate::state::{Move, PlanRow, RegisteredMember, State};

/// What is read.
#[derive(Deserialize)]
pub(crate) struct Form1 {
    feature_level: u32,
    incarnation: u64,
    last_applied: Generation,
    cluster_time: ClusterTime,
    members: BTreeMap<MemberName, RegisteredMember>,
    policies: BTreeMap<PolicyKey, PolicySpec>,
    policies_changed: Generation,
    votes: Rows,
    verdicts: Verdicts,
    networks: BTreeMap<NetworkName, Versioned<NetworkView>>,
    plans: BTreeMap<ServiceKey, Arc<PlanRow>>,
    clients: Clients,
    history: VecDeque<Move>,
}

impl From<Form1> for State {
    fn from(form: Form1) -> Self {
        Self {
            feature_level: form.feature_level,
            incarnation: form.incarnation,
            last_applied: form.last_applied,
            cluster_time: form.cluster_time,
            members: form.members,
            policies: form.policies,
            policies_changed: form.policies_changed,
            votes: VoteBook::of_rows(form.votes),
            verdicts: form.verdicts,
            networks: form.networks,
            plans: form.plans,
            clients: form.clients,
            history: form.history,
            ..Self::default()
        }
    }
}

/// What is written.
#[derive(Serialize)]
pub(crate) struct Form1Ref<'a> {
    feature_level: u32,
    incarnation: u64,
    last_applied: Generation,
    cluster_time: ClusterTime,
    members: &'a BTreeMap<MemberName, RegisteredMember>,
    policies: &'a BTreeMap<PolicyKey, PolicySpec>,
    policies_changed: Generation,
    votes: &'a Rows,
    verdicts: &'a Verdicts,
    networks: &'a BTreeMap<NetworkName, Versioned<NetworkView>>,
    plans: &'a BTreeMap<ServiceKey, Arc<PlanRow>>,
    clients: &'a Clients,
    history: &'a VecDeque<Move>,
}

impl<'a> From<&'a State> for Form1Ref<'a> {
    fn from(state: &'a State) -> Self {
        Self {
            feature_level: state.feature_level,
            incarnation: state.incarnation,
            last_applied: state.last_applied,
            cluster_time: state.cluster_time,
            members: &state.members,
            policies: &state.policies,
            policies_changed: state.policies_changed,
            votes: state.votes.rows(),
            verdicts: &state.verdicts,
            networks: &state.networks,
            plans: &state.plans,
            clients: &state.clients,
            history: &state.history,
        }
    }
}
