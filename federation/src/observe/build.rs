//! From what was read to the report. No IO.

use std::collections::BTreeMap;

use causeway_api::facts::MeshFact;
use causeway_api::ids::{MemberName, Name, ServiceKey};
use causeway_api::verdict::Subject;
use causeway_index::LocalService;

use super::fleet::{Fleet, by_member, imagined};
use super::reading::Reading;
use super::report::{ClusterSeen, ObserveReport, Obstacle, SharedService};
use super::{loss, obstacles};

/// One context, and what came of it.
#[derive(Debug)]
pub(super) struct Seen {
    /// The context.
    pub(super) context: String,
    /// What was read, or why nothing was.
    pub(super) result: Result<Reading, String>,
}

/// What to show.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// Only services of this namespace.
    pub(super) namespace: Option<Name>,
    /// What would be lost.
    pub(super) lose: Option<Subject>,
}

/// Joins everything. An error says what is wrong with what was wanted.
pub(super) fn report(seen: Vec<Seen>, wanted: &Wanted) -> Result<ObserveReport, String> {
    let mut clusters = Vec::new();
    let mut readings = Vec::new();
    for Seen { context, result } in seen {
        match result {
            Ok(reading) => {
                clusters.push(blank(context, None));
                readings.push(reading);
            }
            Err(error) => clusters.push(blank(context, Some(error))),
        }
    }
    if let Some(namespace) = &wanted.namespace {
        for reading in &mut readings {
            reading.locals.retain(|key, _| key.namespace == *namespace);
        }
    }
    let fleet = Fleet::join(&readings);
    for reading in &readings {
        if let Some(cluster) = clusters
            .iter_mut()
            .find(|cluster| cluster.context == reading.context)
        {
            fill(cluster, reading, &fleet);
        }
    }
    let mut found = obstacles::of_clusters(&readings, &fleet);
    let several = fleet
        .services
        .iter()
        .filter(|(_, members)| members.len() > 1);
    let shared: Vec<SharedService> = several
        .map(|(service, members)| {
            let of_service = obstacles::of_service(service, members, &readings);
            let row = shared_service(&fleet, service, members, &of_service);
            found.extend(of_service);
            row
        })
        .collect();
    let loss = wanted
        .lose
        .as_ref()
        .map(|subject| loss::judge(&fleet, subject))
        .transpose()?;
    found.sort();
    Ok(ObserveReport {
        clusters,
        single: (fleet.services.len() - shared.len()) as u64,
        shared,
        obstacles: found,
        loss,
    })
}

fn blank(context: String, error: Option<String>) -> ClusterSeen {
    ClusterSeen {
        context,
        member: None,
        error,
        kubernetes_version: None,
        region: None,
        network: None,
        istio: false,
        nodes: Vec::new(),
        gateways: Vec::new(),
        services: 0,
        unread: Vec::new(),
    }
}

fn fill(cluster: &mut ClusterSeen, reading: &Reading, fleet: &Fleet) {
    cluster.member = Some(reading.member.clone());
    cluster.network = fleet.network(&reading.member).cloned();
    cluster.services = reading.services().count() as u64;
    cluster.unread = reading
        .unread
        .iter()
        .map(|unread| unread.kind.to_owned())
        .collect();
    let Some(owner) = fleet.facts().owner(&reading.member) else {
        return;
    };
    cluster.gateways = owner
        .gateways
        .iter()
        .map(|(name, gateway)| {
            let addresses: Vec<String> = gateway
                .addresses
                .iter()
                .map(|address| format!("{address}:{}", gateway.port))
                .collect();
            if addresses.is_empty() {
                format!("{name} (no address)")
            } else {
                format!("{name} {}", addresses.join(","))
            }
        })
        .collect();
    if let Some(fact) = &owner.member {
        cluster.kubernetes_version =
            Some(fact.kubernetes_version.clone()).filter(|version| !version.is_empty());
        cluster.region = fact.region.clone();
        cluster.istio = fact.mesh == MeshFact::Istio;
        cluster.nodes = fact
            .nodes
            .iter()
            .map(|(locality, number)| (locality.clone(), *number))
            .collect();
    }
}

fn shared_service(
    fleet: &Fleet,
    service: &ServiceKey,
    members: &BTreeMap<MemberName, LocalService>,
    obstacles: &[Obstacle],
) -> SharedService {
    let failover = fleet.inputs(service).map(|inputs| {
        let (plan, missing) = imagined(&inputs);
        by_member(&plan, &missing)
    });
    let mut reasons: Vec<String> = obstacles
        .iter()
        .map(|obstacle| obstacle.reason.clone())
        .collect();
    reasons.dedup();
    SharedService {
        service: service.clone(),
        present_in: members.keys().cloned().collect(),
        exported_by: members
            .iter()
            .filter(|(_, local)| local.exported)
            .map(|(member, _)| member.clone())
            .collect(),
        endpoints: fleet.endpoints(service),
        failover: failover.unwrap_or_default(),
        obstacles: reasons,
    }
}

#[cfg(test)]
mod tests;
