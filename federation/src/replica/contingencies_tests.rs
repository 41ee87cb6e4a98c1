//! When what is prepared is named, in a fleet that never rests and after a name that could not be committed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_api::facts::{GatewayAddress, GatewayFact};
use causeway_api::ids::{MemberName, PortName, ReplicaId};
use causeway_api::plan::{
    CapacitySource, DemandSource, DestinationInput, PlanInputs, Source, SourceInput,
};
use causeway_api::spec::{MemberSpec, Placement};
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_failover::plan::plan;

use super::*;
use crate::replica::shared::alone::Alone;

/// A replica's shared parts with its log, and two members that are placed.
struct World {
    shared: Alone,
}

impl World {
    async fn new() -> Self {
        let world = Self {
            shared: Alone::new(1).await,
        };
        let level = causeway_state::level::FEATURE_LEVEL;
        world.put(Command::RaiseLevel { level }).await;
        for member in ["a", "b"] {
            let name = || member.parse().unwrap();
            world
                .put(Command::PutMember(MemberSpec::minimal(name())))
                .await;
            let gateway = GatewayFact {
                network: member.parse().unwrap(),
                addresses: vec![GatewayAddress::Host(format!("{member}.example"))],
                port: 15443,
            };
            world
                .put(Command::PlaceMember {
                    member: name(),
                    placement: Placement {
                        cluster_uid: format!("uid-{member}"),
                        region: Some(member.parse().unwrap()),
                        zones: [member.parse().unwrap()].into(),
                        network: member.parse().unwrap(),
                        gateways: [("eastwest".parse().unwrap(), gateway)].into(),
                    },
                })
                .await;
        }
        world
    }

    async fn put(&self, command: Command) {
        self.shared.propose(command).await.unwrap();
    }

    fn named(&self) -> usize {
        let shared = &self.shared;
        shared
            .consensus
            .read(|state| state.brain.contingencies.rows.len())
    }

    fn is_due(&self) -> bool {
        let due = lock(&self.shared.preparations.due);
        due.everything || due.places
    }

    /// Waits, and does something in each round meanwhile.
    async fn until(&self, what: &str, round: impl Fn(), done: impl Fn(&Self) -> bool) {
        let env = &self.shared.env;
        let began = env.now();
        while !done(self) {
            let waited = env.now().since(began);
            assert!(
                waited < Duration::from_secs(60),
                "{what}: not in {waited:?}"
            );
            round();
            env.sleep(Duration::from_millis(500)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_is_never_quiet_is_prepared_for_losses_all_the_same() {
    let world = World::new().await;
    let shared = &*world.shared;
    let _task = shared.env.spawn("preparations", prepare(shared.clone()));
    // Something changes more often than would ever count as quiet.
    let restless = || shared.preparations.committed(&BTreeSet::new());
    world
        .until("what is prepared is named", restless, |world| {
            world.named() > 0
        })
        .await;
    let prepared = lock(&shared.preparations.held).iter().count();
    assert_eq!(world.named(), prepared);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_named_is_looked_at_again_by_itself() {
    let world = World::new().await;
    let shared = &*world.shared;
    heard(&shared.preparations, Err("no quorum".to_owned()));
    assert!(world.is_due(), "it is to be looked at");
    let _task = shared.env.spawn("preparations", prepare(shared.clone()));
    let rest = || {};
    world
        .until("it is named", rest, |world| world.named() > 0)
        .await;
    // Another time, while nothing at all changes.
    heard(&shared.preparations, Err("no quorum".to_owned()));
    world
        .until("it is looked at again", rest, |world| !world.is_due())
        .await;
    // What is refused waits for what made it stale: that is followed, and looked at then.
    let refusal = causeway_state::Refusal::NotBraked;
    heard(&shared.preparations, Ok(Outcome::Refused(refusal)));
    assert!(!world.is_due());
}

#[tokio::test(start_paused = true)]
async fn inputs_that_could_not_be_committed_are_looked_at_again() {
    let world = World::new().await;
    let preparations = &world.shared.preparations;
    let service: ServiceKey = "shop/cart".parse().unwrap();
    let left = [PlanProposal {
        service: service.clone(),
        plan: None,
        previous: None,
    }];
    put_back(preparations, &left, "no quorum");
    assert_eq!(lock(&preparations.due).facts, [service].into());
    // What wakes the loop is kept until it runs.
    preparations.wake.notified().await;
}

/// A service in both members, where so many are ready in each.
fn inputs(state: &State, ready: [u32; 2]) -> PlanInputs {
    let service: ServiceKey = "shop/cart".parse().unwrap();
    let members: [MemberName; 2] = ["a", "b"].map(|name| name.parse().unwrap());
    let source = |member: &MemberName| SourceInput {
        source: Source {
            member: member.clone(),
            zone: member.as_str().parse().ok(),
        },
        region: member.as_str().parse().ok(),
        network: member.as_str().parse().unwrap(),
        demand: None,
        demand_source: DemandSource::Unknown,
        unreachable: BTreeSet::new(),
        ejected: Default::default(),
        together: BTreeMap::new(),
    };
    let zone = |(member, ready): (&MemberName, u32)| DestinationInput {
        member: member.clone(),
        zone: member.as_str().parse().ok(),
        region: member.as_str().parse().ok(),
        network: member.as_str().parse().unwrap(),
        exported: true,
        ready,
        capacity: None,
        capacity_source: CapacitySource::Unknown,
        max_utilization_percent: 80,
        withdrawn: None,
        total: ready,
        admitted_percent: 100,
        vacated: false,
        draining: false,
    };
    PlanInputs {
        ports: vec![PortName::unnamed()],
        sources: members.iter().map(source).collect(),
        destinations: members.iter().zip(ready).map(zone).collect(),
        policy: state.policy(&service).policy,
        gateways: Vec::new(),
        service,
    }
}

/// Commits a plan of that service; the row.
async fn commit(world: &World, ready: [u32; 2]) -> Arc<PlanRow> {
    let consensus = &world.shared.consensus;
    let inputs = consensus.read(|state| inputs(state, ready));
    let service = inputs.service.clone();
    let proposal = PlanProposal {
        service: service.clone(),
        plan: Some((inputs.clone(), plan(&inputs))),
        previous: None,
    };
    let outcome = world.shared.propose(Command::CommitPlans(vec![proposal]));
    let Outcome::Accepted { effect, .. } = outcome.await.unwrap() else {
        panic!("nothing came of {inputs:?}");
    };
    assert_eq!(effect.refused, []);
    consensus.read(|state| state.plans[&service].clone())
}

#[tokio::test(start_paused = true)]
async fn inputs_that_are_committed_under_a_plan_that_stays_are_prepared_from() {
    let world = World::new().await;
    let shared = &*world.shared;
    let _follow = shared
        .env
        .spawn("follow", crate::replica::follow::follow(shared.clone()));
    let service: ServiceKey = "shop/cart".parse().unwrap();
    let due = || {
        let mut due = lock(&shared.preparations.due);
        std::mem::take(&mut due.committed).contains(&service)
    };
    let rest = || {};
    let first = commit(&world, [2, 2]).await;
    world.until("a plan is told", rest, |_| due()).await;
    // Of b nothing is left: a goes on as it did, and what is to be done when a is lost is another thing.
    let second = commit(&world, [2, 1]).await;
    assert_eq!(first.generation, second.generation, "the plan stays");
    world.until("inputs are told", rest, |_| due()).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_prepared_from_other_inputs_is_not_proposed_with_these() {
    let world = World::new().await;
    let preparations = &world.shared.preparations;
    let consensus = &world.shared.consensus;
    let domain: Domain = "member/b".parse().unwrap();
    let reached = |subject: &str| Vote {
        observer: ObserverId::Replica(ReplicaId(1)),
        domain: "here".parse().unwrap(),
        subject: subject.parse().unwrap(),
        ballot: Ballot::Reachable,
        evidence: "as probed".to_owned(),
    };
    let votes = ["gateway/b/eastwest", "session/b"].map(reached).to_vec();
    world.put(Command::CastVotes(votes)).await;
    let first = commit(&world, [0, 2]).await;
    preparations.all_changed();
    work_off(&world.shared).await;
    let proposals = || {
        let mut mark = Mark::default();
        consensus.read(|state| preparations.proposals(state, &domain, &mut mark, 8))
    };
    assert_eq!(proposals().len(), 1);
    let second = commit(&world, [0, 1]).await;
    assert_eq!(first.generation, second.generation, "the plan stays");
    assert_eq!(proposals(), [], "until it is prepared anew");
    preparations.committed(&["shop/cart".parse().unwrap()].into());
    work_off(&world.shared).await;
    let again = proposals();
    let (inputs, _) = again.first().unwrap().plan.clone().unwrap();
    assert_eq!(inputs.destinations.last().map(|zone| zone.ready), Some(1));
}
