//! When things are written, and when they count as applied, on virtual time.

use std::collections::BTreeSet;
use std::time::Duration;

use causeway_api::view::Versioned;
use causeway_mesh::Source;

use super::*;

impl Storm {
    /// A quiet mesh that is as the view says.
    async fn calm() -> Self {
        let mut dice = Dice(1);
        let storm = Self::new(&mut dice);
        {
            let mut view = storm.source.0.lock().unwrap();
            view.services.remove(&key("user"));
            for network in view.member.networks.values_mut() {
                while network.value.as_ref().unwrap().gateways.is_empty() {
                    network.value = Some(gateways(&mut dice));
                }
            }
            for name in SERVICES {
                if let Some(inputs) = view.services.get_mut(&key(name)) {
                    for word in &mut inputs.owners {
                        word.service.ready = 3;
                    }
                    let all = NETWORKS.map(network);
                    let plan = inputs.plan.as_mut().unwrap().value.as_mut().unwrap();
                    plan.offered = BTreeSet::from(all);
                }
            }
        }
        storm.applied(Duration::from_secs(30)).await;
        storm.env.sleep(Duration::from_secs(2)).await;
        storm
    }

    /// Waits until what the source says now is applied, and returns how long that took.
    async fn applied(&self, deadline: Duration) -> Duration {
        let wanted = self.source.versions().generation;
        let applied = self.writer.handle().applied();
        let start = self.env.now();
        loop {
            if applied.borrow().generation == wanted {
                return self.env.now().since(start);
            }
            let waited = self.env.now().since(start);
            assert!(waited < deadline, "{wanted:?}: {:?}", *applied.borrow());
            self.env.sleep(Duration::from_millis(1)).await;
        }
    }

    /// A decision of which nothing follows.
    fn decide_the_same(&self, name: &str) {
        let mut view = self.source.0.lock().unwrap();
        view.index += 1;
        let generation = generation(view.index);
        let inputs = view.services.get_mut(&key(name)).unwrap();
        inputs.plan.as_mut().unwrap().generation = generation;
        self.writer.handle().mark_services([key(name)]);
    }

    /// A network is offered no more, or again.
    fn decide(&self, name: &str) {
        let mut view = self.source.0.lock().unwrap();
        view.index += 1;
        let generation = generation(view.index);
        let inputs = view.services.get_mut(&key(name)).unwrap();
        let plan = inputs.plan.as_mut().unwrap();
        plan.generation = generation;
        let offered = &mut plan.value.as_mut().unwrap().offered;
        if !offered.remove(&network("net2")) {
            offered.insert(network("net2"));
        }
        self.writer.handle().mark_services([key(name)]);
    }

    /// One more is ready of each owner's endpoints.
    fn count(&self, name: &str) {
        let mut view = self.source.0.lock().unwrap();
        view.index += 1;
        let inputs = view.services.get_mut(&key(name)).unwrap();
        for word in &mut inputs.owners {
            word.service.ready += 1;
        }
        self.writer.handle().mark_counts([key(name)]);
    }

    fn written(&self) -> u64 {
        let stats = self.writer.handle().stats();
        stats.applied + stats.deleted
    }

    /// Waits until anything was written, and returns how long that took.
    async fn writes(&self, before: u64) -> Duration {
        let start = self.env.now();
        while self.written() == before {
            let waited = self.env.now().since(start);
            assert!(waited < Duration::from_secs(30), "nothing is written");
            self.env.sleep(Duration::from_millis(1)).await;
        }
        self.env.now().since(start)
    }
}

/// A round that ends has to be followed by another where the source has gone on meanwhile: nobody rings for that again.
#[tokio::test(start_paused = true)]
async fn what_is_decided_while_others_are_written_is_applied_too() {
    let storm = Storm::calm().await;
    storm.cluster.delay(Duration::from_secs(1));
    storm.decide("cart");
    storm.env.sleep(Duration::from_millis(300)).await;
    // Done at once, long before what is being written.
    storm.decide_the_same("pay");
    storm.applied(Duration::from_secs(20)).await;
}

/// The same for what waits for a pause to end: it is part of a round that began earlier.
#[tokio::test(start_paused = true)]
async fn a_decision_of_which_nothing_follows_is_applied_while_counts_wait() {
    let storm = Storm::calm().await;
    storm.count("cart");
    storm.applied(Duration::from_secs(1)).await;
    storm.count("cart");
    storm.env.sleep(Duration::from_millis(20)).await;
    storm.decide_the_same("cart");
    storm.applied(Duration::from_secs(1)).await;
}

/// What a round waits for may go from the view; the next one does not wait for it.
#[tokio::test(start_paused = true)]
async fn a_view_that_is_lost_and_comes_back_is_applied() {
    let storm = Storm::calm().await;
    storm.count("cart");
    storm.applied(Duration::from_secs(1)).await;
    // Waits for the pause when the view is lost, and never comes back.
    {
        let mut view = storm.source.0.lock().unwrap();
        view.index += 1;
        let like = view.services.get(&key("cart")).unwrap().clone();
        view.services.insert(key("new"), like);
    }
    storm.writer.handle().mark_counts([key("new")]);
    storm.env.sleep(Duration::from_millis(20)).await;
    let kept = std::mem::take(&mut storm.source.0.lock().unwrap().services);
    // Settings that change let everything be looked at.
    let settle = |region: &str| {
        let mut view = storm.source.0.lock().unwrap();
        view.index += 1;
        view.member.settings.region = Some(region.parse().unwrap());
        drop(view);
        storm.writer.handle().mark_member();
    };
    settle("r9");
    let wrong = storm.written();
    storm.env.sleep(Duration::from_secs(5)).await;
    let applied = storm.writer.handle().applied().borrow().clone();
    assert!(
        applied
            .conditions
            .iter()
            .any(|found| found.reason == "EmptyView"),
        "{applied:?}"
    );
    assert_ne!(applied.generation, storm.source.versions().generation);
    assert_eq!(storm.written(), wrong, "a lost view is not obeyed");

    // Without the service that the round waited for.
    let mut kept = kept;
    kept.remove(&key("new"));
    storm.source.0.lock().unwrap().services = kept;
    settle("r1");
    storm.applied(Duration::from_secs(20)).await;
}

/// istiod pushes in the pauses; none of them is shorter than its debounce.
#[tokio::test(start_paused = true)]
async fn counts_that_keep_changing_are_written_at_once_and_then_with_pauses() {
    let storm = Storm::calm().await;
    let start = storm.env.now();
    let mut writes = Vec::new();
    let mut known = storm.written();
    for ms in 0..5_000_u64 {
        if ms % 20 == 0 {
            storm.count(["cart", "pay"][usize::from(ms % 40 == 0)]);
        }
        storm.env.sleep(Duration::from_millis(1)).await;
        if storm.written() != known {
            known = storm.written();
            writes.push(storm.env.now().since(start));
        }
    }
    assert!(writes[0] <= Duration::from_millis(5), "{writes:?}");
    // Within 10 ms is one write of several objects.
    let pauses: Vec<_> = writes
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|pause| *pause > Duration::from_millis(10))
        .collect();
    assert!((15..=20).contains(&pauses.len()), "{pauses:?}");
    for pause in pauses {
        assert!(pause >= Duration::from_millis(230), "{pause:?}");
        assert!(pause <= Duration::from_millis(280), "{pause:?}");
    }
    // All is applied in the end.
    storm.applied(Duration::from_secs(1)).await;
}

/// What a failover changes waits for nothing, however much changes besides.
#[tokio::test(start_paused = true)]
async fn plans_and_gateways_never_wait_for_a_pause() {
    let storm = Storm::calm().await;
    for round in 0..20_u64 {
        storm.count("cart");
        let before = storm.written();
        storm.env.sleep(Duration::from_millis(20 + round)).await;
        storm.count("cart");
        storm.env.sleep(Duration::from_millis(5)).await;
        let quiet = round == 0 || storm.written() == before;
        let before = storm.written();
        if round % 2 == 0 {
            storm.decide("pay");
        } else {
            let mut view = storm.source.0.lock().unwrap();
            view.index += 1;
            let generation = generation(view.index);
            let mut value = gateways(&mut Dice(round));
            value.gateways = value.gateways.into_iter().take(1).collect();
            if round % 4 == 1 {
                value.gateways.clear();
            }
            let value = Some(value);
            let at = network("net3");
            view.member
                .networks
                .insert(at, Versioned { generation, value });
            drop(view);
            storm.writer.handle().mark_member();
        }
        let took = storm.writes(before).await;
        assert!(
            took <= Duration::from_millis(5),
            "round {round}, quiet {quiet}: {took:?}"
        );
    }
    storm.applied(Duration::from_secs(5)).await;
}
