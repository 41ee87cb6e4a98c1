//! When what is prepared is named, in a fleet that never rests and after a name that could not be committed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use causeway_api::facts::{GatewayAddress, GatewayFact};
use causeway_api::spec::{MemberSpec, Placement};

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
    let restless = || shared.preparations.planned(&BTreeSet::new());
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
