//! The fleet-wide brake: more lost at once than the root policy allows is more likely a fault of ours than of theirs.
//!
//! A person who acknowledges a loss releases the brake; what was acknowledged counts no more until it has recovered.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::MemberName;
use causeway_api::ids::Region;

use super::SafetyRefusal;
use super::moved::{Cause, Step};
use crate::policy::Root;

/// The limit that is exceeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// `regions` or `percent of members`.
    pub what: String,
    /// The field of the root policy.
    pub field: String,
    /// The limit.
    pub limit: u32,
    /// What was found.
    pub found: u32,
}

/// Whether more is lost than may be. A region is lost when every member in it is, as its verdict is concluded; `members`: each
/// with its region and whether it is lost; `acknowledged` ones count as neither lost nor there.
#[must_use]
pub fn judge(
    limits: &Root,
    members: &BTreeMap<&MemberName, (Option<&Region>, bool)>,
    acknowledged: &BTreeSet<MemberName>,
) -> Option<Exceeded> {
    let counted = || {
        members
            .iter()
            .filter(|(name, (_, lost))| !(*lost && acknowledged.contains(**name)))
    };
    if let Some(limit) = limits.max_regions_lost {
        let mut regions: BTreeMap<&Region, bool> = BTreeMap::new();
        for (_, (region, lost)) in counted() {
            if let Some(region) = region {
                let whole = regions.entry(region).or_insert(true);
                *whole &= *lost;
            }
        }
        let found = count(regions.values().filter(|lost| **lost).count());
        if found > limit {
            return Some(Exceeded {
                what: "regions".to_owned(),
                field: "limits.maxRegionsLost".to_owned(),
                limit,
                found,
            });
        }
    }
    let limit = limits.max_members_lost_percent?;
    let all = u64::from(count(counted().count())).max(1);
    let lost = u64::from(count(counted().filter(|(_, (_, lost))| *lost).count()));
    let over = lost * 100 > u64::from(limit) * all;
    over.then(|| Exceeded {
        what: "percent of members".to_owned(),
        field: "limits.maxMembersLostPercent".to_owned(),
        limit: u32::from(limit),
        found: u32::try_from((lost * 100).div_ceil(all)).unwrap_or(u32::MAX),
    })
}

/// Judges a step while the brake is on; `overruled`: whether a person said otherwise since.
///
/// # Errors
/// Where the plan would change by itself.
pub fn judge_step(
    step: &Step<'_>,
    cause: Cause,
    pulled: Option<&Exceeded>,
    overruled: bool,
) -> Result<(), SafetyRefusal> {
    let people = cause == Cause::People && overruled;
    let Some(pulled) = pulled.filter(|_| step.changes() && !people) else {
        return Ok(());
    };
    Err(SafetyRefusal::MaxLostAtOnce {
        service: step.after.inputs.service.clone(),
        what: pulled.what.clone(),
        field: pulled.field.clone(),
        limit: pulled.limit,
        found: pulled.found,
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn none() -> Root {
        crate::policy::root(&BTreeMap::new())
    }

    fn judged(lost: &[&str], acknowledged: &[&str], limits: &Root) -> Option<(u32, u32)> {
        let names: Vec<MemberName> = ["a1", "a2", "b1", "c1"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        let regions: Vec<Region> = ["a", "a", "b", "c"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        let members = names
            .iter()
            .zip(&regions)
            .map(|(name, region)| (name, (Some(region), lost.contains(&name.as_str()))))
            .collect();
        let acknowledged = acknowledged
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        judge(limits, &members, &acknowledged).map(|over| (over.limit, over.found))
    }

    #[test]
    fn regions_count_when_all_their_members_are_lost() {
        let limits = Root {
            max_regions_lost: Some(1),
            ..none()
        };
        assert_eq!(judged(&["a1", "b1"], &[], &limits), None);
        assert_eq!(judged(&["a1", "a2", "b1"], &[], &limits), Some((1, 2)));
        assert_eq!(judged(&["a1", "a2", "b1"], &["b1"], &limits), None);
        assert_eq!(
            judged(&["a1", "a2", "b1", "c1"], &["b1"], &limits),
            Some((1, 2)),
            "what is lost since counts"
        );
    }

    #[test]
    fn members_count_by_their_share_and_without_limits_nothing_does() {
        let limits = Root {
            max_members_lost_percent: Some(50),
            ..none()
        };
        assert_eq!(
            judged(&["a1", "b1"], &[], &limits),
            None,
            "half is not more"
        );
        assert_eq!(judged(&["a1", "b1", "c1"], &[], &limits), Some((50, 75)));
        let all = ["a1", "a2", "b1", "c1"];
        assert_eq!(judged(&all, &[], &none()), None);
    }
}
