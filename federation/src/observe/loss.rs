//! What the loss of a region, a zone or a cluster would do.

use std::collections::BTreeSet;

use causeway_api::ids::{Locality, MemberName, Region, ServiceKey, Zone};
use causeway_api::plan::{PlanInputs, Withdrawal};
use causeway_api::verdict::Subject;

use super::fleet::{Fleet, by_member, imagined};
use super::report::{Loss, LossRow};
use crate::admin::api::LocalityRow;

/// Judges a loss; an error names what there is, where nothing of that name is.
pub(super) fn judge(fleet: &Fleet, subject: &Subject) -> Result<Loss, String> {
    let domain = Domain { fleet, subject };
    let members: Vec<MemberName> = fleet
        .members()
        .map(|(name, _)| name)
        .filter(|name| domain.whole(name))
        .cloned()
        .collect();
    let touched = |row: &LocalityRow| domain.holds(&row.member, &row.locality);
    let mut services: Vec<LossRow> = fleet
        .services
        .keys()
        .filter(|service| {
            fleet
                .endpoints(service)
                .iter()
                .any(|row| row.ready > 0 && touched(row))
        })
        .map(|service| of_service(&domain, service))
        .collect();
    if services.is_empty() && members.is_empty() {
        return Err(format!(
            "nothing lies in {subject}: there is {}",
            domain.known()
        ));
    }
    // Those that go down come first.
    services.sort_by_key(|row| (row.survives, row.service.clone()));
    Ok(Loss {
        subject: subject.clone(),
        members,
        services,
    })
}

fn of_service(domain: &Domain<'_>, service: &ServiceKey) -> LossRow {
    let endpoints = domain.fleet.endpoints(service);
    let ready = |rows: &mut dyn Iterator<Item = &LocalityRow>| {
        rows.map(|row| u64::from(row.ready)).sum::<u64>()
    };
    let ready_left = ready(
        &mut endpoints
            .iter()
            .filter(|row| !domain.holds(&row.member, &row.locality)),
    );
    let moves = domain.fleet.inputs(service).map(|inputs| {
        let (before, _) = imagined(&inputs);
        let (after, missing) = imagined(&domain.without(&inputs));
        let before = by_member(&before, &missing);
        let changed = by_member(&after, &missing).into_iter().filter(|row| {
            let same = before.iter().find(|other| other.from == row.from);
            same.is_none_or(|same| {
                (same.at_home_percent, &same.shares) != (row.at_home_percent, &row.shares)
            })
        });
        changed.collect()
    });
    LossRow {
        service: service.clone(),
        survives: ready_left > 0,
        ready_left,
        ready_now: ready(&mut endpoints.iter()),
        moves: moves.unwrap_or_default(),
    }
}

/// What is lost.
struct Domain<'a> {
    fleet: &'a Fleet,
    subject: &'a Subject,
}

impl Domain<'_> {
    fn region(&self, member: &MemberName) -> Option<&Region> {
        self.fleet
            .members()
            .find(|(name, _)| *name == member)?
            .1
            .region()
    }

    /// Whether a member is lost as a whole.
    fn whole(&self, member: &MemberName) -> bool {
        match self.subject {
            Subject::Member { member: lost } => lost == member,
            Subject::Region { region } => self.region(member) == Some(region),
            _ => false,
        }
    }

    /// Whether a place in a member is lost.
    fn holds(&self, member: &MemberName, place: &Locality) -> bool {
        self.whole(member) || self.has_zone(member, place.region.as_ref(), place.zone.as_ref())
    }

    fn has_zone(&self, member: &MemberName, region: Option<&Region>, zone: Option<&Zone>) -> bool {
        match self.subject {
            Subject::Zone {
                region: lost,
                zone: lost_zone,
            } => zone == Some(lost_zone) && region.or_else(|| self.region(member)) == Some(lost),
            _ => false,
        }
    }

    /// The inputs after the loss: lost members are withdrawn and call no more; a lost zone has no endpoints and no
    /// callers.
    fn without(&self, inputs: &PlanInputs) -> PlanInputs {
        let mut left = inputs.clone();
        left.sources.retain(|source| {
            let (member, zone) = (&source.source.member, source.source.zone.as_ref());
            !self.whole(member) && !self.has_zone(member, source.region.as_ref(), zone)
        });
        for destination in &mut left.destinations {
            if self.whole(&destination.member) {
                destination.withdrawn = Some(Withdrawal::Lost);
            }
        }
        left.destinations.retain(|destination| {
            !self.has_zone(
                &destination.member,
                destination.region.as_ref(),
                destination.zone.as_ref(),
            )
        });
        left
    }

    /// What could be lost, for the error.
    fn known(&self) -> String {
        let regions: BTreeSet<String> = self
            .fleet
            .members()
            .filter_map(|(_, member)| member.region())
            .map(|region| format!("region/{region}"))
            .collect();
        let members = self
            .fleet
            .members()
            .map(|(name, _)| format!("member/{name}"));
        regions
            .into_iter()
            .chain(members)
            .collect::<Vec<_>>()
            .join(", ")
    }
}
