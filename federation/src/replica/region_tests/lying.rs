//! A leader that lies about facts: the plan is committed, and the other replicas say that they see something else.

use causeway_api::ServiceKey;
use causeway_api::plan::PlanInputs;
use causeway_failover::plan;
use causeway_state::Outcome;
use causeway_state::command::PlanProposal;

use super::*;

fn cart() -> ServiceKey {
    "shop/cart".parse().unwrap()
}

fn committed(world: &World, at: usize) -> PlanInputs {
    world.shared(at).consensus.read(|state| {
        let held = state.plan(&cart()).and_then(|row| row.value.clone());
        held.unwrap().inputs
    })
}

/// What a replica that does not lead tells its people and its metrics.
async fn told(world: &World, at: usize) -> (Vec<String>, Option<u64>) {
    let replica = world.replicas[at].as_ref().unwrap();
    let report = replica.admin().status().await.unwrap();
    let rows = report.needs_you.into_iter().map(|row| row.message);
    let metrics = world.shared(at).metrics.metrics.text();
    let doubted = metrics.lines().find_map(|line| {
        let value = line.strip_prefix("causeway_plans_doubted")?;
        value.trim_start_matches("{}").trim().parse().ok()
    });
    (rows.collect(), doubted)
}

#[tokio::test(start_paused = true)]
async fn whom_the_leader_lies_to_says_so() {
    let world = World::start().await;
    let leader = world.leader().unwrap();
    let other = (leader + 1) % SITES;
    let (_, doubted) = told(&world, other).await;
    assert_eq!(doubted, Some(0));
    let place = committed(&world, leader).destinations[0].member.clone();
    let began = world.env.now();
    // Whatever makes the honest leader plan again meanwhile, it goes on lying.
    loop {
        let mut lie = committed(&world, leader);
        if lie.destinations[0].ready > 0 {
            // Of all that the state knows it says what is so.
            lie.destinations[0].ready = 0;
            let proposal = PlanProposal {
                service: cart(),
                plan: Some((lie.clone(), plan::plan(&lie))),
                previous: None,
            };
            let proposed = world
                .shared(leader)
                .propose(Command::CommitPlans(vec![proposal]));
            let outcome = proposed.await.unwrap();
            assert!(
                matches!(&outcome, Outcome::Accepted { effect, .. } if effect.refused.is_empty()),
                "{outcome:?}"
            );
        }
        let (rows, doubted) = told(&world, other).await;
        let said = rows.iter().any(|row| {
            row.contains("this replica's facts do not bear out the committed plan")
                && row.contains(&format!("{place}/"))
                && row.contains("the plan counts on 0")
        });
        if said && doubted == Some(1) {
            break;
        }
        assert!(
            world.env.now().since(began) < Duration::from_secs(120),
            "{rows:?}\n{doubted:?}"
        );
        world.env.sleep(Duration::from_secs(1)).await;
    }
    world.stop().await;
}
