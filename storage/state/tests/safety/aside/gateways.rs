//! A plan that leaves a loss out, and the gateways that all share.

use super::*;

/// All goes to the network of sg, into which s2 has another gateway; sg is lost, and sh is being evacuated.
fn behind_another_gateway() -> World {
    let mut world = World::wider(|_| {});
    let Command::PlaceMember {
        member,
        mut placement,
    } = crate::support::place_in("s2", "sh", &["eastwest"])
    else {
        unreachable!();
    };
    placement.network = "sg".parse().unwrap();
    for gateway in placement.gateways.values_mut() {
        gateway.network = "sg".parse().unwrap();
    }
    world
        .machine
        .accept(Command::PlaceMember { member, placement });
    for member in ["s2", "sg"] {
        let mut spec = MemberSpec::minimal(member.parse().unwrap());
        let gateway = DeclaredGateway {
            addresses: vec![GatewayAddress::Host(format!("{member}.example"))],
            port: 15443,
            max_rate: Some(Rate::from_rps(1_000)),
        };
        spec.gateways = [("eastwest".parse().unwrap(), gateway)].into();
        world.machine.accept(Command::PutMember(spec));
    }
    world.machine.vote("gateway/s2/eastwest", Ballot::Reachable);
    world.ready = [0, 4];
    world.plan();
    world.policy(|policy| policy.rules.mode = Some(FailoverMode::Approve));
    world.plan();
    world.machine.lose("sg");
    world.put(evacuate("member/sh"));
    world
}

#[test]
fn a_plan_that_leaves_a_loss_out_binds_nobody_else_at_the_gateways() {
    let mut world = behind_another_gateway();
    let sg: NetworkName = "sg".parse().unwrap();
    let limits = world.machine.state.gateway_limits();
    assert_eq!(limits.get(&sg), Some(&Rate::from_rps(1_000)));
    let aside = apart(&world).unwrap();
    let bound = |proposal: &PlanProposal| {
        let (inputs, _) = proposal.plan.as_ref().unwrap();
        inputs.gateways.iter().any(|row| row.network == sg)
    };
    assert!(bound(&aside));
    let pay = || {
        let mut inputs = world.machine.inputs(&["hz", "s2"]);
        inputs.service = "shop/pay".parse().unwrap();
        inputs.policy = world.machine.state.policy(&inputs.service).policy;
        inputs.sources.truncate(1);
        inputs.destinations.remove(0);
        inputs.destinations[0].network = sg.clone();
        proposal(inputs)
    };
    let pay = pay();
    assert!(!bound(&pay));
    let both = Command::CommitPlans(vec![aside, pay]);
    let effect = world.machine.accept(both);
    assert_eq!(effect.refused, []);
    assert_eq!(effect.planned.len(), 2);
}

/// What a leader says of a place that is set aside instead of what an honest one does; nobody approved that it is left.
fn refused_beside_an_evacuation(
    mut world: World,
    lie: impl FnOnce(&mut PlanInputs),
) -> [String; 3] {
    world.put(evacuate("member/sh"));
    let state = &world.machine.state;
    let mut inputs = state.without_what_waits(&world.inputs()).unwrap();
    assert!(state.would_pass(&proposal(inputs.clone())));
    lie(&mut inputs);
    let before = shares(&world);
    let lie = proposal(inputs);
    let effect = world.propose(lie);
    assert_eq!(shares(&world), before);
    match effect.refused.as_slice() {
        [(_, Refusal::InputContradicted { contradiction, .. })] => [
            contradiction.field.clone(),
            contradiction.claimed.clone(),
            contradiction.found.clone(),
        ],
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_waits_is_not_left_by_a_weaker_reason() {
    for reason in [
        Withdrawal::NoGateway,
        Withdrawal::NotAllowed,
        Withdrawal::Unhealthy,
    ] {
        let said = refused_beside_an_evacuation(waiting(FailoverMode::Approve), |inputs| {
            inputs.destinations[1].withdrawn = Some(reason);
        });
        assert_eq!(said, ["withdrawn", &reason.to_string(), "none"]);
    }
}

#[test]
fn what_waits_is_not_left_for_want_of_capacity() {
    let nothing = |inputs: &mut PlanInputs| inputs.destinations[1].capacity = Some(Rate(0));
    let said = refused_beside_an_evacuation(waiting(FailoverMode::Approve), nothing);
    assert_eq!(said, ["capacity", "0/s, as declared", "400/s, as declared"]);
    // Where callers stand in its network, it is what they send there.
    let near = || {
        let mut world = super::in_one_network(4);
        world.machine.lose("sg");
        world.plan();
        world
    };
    let said = refused_beside_an_evacuation(near(), nothing);
    assert_eq!(said[..2], ["capacity", "0/s, as declared"]);
    let said = refused_beside_an_evacuation(near(), |inputs| {
        let zone = &mut inputs.destinations[1];
        zone.capacity = zone.capacity.map(|rate| Rate(rate.0 - 1));
    });
    assert_eq!(said[0], "capacity");
}

#[test]
fn what_waits_is_not_left_for_want_of_gateways() {
    let said = refused_beside_an_evacuation(waiting(FailoverMode::Approve), |inputs| {
        inputs.gateways[0].limit = Rate(0);
    });
    assert_eq!(said[..2], ["gateways", "0/s"]);
}
