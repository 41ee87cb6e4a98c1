//! What a person sees of the report.

use std::collections::BTreeMap;

use causeway_api::ids::{Locality, NetworkName, Zone};

use super::report::{
    ClusterSeen, FailoverRow, Loss, ObserveReport, Obstacle, SharedService, Weight,
};
use crate::cli::table::{Cell, Paint, Table, Tone};
use crate::cli::text::{clean, count, grouped};

/// How many services a screen names before it counts the rest; `-o wide` names all.
const SERVICES_SHOWN: usize = 40;
/// How many objects one obstacle names.
const OBJECTS_SHOWN: usize = 4;

/// What networks are called: where a network has just one cluster, that cluster's name says more.
struct Names(BTreeMap<NetworkName, Vec<String>>);

impl Names {
    fn of(report: &ObserveReport) -> Self {
        let mut members: BTreeMap<NetworkName, Vec<String>> = BTreeMap::new();
        for cluster in &report.clusters {
            if let (Some(network), Some(member)) = (&cluster.network, &cluster.member) {
                members
                    .entry(network.clone())
                    .or_default()
                    .push(member.to_string());
            }
        }
        Self(members)
    }

    fn name(&self, network: &NetworkName) -> String {
        match self.0.get(network).map(Vec::as_slice) {
            Some([member]) => member.clone(),
            _ => format!("network {network}"),
        }
    }
}

/// The whole screen.
pub(super) fn screen(report: &ObserveReport, paint: Paint, wide: bool) -> String {
    let mut out = clusters(report, paint);
    if report
        .clusters
        .iter()
        .all(|cluster| cluster.error.is_some())
    {
        out.push_str("\nNo cluster could be read, so there is nothing to compare.\n");
        return out;
    }
    out.push_str(&shared(report, paint, wide));
    if let Some(loss) = &report.loss {
        out.push_str(&lost(loss, &Names::of(report), paint, wide));
    }
    out.push_str(&obstacles(&report.obstacles, paint, wide));
    out.push_str("\nNothing was installed and nothing was written.\n");
    out
}

fn heading(paint: Paint, text: &str) -> String {
    paint.tone(Tone::Bold, text)
}

fn clusters(report: &ObserveReport, paint: Paint) -> String {
    let read = report
        .clusters
        .iter()
        .filter(|cluster| cluster.error.is_none())
        .count();
    let mut table = Table::new(&[
        "CONTEXT", "REGION", "NODES", "K8S", "ISTIO", "NETWORK", "GATEWAY", "SERVICES", "NOTE",
    ])
    .right(&["NODES", "SERVICES"])
    .indent(2);
    for cluster in &report.clusters {
        table.row(cluster_row(cluster));
    }
    let of = report.clusters.len();
    format!(
        "{}  {read} of {of} read\n{}",
        heading(paint, "CLUSTERS"),
        table.render(paint)
    )
}

fn cluster_row(cluster: &ClusterSeen) -> Vec<Cell> {
    if let Some(error) = &cluster.error {
        let dash = || Cell::or_dash(None::<String>);
        let mut cells: Vec<Cell> = vec![cluster.context.as_str().into()];
        cells.extend((0..7).map(|_| dash()));
        cells.push(Cell::toned(Tone::Bad, error));
        return cells;
    }
    let nodes: u32 = cluster.nodes.iter().map(|(_, number)| number).sum();
    let note = match cluster.unread.len() {
        0 => String::new(),
        number => format!(
            "could not read {}",
            if number > 3 {
                format!("{number} kinds")
            } else {
                cluster.unread.join(", ")
            }
        ),
    };
    vec![
        cluster.context.as_str().into(),
        Cell::or_dash(cluster.region.as_ref()),
        nodes.to_string().into(),
        Cell::or_dash(cluster.kubernetes_version.as_ref()),
        if cluster.istio {
            Cell::toned(Tone::Good, "yes")
        } else {
            Cell::toned(Tone::Warn, "no")
        },
        Cell::or_dash(cluster.network.as_ref()),
        Cell::or_dash((!cluster.gateways.is_empty()).then(|| cluster.gateways.join(" "))),
        grouped(cluster.services).into(),
        Cell::toned(Tone::Warn, note),
    ]
}

fn shared(report: &ObserveReport, paint: Paint, wide: bool) -> String {
    let all = report.shared.len() as u64 + report.single;
    let names = Names::of(report);
    let mut out = format!(
        "\n{}  {} of {} exist in several clusters\n",
        heading(paint, "SERVICES"),
        grouped(report.shared.len() as u64),
        grouped(all)
    );
    let mut table = Table::new(&[
        "SERVICE",
        "READY",
        "WHERE",
        "EXPORTED",
        "WOULD FAIL OVER",
        "IN THE WAY",
    ])
    .right(&["READY"])
    .indent(2);
    let shown = if wide {
        report.shared.len()
    } else {
        SERVICES_SHOWN
    };
    for service in report.shared.iter().take(shown) {
        table.row(vec![
            service.service.to_string().into(),
            service
                .endpoints
                .iter()
                .map(|row| u64::from(row.ready))
                .sum::<u64>()
                .to_string()
                .into(),
            places(service).into(),
            format!(
                "{} of {}",
                service.exported_by.len(),
                service.present_in.len()
            )
            .into(),
            failover(&service.failover, &names).into(),
            Cell::toned(Tone::Warn, service.obstacles.join(", ")),
        ]);
    }
    if !table.is_empty() {
        out.push_str(&table.render(paint));
    }
    if let Some(more) = report
        .shared
        .len()
        .checked_sub(shown)
        .filter(|more| *more > 0)
    {
        out.push_str(&format!("  {more} more: -o wide shows all\n"));
    }
    let rows = || report.shared.iter().flat_map(|service| &service.failover);
    if rows().next().is_some() {
        out.push_str("  → when it has none left   ⇒ at once: it has none of its own");
        let blocked = rows().any(|row| !row.no_gateway.is_empty());
        out.push_str(if blocked {
            "   (in brackets) once a gateway leads there\n"
        } else {
            "\n"
        });
    }
    out
}

/// `prod-eu eu-1/a=4 eu-1/b=5 · prod-us us-1/a=6`: a member's places follow its name.
fn places(service: &SharedService) -> String {
    let mut by_member: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for member in &service.present_in {
        by_member.entry(member.as_str()).or_default();
    }
    for row in service.endpoints.iter().filter(|row| row.total > 0) {
        let ready = if row.ready == row.total {
            row.ready.to_string()
        } else {
            format!("{}/{}", row.ready, row.total)
        };
        by_member
            .entry(row.member.as_str())
            .or_default()
            .push(format!("{}={ready}", place(&row.locality)));
    }
    let each = by_member
        .into_iter()
        .map(|(member, places)| match places.as_slice() {
            [] => format!("{member} none"),
            places => format!("{member} {}", places.join(" ")),
        });
    each.collect::<Vec<_>>().join(" · ")
}

fn place(locality: &Locality) -> String {
    match (&locality.region, &locality.zone) {
        (None, None) => "?".to_owned(),
        (Some(region), None) => region.to_string(),
        (region, Some(zone)) => {
            let region = region.as_ref().map_or("?", |region| region.as_str());
            // Clouds put the region into the zone's name already.
            if zone.as_str().starts_with(region) {
                Zone::to_string(zone)
            } else {
                format!("{region}/{zone}")
            }
        }
    }
}

/// `prod-eu → prod-us, prod-ap · prod-ap ⇒ prod-eu 60 %, prod-us 40 %`: the thin arrow is for the day that it has none
/// left, the thick one for what is sent away at once.
fn failover(rows: &[FailoverRow], names: &Names) -> String {
    let each = rows.iter().map(|row| {
        let name = |network: &NetworkName| {
            let name = names.name(network);
            if row.no_gateway.contains(network) {
                format!("({name})")
            } else {
                name
            }
        };
        let now: Vec<String> = row
            .shares
            .iter()
            .map(|(network, percent)| format!("{} {percent} %", name(network)))
            .collect();
        let then: Vec<String> = row.then.iter().map(name).collect();
        match (now.is_empty(), then.is_empty()) {
            (true, true) => format!("{} → nowhere", row.from),
            (true, false) => format!("{} → {}", row.from, then.join(", ")),
            (false, true) => format!("{} ⇒ {}", row.from, now.join(", ")),
            (false, false) => format!("{} ⇒ {} → {}", row.from, now.join(", "), then.join(", ")),
        }
    });
    each.collect::<Vec<_>>().join(" · ")
}

fn lost(loss: &Loss, names: &Names, paint: Paint, wide: bool) -> String {
    let members = match loss.members.as_slice() {
        [] => String::new(),
        members => format!(
            "  with {}",
            members
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let down = loss.services.iter().filter(|row| !row.survives).count() as u64;
    let mut out = format!(
        "\n{}{members}\n  {}: {} nothing left, {}\n",
        heading(paint, &format!("IF {} IS LOST", loss.subject)),
        count(
            loss.services.len() as u64,
            "service has endpoints there",
            "services have endpoints there"
        ),
        if down == 1 {
            "1 has".to_owned()
        } else {
            format!("{} have", grouped(down))
        },
        count(loss.services.len() as u64 - down, "survives", "survive")
    );
    let mut table = Table::new(&["SERVICE", "LEFT", "", "WHO IS SENT ELSEWHERE"])
        .right(&["LEFT"])
        .indent(2);
    let shown = if wide {
        loss.services.len()
    } else {
        SERVICES_SHOWN
    };
    for row in loss.services.iter().take(shown) {
        table.row(vec![
            row.service.to_string().into(),
            format!("{} of {} ready", row.ready_left, row.ready_now).into(),
            if row.survives {
                Cell::toned(Tone::Good, "survives")
            } else {
                Cell::toned(Tone::Bad, "DOWN")
            },
            failover(&row.moves, names).into(),
        ]);
    }
    out.push_str(&table.render(paint));
    if let Some(more) = loss
        .services
        .len()
        .checked_sub(shown)
        .filter(|more| *more > 0)
    {
        out.push_str(&format!("  {more} more: -o wide shows all\n"));
    }
    out
}

/// Obstacles of one reason and message stand together.
fn obstacles(found: &[Obstacle], paint: Paint, wide: bool) -> String {
    if found.is_empty() {
        return format!("\n{}  nothing\n", heading(paint, "IN THE WAY"));
    }
    let mut groups: BTreeMap<(Weight, &str, &str), Vec<&Obstacle>> = BTreeMap::new();
    for obstacle in found {
        groups
            .entry((obstacle.weight, &obstacle.reason, &obstacle.message))
            .or_default()
            .push(obstacle);
    }
    let mut table = Table::new(&[]).indent(2);
    for ((weight, reason, message), obstacles) in groups {
        let (tone, word) = match weight {
            Weight::Blocks => (Tone::Bad, "blocks"),
            Weight::Limits => (Tone::Warn, "limits"),
            Weight::Notice => (Tone::Dim, "notice"),
        };
        table.row(vec![
            Cell::toned(tone, word),
            reason.into(),
            format!("{}: {message}", whose(&obstacles, wide)).into(),
        ]);
    }
    format!(
        "\n{}\n{}",
        heading(paint, "IN THE WAY"),
        table.render(paint)
    )
}

fn whose(obstacles: &[&Obstacle], wide: bool) -> String {
    let names: Vec<String> = obstacles
        .iter()
        .map(
            |obstacle| match (&obstacle.context, obstacle.object.as_str()) {
                (Some(context), "") => clean(context),
                (Some(context), object) => clean(&format!("{object} in {context}")),
                (None, "") => "all".to_owned(),
                (None, object) => clean(object),
            },
        )
        .collect();
    let shown = if wide { names.len() } else { OBJECTS_SHOWN };
    let more = names.len().saturating_sub(shown);
    let named: Vec<String> = names.into_iter().take(shown).collect();
    if more > 0 {
        format!("{} and {more} more", named.join(", "))
    } else {
        named.join(", ")
    }
}
