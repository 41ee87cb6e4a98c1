//! What is declared and what is seen: which of them a plan counts on.
//!
//! A rate that an endpoint was seen to serve is throughput and not capacity: it says that so much can be served, and never
//! that more cannot. So it only ever raises a floor; nearest traffic is not held to it, and what is sent from elsewhere is
//! not sent beyond it. Where it is taken for a limit, a plan closes a loop on itself: it sends away what goes beyond what
//! was seen, and so never sees more.
//!
//! Where the numbers come from is not this module's: an agent may read them from its mesh or from Prometheus.

use causeway_api::plan::{CapacitySource, DemandSource, Rate};
use causeway_api::rules::MemberClass;

use crate::quantise;

/// What was seen of the endpoints of a zone over some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What they served together.
    pub rate: Rate,
    /// How many were ready.
    pub ready: u32,
}

/// The floor of what one endpoint can serve, after what was seen: the highest ever, made coarse downward. `None` while
/// nothing was seen that says anything.
#[must_use]
pub fn floor(held: Option<Rate>, seen: Seen) -> Option<Rate> {
    if seen.ready == 0 || seen.rate.0 == 0 {
        return held;
    }
    let each = quantise::seen(Rate(seen.rate.0 / u64::from(seen.ready)));
    held.max((each.0 > 0).then_some(each))
}

/// What ready endpoints serve together, and who says so: what is declared for one of them, else what one was seen to serve.
/// In a serverless cluster nodes come with the pods: what runs is proven there, and more may come.
#[must_use]
pub fn capacity(
    class: MemberClass,
    declared: Option<Rate>,
    learned: Option<Rate>,
    ready: u32,
) -> (Option<Rate>, CapacitySource) {
    let known = match class {
        MemberClass::Serverless => CapacitySource::Running,
        MemberClass::Standard | MemberClass::Edge | MemberClass::External => {
            CapacitySource::Declared
        }
    };
    let all = |each: Rate| Some(Rate(each.0.saturating_mul(u64::from(ready))));
    match (declared, learned) {
        (Some(each), _) => (all(each), known),
        (None, Some(each)) => (all(each), CapacitySource::Learned),
        (None, None) => (None, CapacitySource::Unknown),
    }
}

/// What a source demands, and who says so: what is measured, made coarse upward, else what is declared. What is measured no
/// longer is not zero: it is left to what is declared, or unknown.
#[must_use]
pub fn demand(declared: Option<Rate>, measured: Option<Rate>) -> (Option<Rate>, DemandSource) {
    match (measured, declared) {
        (Some(rate), _) => (Some(quantise::demand(rate)), DemandSource::Measured),
        (None, Some(rate)) => (Some(rate), DemandSource::Declared),
        (None, None) => (None, DemandSource::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_only_rises() {
        let seen = |rps: u64, ready| Seen {
            rate: Rate::from_rps(rps),
            ready,
        };
        let first = floor(None, seen(100, 4));
        assert!(first.is_some_and(|each| each <= Rate::from_rps(25) && each > Rate::from_rps(23)));
        assert_eq!(floor(first, seen(10, 4)), first);
        assert_eq!(floor(first, seen(0, 4)), first);
        assert_eq!(floor(first, seen(100, 0)), first);
        assert!(floor(first, seen(200, 4)) > first);
        assert_eq!(floor(None, seen(0, 0)), None);
    }

    #[test]
    fn what_is_declared_is_a_capacity_and_what_was_seen_is_not() {
        let (ten, two) = (Some(Rate(10)), Some(Rate(2)));
        let of = |class, declared| capacity(class, declared, two, 3);
        use MemberClass::{Edge, External, Serverless, Standard};
        for class in [Standard, Edge, External] {
            assert_eq!(of(class, ten), (Some(Rate(30)), CapacitySource::Declared));
        }
        assert_eq!(
            of(Serverless, ten),
            (Some(Rate(30)), CapacitySource::Running)
        );
        for class in [Standard, Serverless] {
            assert_eq!(of(class, None), (Some(Rate(6)), CapacitySource::Learned));
            assert_eq!(
                capacity(class, None, None, 3),
                (None, CapacitySource::Unknown)
            );
        }
        assert_eq!(demand(ten, None), (ten, DemandSource::Declared));
        assert_eq!(demand(ten, two), (two, DemandSource::Measured));
        assert_eq!(demand(None, None), (None, DemandSource::Unknown));
    }
}
