//! Plans are judged one by one, by command and state alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::type_complexity)]

mod support;

use causeway_api::ServiceKey;
use causeway_api::plan::{PlanInputs, Rate, ServicePlan, Withdrawal};
use causeway_api::verdict::Ballot;
use causeway_state::apply::plans::PROPOSALS;
use causeway_state::{Command, Outcome, PlanProposal, Refusal};
use support::Machine;

fn cart() -> ServiceKey {
    "shop/cart".parse().unwrap()
}

#[test]
fn a_plan_keeps_its_generation_until_it_changes() {
    let mut machine = Machine::with(&["hz", "sh"]);
    let proposal = machine.proposal(&["hz", "sh"]);
    let effect = machine.accept(Command::CommitPlans(vec![proposal.clone()]));
    assert_eq!(effect.planned, [cart()]);
    let first = machine.state.plan(&cart()).unwrap().generation;
    assert_eq!(
        machine.apply(Command::CommitPlans(vec![proposal])),
        Outcome::Unchanged
    );

    // Other inputs, the same plan: noted, and no churn.
    let mut inputs = machine.inputs(&["hz", "sh"]);
    inputs.destinations[0].ready = 5;
    inputs.destinations[0].capacity = Some(Rate::from_rps(500));
    let plan = causeway_failover::plan::plan(&inputs);
    let noted = PlanProposal {
        service: cart(),
        plan: Some((inputs.clone(), plan)),
        previous: None,
    };
    let effect = machine.accept(Command::CommitPlans(vec![noted]));
    assert!(effect.planned.is_empty());
    let row = machine.state.plan(&cart()).unwrap();
    assert_eq!(
        (row.generation, &row.value.as_ref().unwrap().inputs),
        (first, &inputs)
    );

    machine.lose("hz");
    let moved = machine.proposal(&["hz", "sh"]);
    machine.accept(Command::CommitPlans(vec![moved]));
    let row = machine.state.plan(&cart()).unwrap();
    assert!(row.generation > first);
    let withdrawn = &row.value.as_ref().unwrap().plan.withdrawn;
    assert_eq!(withdrawn.get("hz"), Some(&Withdrawal::Lost));
    let report = machine.state.explain(&cart()).unwrap();
    assert!(
        report.withdrawn[0].verdicts[0].contains("member hz is Lost"),
        "{report:#?}"
    );
    assert!(
        report.withdrawn[0].verdicts[0].contains("1 of 1 counted observers"),
        "{report:#?}"
    );
}

#[test]
fn a_service_that_is_no_longer_federated_leaves_a_tombstone() {
    let mut machine = Machine::with(&["hz"]);
    let gone = PlanProposal {
        service: cart(),
        plan: None,
        previous: None,
    };
    assert_eq!(
        machine.apply(Command::CommitPlans(vec![gone.clone()])),
        Outcome::Unchanged
    );
    let proposal = machine.proposal(&["hz"]);
    machine.accept(Command::CommitPlans(vec![proposal]));
    let planned = machine.state.plan(&cart()).unwrap().generation;
    machine.accept(Command::CommitPlans(vec![gone.clone()]));
    let row = machine.state.plan(&cart()).unwrap();
    assert!(row.value.is_none() && row.generation > planned);
    assert_eq!(
        machine.apply(Command::CommitPlans(vec![gone])),
        Outcome::Unchanged
    );
    assert_eq!(machine.state.plans.len(), 1);
}

/// A leader that ignores the rules: each lie, and the refusal that it meets.
#[test]
fn a_leader_that_ignores_the_rules_is_refused() {
    type Lie = fn(&mut PlanInputs, &mut ServicePlan);
    let lies: &[(&str, Lie, fn(&Refusal) -> bool)] = &[
        (
            "a loss ignored",
            |inputs, plan| {
                inputs.destinations[0].withdrawn = None;
                *plan = causeway_failover::plan::plan(inputs);
            },
            |refusal| matches!(refusal, Refusal::VerdictIgnored { .. }),
        ),
        (
            "a loss made up",
            |inputs, plan| {
                inputs.destinations[1].withdrawn = Some(Withdrawal::Lost);
                *plan = causeway_failover::plan::plan(inputs);
            },
            |refusal| matches!(refusal, Refusal::VerdictIgnored { .. }),
        ),
        (
            "a policy that is not in force",
            |inputs, plan| {
                inputs.policy.allowed_regions = ["sh".parse().unwrap()].into();
                *plan = causeway_failover::plan::plan(inputs);
            },
            |refusal| matches!(refusal, Refusal::StalePolicy { .. }),
        ),
        (
            "a member that nobody registered",
            |inputs, _| inputs.sources[0].source.member = "ghost".parse().unwrap(),
            |refusal| matches!(refusal, Refusal::UnknownMember(_)),
        ),
        (
            "another service's plan",
            |inputs, _| inputs.service = "shop/other".parse().unwrap(),
            |refusal| matches!(refusal, Refusal::PlanCheck { check, .. } if check == "service"),
        ),
        (
            "an empty set",
            |_, plan| plan.sources[1].shares.clear(),
            |refusal| matches!(refusal, Refusal::PlanCheck { check, .. } if check == "empty"),
        ),
        (
            "over capacity",
            |inputs, plan| {
                for source in &mut inputs.sources {
                    source.demand = Some(Rate::from_rps(1_000));
                }
                let mut wider = inputs.clone();
                for zone in &mut wider.destinations {
                    zone.capacity = Some(Rate::from_rps(4_000));
                }
                *plan = causeway_failover::plan::plan(&wider);
            },
            |refusal| matches!(refusal, Refusal::PlanCheck { check, .. } if check == "capacity"),
        ),
        (
            "more rows than a plan may have",
            |inputs, _| inputs.sources = vec![inputs.sources[0].clone(); 10_000],
            |refusal| matches!(refusal, Refusal::TooLarge { .. }),
        ),
    ];
    let mut machine = Machine::with(&["hz", "sh"]);
    machine.lose("hz");
    for (name, lie, expected) in lies {
        let mut proposal = machine.proposal(&["hz", "sh"]);
        let (inputs, plan) = proposal.plan.as_mut().unwrap();
        lie(inputs, plan);
        let good = PlanProposal {
            service: "shop/gone".parse().unwrap(),
            plan: None,
            previous: None,
        };
        let effect = machine.accept(Command::CommitPlans(vec![good, proposal]));
        assert_eq!(effect.refused.len(), 1, "{name}");
        assert!(
            expected(&effect.refused[0].1),
            "{name}: {}",
            effect.refused[0].1
        );
        assert!(machine.state.plan(&cart()).is_none(), "{name}");
    }
}

#[test]
fn one_bad_plan_does_not_stop_the_others() {
    let mut machine = Machine::with(&["hz", "sh"]);
    let good = machine.proposal(&["hz", "sh"]);
    let mut bad = good.clone();
    bad.service = "shop/other".parse().unwrap();
    let effect = machine.accept(Command::CommitPlans(vec![bad, good.clone()]));
    assert_eq!((effect.planned, effect.refused.len()), (vec![cart()], 1));
    let many = vec![good; PROPOSALS + 1];
    assert!(matches!(
        machine.apply(Command::CommitPlans(many)),
        Outcome::Refused(Refusal::TooLarge { .. })
    ));
}

#[test]
fn a_lost_gateway_takes_its_network_out_though_the_member_lives() {
    let mut machine = Machine::with(&["hz", "sh"]);
    machine.vote("session/hz", Ballot::Reachable);
    machine.vote("gateway/hz/eastwest", Ballot::Reachable);
    machine.vote("gateway/hz/eastwest", Ballot::Unreachable);
    machine.tick_ms(10_000);
    let hz = "hz".parse().unwrap();
    assert_eq!(machine.state.withdrawal(&hz), Some(Withdrawal::Lost));
    assert!(
        machine.state.member_state(&hz).may_receive(),
        "the member itself is only degraded"
    );
    let proposal = machine.proposal(&["hz", "sh"]);
    assert_eq!(
        machine.accept(Command::CommitPlans(vec![proposal])).planned,
        [cart()]
    );
    machine.vote("gateway/hz/eastwest", Ballot::Reachable);
    assert_eq!(machine.state.withdrawal(&hz), Some(Withdrawal::Recovering));
}
