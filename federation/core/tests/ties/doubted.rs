//! What services share is a fact of all of them: a leader that lies about it is found out by whoever has their facts.

use causeway_api::plan::GatewayInput;
use causeway_core::doubt::{Look, doubt};

use super::*;

fn commit(world: &mut World, inputs: Vec<PlanInputs>) {
    let proposals = inputs.into_iter().map(|inputs| PlanProposal {
        service: inputs.service.clone(),
        plan: Some((inputs.clone(), causeway_failover::plan::plan(&inputs))),
        previous: None,
    });
    let effect = world.accept(Command::CommitPlans(proposals.collect()));
    assert_eq!(effect.refused, [], "the state cannot tell");
}

fn no_doubt(world: &World, services: &[&str]) {
    let mut look = Look::new(&world.state, &world.facts);
    for service in services {
        assert_eq!(look.doubt(&key(service)), None, "{service}");
    }
}

fn doubted(world: &World, service: &str) -> String {
    let found = doubt(&world.state, &world.facts, &key(service));
    found.unwrap().to_string()
}

#[test]
fn a_part_that_is_too_small_while_there_is_room_is_an_alarm() {
    let mut world = three();
    world.apply(Command::RaiseLevel { level: 2 });
    world.member("b", Some(1_000));
    world.round(&THREE);
    no_doubt(&world, &THREE);
    let mut lie = world.inputs("last");
    assert_eq!(lie.gateways, []);
    lie.gateways = vec![GatewayInput {
        network: "b".parse().unwrap(),
        limit: Rate(0),
    }];
    commit(&mut world, vec![lie]);
    assert_eq!(world.served_and_shed("last").0, 0);
    assert_eq!(
        doubted(&world, "last"),
        "it would send 100/s into network b, whose gateways carry 1000/s and are allotted for 0/s, and the plan may send 0/s"
    );
    no_doubt(&world, &["first", "then"]);
    // As long as a person is asked about somebody who may be sent there, what is committed says little.
    let held = world.state.plan(&key("then")).unwrap().value.clone();
    let waits = causeway_state::brain::Pending {
        plan: held.map(std::sync::Arc::new),
        generation: Generation::default(),
        waits: causeway_failover::safety::Waits::Approve,
        since: world.state.cluster_time,
        moved: Rate(0),
    };
    world.state.brain.pending.insert(key("then"), waits);
    no_doubt(&world, &["last"]);
}

#[test]
fn what_is_divided_whole_is_no_alarm_whoever_goes_without() {
    let mut world = three();
    world.apply(Command::RaiseLevel { level: 2 });
    world.member("b", Some(210));
    world.round(&THREE);
    assert_eq!(world.served_and_shed("last"), (10, 90));
    no_doubt(&world, &THREE);
    let mut world = World::new(&[
        ("cart", &[("a", 2), ("b", 4), ("c", 7)]),
        ("pay", &[("b", 4)]),
    ]);
    overfilled(&mut world);
    world.round(&["pay"]);
    assert!(!world.state.kept_to_parts().is_empty());
    no_doubt(&world, &["cart", "pay"]);
}

#[test]
fn weights_made_up_for_all_of_a_unit_are_an_alarm() {
    let mut world = World::new(&[
        ("cart", &[("a", 10), ("b", 10)]),
        ("pay", &[("a", 10), ("b", 10)]),
    ]);
    world.apply(Command::RaiseLevel { level: 2 });
    let rules = PolicyRules {
        move_together: Some(true),
        ..PolicyRules::default()
    };
    world.put("unit", &["cart", "pay"], 400, rules);
    world.round(&["cart", "pay"]);
    no_doubt(&world, &["cart", "pay"]);
    let honest = [world.inputs("cart"), world.inputs("pay")];
    let lies = honest.map(|mut inputs| {
        let away = [("r-a", 0), ("r-b", 10_000)];
        inputs.sources[0].together = away
            .map(|(region, parts)| (region.parse().unwrap(), parts))
            .into();
        inputs
    });
    commit(&mut world, lies.to_vec());
    assert!(world.sent("cart", "b") > 0);
    for service in ["cart", "pay"] {
        assert_eq!(
            doubted(&world, service),
            "callers in a go to r-b by 0 % with the services that it moves as one with, and the plan says 100 %"
        );
    }
}
