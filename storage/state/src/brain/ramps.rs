//! Traffic that returns in steps, and when which of it goes on: time passes many times while a region returns, and looks at
//! what is due then, not at every service that returns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use causeway_api::ServiceKey;
use causeway_api::domain::Domain;
use causeway_api::verdict::ClusterTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::brain::{Ramp, RampStage};

/// Of one service: what returns, by what it returns to.
pub type Rows = BTreeMap<Domain, Ramp>;

/// Traffic that returns, by service; none of them without a row. It stands in snapshots as the plain map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ramps {
    rows: BTreeMap<ServiceKey, Rows>,
    /// Services by when the first of theirs goes on.
    due: BTreeMap<ClusterTime, BTreeSet<ServiceKey>>,
}

impl Deref for Ramps {
    type Target = BTreeMap<ServiceKey, Rows>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl Ramps {
    /// Changes the rows of one service.
    pub(crate) fn change<T>(
        &mut self,
        service: &ServiceKey,
        change: impl FnOnce(&mut Rows) -> T,
    ) -> T {
        let mut rows = self.rows.remove(service).unwrap_or_default();
        let before = first(&rows);
        let answer = change(&mut rows);
        let after = first(&rows);
        if before != after {
            if let Some(at) = before {
                self.forget(at, service);
            }
            if let Some(at) = after {
                self.due.entry(at).or_default().insert(service.clone());
            }
        }
        if !rows.is_empty() {
            self.rows.insert(service.clone(), rows);
        }
        answer
    }

    /// Changes the rows of all services.
    pub(crate) fn change_all(&mut self, mut change: impl FnMut(&ServiceKey, &mut Rows)) {
        let mut rows = std::mem::take(&mut self.rows);
        for (service, rows) in &mut rows {
            change(service, rows);
        }
        rows.retain(|_, rows| !rows.is_empty());
        *self = Self::from(rows);
    }

    /// Services of which something goes on at `now` or should have, in order.
    pub(crate) fn due(&self, now: ClusterTime) -> BTreeSet<ServiceKey> {
        let due = self.due.range(..=now);
        due.flat_map(|(_, services)| services).cloned().collect()
    }

    /// When the next goes on.
    pub(crate) fn next_deadline(&self) -> Option<ClusterTime> {
        self.due.keys().next().copied()
    }

    fn forget(&mut self, at: ClusterTime, service: &ServiceKey) {
        if let Some(services) = self.due.get_mut(&at) {
            services.remove(service);
            if services.is_empty() {
                self.due.remove(&at);
            }
        }
    }
}

impl From<BTreeMap<ServiceKey, Rows>> for Ramps {
    fn from(rows: BTreeMap<ServiceKey, Rows>) -> Self {
        let mut due: BTreeMap<ClusterTime, BTreeSet<ServiceKey>> = BTreeMap::new();
        for (service, at) in rows
            .iter()
            .filter_map(|(service, rows)| Some((service, first(rows)?)))
        {
            due.entry(at).or_default().insert(service.clone());
        }
        Self { rows, due }
    }
}

impl Serialize for Ramps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ramps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

fn first(rows: &Rows) -> Option<ClusterTime> {
    rows.values().filter_map(deadline).min()
}

/// When a return goes on by itself.
pub(crate) fn deadline(ramp: &Ramp) -> Option<ClusterTime> {
    match ramp.stage {
        RampStage::HoldDown { until, .. } => Some(until),
        RampStage::Climbing => Some(ramp.since.plus_ms(ramp.interval_ms.max(1))),
        RampStage::Approval | RampStage::Never => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::brain::AfterHoldDown;

    fn ramp(stage: RampStage, since: u64) -> Ramp {
        Ramp {
            stage,
            step_percents: vec![10, 100],
            interval_ms: 100,
            step: 0,
            since: ClusterTime(since),
            healthy_percent: 80,
            unhealthy: false,
            backoffs: 0,
        }
    }

    fn as_if_anew(ramps: &Ramps) -> Option<ClusterTime> {
        assert_eq!(*ramps, Ramps::from(ramps.rows.clone()));
        let bytes = postcard::to_allocvec(ramps).unwrap();
        assert_eq!(bytes, postcard::to_allocvec(&ramps.rows).unwrap());
        assert_eq!(*ramps, postcard::from_bytes(&bytes).unwrap());
        ramps.next_deadline()
    }

    #[test]
    fn what_is_due_is_known_however_rows_change() {
        let (cart, pay): (ServiceKey, ServiceKey) =
            ("shop/cart".parse().unwrap(), "shop/pay".parse().unwrap());
        let [a, b] = ["member/a", "member/b"].map(|text| text.parse::<Domain>().unwrap());
        let hold = RampStage::HoldDown {
            until: ClusterTime(50),
            then: AfterHoldDown::Climb,
        };
        let mut ramps = Ramps::default();
        assert_eq!(as_if_anew(&ramps), None);
        ramps.change(&cart, |rows| {
            rows.insert(a.clone(), ramp(RampStage::Climbing, 10))
        });
        ramps.change(&pay, |rows| rows.insert(a.clone(), ramp(hold, 10)));
        ramps.change(&pay, |rows| {
            rows.insert(b.clone(), ramp(RampStage::Approval, 1))
        });
        assert_eq!(as_if_anew(&ramps), Some(ClusterTime(50)));
        assert_eq!(ramps.due(ClusterTime(49)), BTreeSet::new());
        assert_eq!(ramps.due(ClusterTime(50)), [pay.clone()].into());
        assert_eq!(
            ramps.due(ClusterTime(110)),
            [cart.clone(), pay.clone()].into()
        );
        ramps.change(&pay, |rows| rows.remove(&a));
        assert_eq!(as_if_anew(&ramps), Some(ClusterTime(110)));
        // What was only looked at leaves nothing behind.
        ramps.change(&"shop/none".parse().unwrap(), |rows| rows.clear());
        ramps.change_all(|_, rows| rows.retain(|domain, _| *domain != a));
        assert_eq!(as_if_anew(&ramps), None);
        assert_eq!(ramps.len(), 1);
        ramps.change(&pay, BTreeMap::clear);
        assert!(ramps.is_empty());
    }
}
