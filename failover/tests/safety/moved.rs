//! How much a step moves, whether it has a choice, and what people leave.

use causeway_api::plan::{PlanInputs, Rate, ServicePlan, Withdrawal};
use causeway_failover::safety::moved::{
    Amount, Planned, Step, as_if_stayed, demand, find, is_left, left_percent, newly_left,
    same_place, unserved,
};

use crate::world::{amount, at, fleet, leave, moving, plan, resting, source, step, to, zone};

#[test]
fn what_moves_is_what_shrinks() {
    let inputs = fleet();
    let moved = |old: &ServicePlan, new: &ServicePlan| {
        step((&inputs, old), (&inputs, new), |step| step.amount())
    };
    let half = plan(&[("sh", 5_000, 100_000), ("sg", 5_000, 100_000)], 0);
    let all = plan(&[("sg", 10_000, 200_000)], 0);
    assert_eq!(moved(&half, &all), amount(0, 100_000));
    assert_eq!(moved(&half, &all).all(), Rate(100_000));
    assert_eq!(moved(&half, &half), Amount::default());
    let more = plan(&[("sh", 5_000, 200_000), ("sg", 5_000, 200_000)], 0);
    assert_eq!(moved(&half, &more), Amount::default(), "demand that grew");
    let elsewhere = plan(&[("sg", 10_000, 200_000), ("tk", 0, 0)], 0);
    let mut other = elsewhere.clone();
    other.sources[0].source = source("h");
    assert_eq!(moved(&half, &other), Amount::default(), "who went away");
    // Of the demand of today, and no more than went there.
    let less = plan(&[("sh", 5_000, 50_000), ("sg", 5_000, 50_000)], 0);
    let whole = plan(&[("sh", 10_000, 200_000)], 0);
    assert_eq!(moved(&whole, &less), amount(0, 50_000));
    let grown = plan(&[("sh", 5_000, 400_000), ("sg", 5_000, 400_000)], 0);
    assert_eq!(moved(&whole, &grown), Amount::default());
    // What is not served was asked for all the same.
    let short = plan(&[("sh", 10_000, 100_000)], 100_000);
    assert_eq!(moved(&short, &half), amount(0, 0));
    let less = plan(&[("sh", 5_000, 20_000), ("sg", 5_000, 20_000)], 160_000);
    assert_eq!(moved(&short, &less), amount(0, 80_000));
}

#[test]
fn unknown_demand_counts_as_one_request_a_second() {
    let inputs = fleet();
    let moved = |old: &ServicePlan, new: &ServicePlan| {
        step((&inputs, old), (&inputs, new), |step| step.amount()).chosen
    };
    let unknown = [
        plan(&[("sh", 10_000, 0)], 0),
        plan(&[("sh", 5_000, 0), ("sg", 5_000, 0)], 0),
    ];
    let known = [
        plan(&[("sh", 10_000, 200_000)], 0),
        plan(&[("sh", 5_000, 100_000), ("sg", 5_000, 100_000)], 0),
    ];
    assert_eq!(moved(&unknown[0], &unknown[1]), Rate(500));
    assert_eq!(moved(&unknown[0], &known[1]), Rate(100_000));
    assert_eq!(moved(&known[0], &unknown[1]), Rate(100_000));
    let mut asked = fleet();
    assert_eq!(demand(&asked), Rate(250_000));
    asked.sources[1].demand = None;
    assert_eq!(demand(&asked), Rate(201_000));
    let mut two = plan(&[("sh", 10_000, 0)], 7);
    two.sources.extend(plan(&[("sh", 10_000, 0)], 5).sources);
    two.sources[1].source = source("h");
    assert_eq!(unserved(&two), Rate(12));
    let found = find(&two, &source("h")).map(|found| found.unserved);
    assert_eq!(found, Some(Rate(5)));
    assert!(find(&known[0], &source("h")).is_none());
}

#[test]
fn a_part_is_forced_where_its_destination_can_serve_less() {
    type Change = fn(&mut PlanInputs);
    let network: [(&str, Change, bool); 8] = [
        ("nothing", |_| {}, false),
        (
            "lost",
            |i| zone(i, "sh/a").withdrawn = Some(Withdrawal::Lost),
            true,
        ),
        ("fewer are ready", |i| zone(i, "sh/a").ready = 3, true),
        ("more are ready", |i| zone(i, "sh/a").ready = 5, false),
        ("no export", |i| zone(i, "sh/a").exported = false, true),
        ("people leave it", |i| leave(i, "sh/a", 0), false),
        (
            "policy forbids it",
            |i| zone(i, "sh/a").withdrawn = Some(Withdrawal::NotAllowed),
            false,
        ),
        ("another is lost", |i| zone(i, "sg/a").ready = 0, false),
    ];
    let plan = plan(&[("sh", 10_000, 200_000)], 0);
    let forced = |before: &PlanInputs, after: &PlanInputs, name: &str| {
        step((before, &plan), (after, &plan), |step| {
            step.forced(&source("g"), &to(name))
        })
    };
    for (what, change, expected) in network {
        let (before, mut after) = (fleet(), fleet());
        change(&mut after);
        assert_eq!(forced(&before, &after, "sh"), expected, "{what}");
    }
    // A zone of the own network needs no export, and what its neighbour has counts for the neighbour.
    let (before, mut after) = (fleet(), fleet());
    zone(&mut after, "hz/g").exported = false;
    assert!(!forced(&before, &after, "hz/g"));
    zone(&mut after, "hz/g").ready = 2;
    zone(&mut after, "hz/h").ready = 9;
    assert!(forced(&before, &after, "hz/g"));
    assert!(!forced(&before, &after, "hz/h"));
    // Not reached from here: where it is new.
    let mut cut = fleet();
    cut.sources[0].unreachable.insert("sh".parse().unwrap());
    assert!(forced(&before, &cut, "sh"));
    assert!(!forced(&before, &cut, "sg") && !forced(&before, &cut, "hz/g"));
    assert!(!forced(&cut, &cut, "sh") && !forced(&cut, &before, "sh"));
    let first = Step {
        before: None,
        after: Planned {
            inputs: &cut,
            plan: &plan,
        },
    };
    assert!(!first.forced(&source("g"), &to("sh")) && !first.changes());
    assert_eq!(first.amount(), Amount::default());
    moving(true, |step| {
        assert_eq!(step.amount(), amount(200_000, 0));
        assert!(step.changes());
    });
    resting(|step| assert!(!step.changes()));
}

#[test]
fn what_people_leave_is_left_in_steps_or_whole() {
    let mut inputs = fleet();
    let mut left = |withdrawn, admitted| {
        let zone = zone(&mut inputs, "sh/a");
        zone.withdrawn = withdrawn;
        zone.admitted_percent = admitted;
        (left_percent(zone), is_left(zone))
    };
    let evacuated = Some(Withdrawal::Evacuated);
    assert_eq!(left(None, 100), (0, false));
    assert_eq!(left(None, 40), (0, false), "it ramps up");
    assert_eq!(left(Some(Withdrawal::Lost), 40), (0, false));
    assert_eq!(left(evacuated, 99), (1, false));
    assert_eq!(left(evacuated, 40), (60, false));
    assert_eq!(left(evacuated, 0), (100, true));
    assert_eq!(left(evacuated, 100), (100, true));
}

#[test]
fn what_is_newly_left_is_taken_back_and_nothing_else() {
    let before = {
        let mut inputs = fleet();
        leave(&mut inputs, "sg/a", 40);
        zone(&mut inputs, "tk/a").withdrawn = Some(Withdrawal::Lost);
        inputs
    };
    let sg = before.destinations.iter().find(|zone| at(zone) == "sg/a");
    assert_eq!(same_place(&before, sg.unwrap()), sg);
    assert!(!newly_left(&before, &before));
    let mut back = before.clone();
    leave(&mut back, "sg/a", 70);
    assert!(!newly_left(&before, &back), "less than before");
    assert_eq!(as_if_stayed(&before, &back), back);
    let mut further = before.clone();
    leave(&mut further, "sg/a", 10);
    assert!(newly_left(&before, &further));
    assert_eq!(as_if_stayed(&before, &further), before);
    let mut another = before.clone();
    leave(&mut another, "sh/a", 0);
    assert!(newly_left(&before, &another));
    assert_eq!(as_if_stayed(&before, &another), before);
    // It is back, and a person leaves it: it would be open.
    let mut returned = before.clone();
    leave(&mut returned, "tk/a", 0);
    let stayed = as_if_stayed(&before, &returned);
    let tk = stayed.destinations.iter().find(|zone| at(zone) == "tk/a");
    let tk = tk.map(|zone| (zone.withdrawn, zone.admitted_percent));
    assert_eq!(tk, Some((None, 100)));
    // It was left already, whatever verdict stood before that.
    let mut vacated = before.clone();
    zone(&mut vacated, "tk/a").vacated = true;
    assert!(!newly_left(&vacated, &returned));
    assert_eq!(as_if_stayed(&vacated, &returned), returned);
    let mut weighed = before.clone();
    weighed.policy.weights = [("tokyo".parse().unwrap(), 1)].into();
    weighed.policy.strategy = causeway_api::rules::Strategy::Weighted;
    assert!(newly_left(&before, &weighed));
    assert_eq!(as_if_stayed(&before, &weighed), before);
}
