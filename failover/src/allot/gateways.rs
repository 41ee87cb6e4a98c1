//! Gateways as capacities that services share.

use std::collections::BTreeMap;

use causeway_api::ids::{NetworkName, ServiceKey};
use causeway_api::plan::{Destination, PlanInputs, Rate};
use causeway_api::rules::{OnOverload, Priority};

use crate::plan::plan;

/// Who is allotted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Critical services.
    First,
    /// All others.
    Then,
    /// Services that come last, and whose policy lets them be shed.
    Last,
}

impl Class {
    /// The class of a service: one that may not be shed is never put behind others for being sheddable.
    #[must_use]
    pub fn of(inputs: &PlanInputs) -> Self {
        match (inputs.policy.priority, inputs.policy.on_overload) {
            (Priority::Critical, _) => Self::First,
            (Priority::Sheddable, OnOverload::Shed) => Self::Last,
            (Priority::Standard | Priority::Sheddable, _) => Self::Then,
        }
    }
}

/// What a service would send through the gateways of networks, if they carried anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    /// Its class.
    pub class: Class,
    /// How much, by network; what is unknown is not counted. Nothing stands at a network that it could send to and does not.
    pub rates: BTreeMap<NetworkName, Rate>,
    /// What it leaves unserved all the same.
    pub unserved: Rate,
}

/// What a service wants of gateways, within what its inputs allot to it already.
#[must_use]
pub fn wants(inputs: &PlanInputs) -> Wants {
    let could = inputs.destinations.iter();
    let mut rates: BTreeMap<NetworkName, Rate> = could
        .map(|destination| (destination.network.clone(), Rate(0)))
        .collect();
    let plan = plan(inputs);
    let unserved = plan.sources.iter().map(|source| source.unserved);
    for share in plan.sources.iter().flat_map(|source| &source.shares) {
        if let Destination::Network(network) = &share.destination {
            let sum = rates.entry(network.clone()).or_default();
            *sum = sum.plus(share.rate);
        }
    }
    Wants {
        class: Class::of(inputs),
        unserved: unserved.fold(Rate(0), Rate::plus),
        rates,
    }
}

/// What the gateways of each network carry, all services together, from what each gateway declares that may be used; a network
/// with a gateway that declares nothing is left out.
#[must_use]
pub fn limits(
    gateways: impl IntoIterator<Item = (NetworkName, Option<Rate>)>,
) -> BTreeMap<NetworkName, Rate> {
    let mut limits: BTreeMap<NetworkName, Option<Rate>> = BTreeMap::new();
    for (network, carries) in gateways {
        let sum = limits.entry(network).or_insert(Some(Rate(0)));
        *sum = sum.and_then(|sum| Some(sum.plus(carries?)));
    }
    let known = limits.into_iter();
    known
        .filter_map(|(network, limit)| Some((network, limit?)))
        .collect()
}

/// What each service may send through one network's gateways, which carry `limit`; empty where all that is wanted fits, unless
/// everybody is to keep to what it wants there (`kept`).
///
/// By class. Within a class where not all fits, first what a service can serve nowhere else (`needed`, which is asked for those
/// services alone), then the rest; each in proportion, rounded down.
pub fn allot<'s>(
    limit: Rate,
    kept: bool,
    wanted: impl IntoIterator<Item = (&'s ServiceKey, Class, Rate)>,
    needed: &mut dyn FnMut(&ServiceKey) -> Rate,
) -> BTreeMap<ServiceKey, Rate> {
    let mut classes: BTreeMap<Class, BTreeMap<&ServiceKey, Rate>> = BTreeMap::new();
    let mut all: u128 = 0;
    for (service, class, rate) in wanted {
        all += u128::from(rate.0);
        classes.entry(class).or_default().insert(service, rate);
    }
    let mut allotted = BTreeMap::new();
    if !kept && all <= u128::from(limit.0) {
        return allotted;
    }
    let mut left = u128::from(limit.0);
    for services in classes.values() {
        let asked: u128 = services.values().map(|rate| u128::from(rate.0)).sum();
        if asked <= left {
            let whole = services.iter();
            allotted.extend(whole.map(|(service, rate)| ((*service).clone(), *rate)));
            left -= asked;
            continue;
        }
        let needs: Vec<Rate> = services
            .iter()
            .map(|(service, rate)| needed(service).min(*rate))
            .collect();
        let rests = services.values().zip(&needs);
        let rests: Vec<Rate> = rests.map(|(rate, need)| rate.minus(*need)).collect();
        let (firsts, left_over) = divide(left, &needs);
        let (seconds, _) = divide(left_over, &rests);
        for (service, (first, second)) in services.keys().zip(firsts.into_iter().zip(seconds)) {
            allotted.insert((*service).clone(), first.plus(second));
        }
        left = 0;
    }
    allotted
}

/// Divides what is left in proportion, rounded down, and says what remains where all are given what they ask for.
fn divide(left: u128, asked: &[Rate]) -> (Vec<Rate>, u128) {
    let all: u128 = asked.iter().map(|rate| u128::from(rate.0)).sum();
    let granted = left.min(all);
    let part = |rate: &Rate| u128::from(rate.0) * granted / all.max(1);
    let part = |rate: &Rate| Rate(u64::try_from(part(rate)).unwrap_or(u64::MAX));
    (asked.iter().map(part).collect(), left - granted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn key(name: &str) -> ServiceKey {
        name.parse().unwrap()
    }

    #[test]
    fn the_lowest_class_is_cut_first_and_a_class_in_proportion() {
        let names = ["a/critical", "b/one", "c/two", "d/last"].map(key);
        let classes = [Class::First, Class::Then, Class::Then, Class::Last];
        let wants = |limit: u64| {
            let rows = names.iter().zip(classes).zip([40, 30, 60, 50]);
            let rows = rows.map(|((name, class), rate)| (name, class, Rate(rate)));
            let allotted = allot(Rate(limit), false, rows, &mut |_| Rate(0));
            names
                .iter()
                .map(|name| allotted.get(name).map(|rate| rate.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(wants(180), [None; 4], "all fits: nobody is bound");
        assert_eq!(wants(150), [Some(40), Some(30), Some(60), Some(20)]);
        assert_eq!(wants(100), [Some(40), Some(20), Some(40), Some(0)]);
        assert_eq!(wants(10), [Some(10), Some(0), Some(0), Some(0)]);
    }

    #[test]
    fn who_has_no_other_way_comes_first_within_its_class() {
        let names = ["a/critical", "b/one", "c/two"].map(key);
        let classes = [Class::First, Class::Then, Class::Then];
        let wants = |limit: u64, needs: [u64; 3]| {
            let rows = names.iter().zip(classes).zip([40, 30, 60]);
            let rows = rows.map(|((name, class), rate)| (name, class, Rate(rate)));
            let mut asked = Vec::new();
            let allotted = allot(Rate(limit), false, rows, &mut |service| {
                let at = names.iter().position(|name| name == service).unwrap();
                asked.push(at);
                Rate(needs[at])
            });
            assert_eq!(asked, [1, 2], "who gets all that it wants is not asked");
            names.each_ref().map(|name| allotted[name].0)
        };
        assert_eq!(wants(100, [0, 30, 0]), [40, 30, 30]);
        assert_eq!(wants(100, [0, 0, 60]), [40, 0, 60]);
        // Nobody needs more than it wants here.
        assert_eq!(wants(100, [0, 900, 0]), [40, 30, 30]);
        // What not all need fits is in proportion to what each needs; what is left to what else each wants.
        assert_eq!(wants(70, [0, 30, 60]), [40, 10, 20]);
        assert_eq!(wants(100, [0, 10, 20]), [40, 20, 40]);
    }
}
