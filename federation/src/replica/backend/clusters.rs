//! The members, one row each.

use causeway_api::MemberName;
use causeway_api::facts::ApiFact;
use causeway_api::verdict::Subject;
use causeway_crds::member_cluster::MemberClusterStatus;
use serde::Deserialize as _;

use super::{Sight, count};
use crate::admin::api::{AgentRow, ClusterRow, GatewayRow};
use crate::replica::status::conditions::conditions;
use crate::replica::status::look::MemberLook;
use crate::replica::status::mesh::in_the_way;

/// The members that are registered, by name.
pub(super) fn rows(sight: &Sight<'_>) -> Vec<ClusterRow> {
    sight
        .look
        .state
        .members
        .keys()
        .map(|member| row(sight, member))
        .collect()
}

fn row(sight: &Sight<'_>, member: &MemberName) -> ClusterRow {
    let look = sight.look.member(member);
    let state = sight.look.state;
    let subject = Subject::Member {
        member: member.clone(),
    };
    let spec = look.held.map(|held| &held.spec);
    let applied = look.session.and_then(|session| session.applied.as_ref());
    let fact = look.fact();
    ClusterRow {
        name: member.clone(),
        region: look.held.and_then(|held| held.region()).cloned(),
        network: look.held.and_then(|held| held.network()).cloned(),
        mode: spec.map(|spec| spec.mode).unwrap_or_default(),
        suspended: spec.is_some_and(|spec| spec.suspend),
        verdict: state.verdicts.state(&subject),
        verdict_ago_ms: sight.ages.verdict_ms(state, &subject),
        agent: agent(sight, &look, member),
        kubernetes_version: fact.map(|fact| fact.kubernetes_version.clone()),
        mesh: fact.map(|fact| fact.mesh),
        api: fact.map(|fact| fact.api),
        gateways: gateways(&look),
        exported: sight.look.counts.exports_of(member),
        imported: sight.look.counts.imports_of(member),
        view: look.session.map(|session| session.sent),
        applied: applied.map(|applied| applied.generation),
        lag_ms: look
            .session
            .filter(|session| session.applied.is_some())
            .map(|session| session.behind_ms.unwrap_or(0)),
        objects: applied.map(|applied| applied.objects),
        would_change: applied.map(|applied| applied.would_change),
        foreign_conflicts: count(applied.map_or(0, |applied| {
            applied.conditions.iter().filter(|c| in_the_way(c)).count()
        })),
        conditions: conditions(&look),
    }
}

fn agent(sight: &Sight<'_>, look: &MemberLook<'_>, member: &MemberName) -> AgentRow {
    let version = look.fact().map(|fact| fact.agent_version.clone());
    match look.session {
        Some(session) => AgentRow {
            connected: true,
            heard_ago_ms: Some(session.heard_ago_ms),
            version: Some(session.version.clone()),
            epoch: Some(session.epoch),
            // A heartbeat says that nothing has changed, as long as the agent sees its API server.
            facts_age_ms: look
                .fact()
                .filter(|fact| fact.api == ApiFact::Reachable)
                .map(|_| session.heard_ago_ms),
        },
        None => {
            let heard_ago_ms = sight.ages.left_ms(member).or_else(|| written(sight, look));
            AgentRow {
                connected: false,
                heard_ago_ms,
                version,
                epoch: None,
                facts_age_ms: heard_ago_ms.filter(|_| look.facts.is_some()),
            }
        }
    }
}

/// When the agent was last heard, as an earlier process has written it into the MemberCluster's status.
fn written(sight: &Sight<'_>, look: &MemberLook<'_>) -> Option<u64> {
    let status = look.row?.object.data.get("status")?;
    let status = MemberClusterStatus::deserialize(status).ok()?;
    let heard = status.session?.last_heard_time?;
    u64::try_from(sight.ages.wall.0.saturating_sub(heard.0.as_millisecond())).ok()
}

fn gateways(look: &MemberLook<'_>) -> Vec<GatewayRow> {
    let address = |name: &str| {
        let gateway = look.placement()?.gateways.get(name)?;
        let all: Vec<String> = gateway
            .addresses
            .iter()
            .map(|address| format!("{address}:{}", gateway.port))
            .collect();
        Some(all.join(","))
    };
    let row = |(name, _, verdict): (String, _, _)| GatewayRow {
        address: address(&name).unwrap_or_default(),
        name,
        verdict,
    };
    look.gateways().into_iter().map(row).collect()
}
