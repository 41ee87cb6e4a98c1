//! A replica that was removed and runs on: how it hears that, and what it still does.

use super::*;

/// Another replica proposes it; whatever the loss of a domain would mean then.
async fn remove(world: &World, at: usize) {
    let by = (at + 1) % SITES;
    let remove = Change::Remove {
        replica: ReplicaId(at as u64 + 1),
        accept_domain_risk: true,
    };
    world.shared(by).consensus.change(remove).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_removed_replica_hears_it_and_its_agents_leave() {
    let world = World::start().await;
    let gone = world.home(1).unwrap();
    remove(&world, gone).await;
    world
        .until("it knows, and has no session", |world| {
            let shared = world.shared(gone);
            shared.out().is_some() && shared.sessions.all().is_empty()
        })
        .await;
    let why = world.shared(gone).out().unwrap();
    let by = (gone + 1) % SITES;
    let id = ReplicaId(gone as u64 + 1);
    let removed = |world: &World| {
        let consensus = &world.shared(by).consensus;
        consensus.read(|state| state.replicas.removed(id))
    };
    assert_eq!(why.removed, removed(&world));
    world
        .until("its agents are elsewhere", |world| {
            let home = world.home(1);
            home.is_some_and(|home| home != gone)
        })
        .await;
    let said = world.replicas[gone].as_ref().unwrap().ready().unwrap_err();
    assert!(
        said.contains("was removed at generation") && said.contains("causeway replica add"),
        "{said}"
    );
    let report = world.replicas[gone].as_ref().unwrap().admin();
    let report = report.status().await.unwrap();
    let first = &report.needs_you[0];
    assert!(
        first.message.contains("what it shows is of then"),
        "{first:?}"
    );
    // Nothing that speaks for the clusterset runs on, and what it is asked to change is refused at once.
    let shared = world.shared(gone);
    world
        .until("its log has stopped", |_| {
            shared.consensus.fenced().is_some()
        })
        .await;
    let began = world.env.now();
    let add = Change::Transfer { to: None };
    let refused = shared.consensus.change(add).await.unwrap_err().to_string();
    assert!(refused.contains("no part in its clusterset"), "{refused}");
    assert_eq!(world.env.now(), began, "nobody waits for it");
    // Whoever dials it hears why.
    let roll = world.shared(by).rolls.follow().borrow().clone();
    assert!(!roll.replicas.contains_key(&id) && roll.changed == why.removed.unwrap());
    world
        .until("agents hold the new roll", |world| {
            let agents = world.agents.iter().flatten();
            agents.into_iter().all(|agent| agent.roll() == roll)
        })
        .await;
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_hears_of_its_removal_from_agents_alone_serves_nobody_until_it_knows_more() {
    let world = World::start().await;
    let gone = (world.leader().unwrap() + 1) % SITES;
    let cut = |cut| {
        for other in 0..SITES {
            for (here, there) in [(gone, other), (other, gone)] {
                let (here, there) = (format!("p{here}"), format!("p{there}"));
                let wire = Wire {
                    cut,
                    ..Wire::default()
                };
                world.peers.set(&here, &there, wire);
            }
        }
    };
    cut(true);
    let by = world.leader().filter(|by| *by != gone).unwrap();
    let remove = Change::Remove {
        replica: ReplicaId(gone as u64 + 1),
        accept_domain_risk: true,
    };
    world.shared(by).consensus.change(remove).await.unwrap();
    world
        .until("it meets nobody any more", |world| {
            let seen = world.shared(gone).links.get().unwrap().seen();
            !seen.values().any(crate::peers::PeerSeen::reachable)
        })
        .await;
    assert!(world.shared(gone).unserved().is_none(), "it knows nothing");
    // What an agent says that has been elsewhere.
    let roll = world.shared(by).rolls.follow().borrow().clone();
    let clusterset = world.shared(by).consensus.read(|state| state.clusterset);
    world.shared(gone).hear_roll(clusterset + 1, &roll);
    assert!(
        world.shared(gone).unserved().is_none(),
        "of another clusterset"
    );
    world.shared(gone).hear_roll(clusterset, &roll);
    world
        .until("it serves nobody", |world| {
            world.shared(gone).sessions.all().is_empty()
        })
        .await;
    let (said, retry) = world.shared(gone).unserved().unwrap();
    assert!(
        retry && said.contains("was removed at generation"),
        "{said}"
    );
    assert!(
        world.shared(gone).out().is_none(),
        "an agent's word alone ends nothing for good"
    );
    cut(false);
    world
        .until("it hears it from the others", |world| {
            world.shared(gone).out().is_some()
        })
        .await;
    world.stop().await;
}
