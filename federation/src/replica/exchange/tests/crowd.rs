//! A hundred agents that come back at once: each is as small as can be, dials as real ones do, says what it is asked for, and stays.

use std::sync::atomic::{AtomicUsize, Ordering};

use causeway_core::homes::Homes;
use causeway_seam::Env;

use super::*;

const CROWD: usize = 100;

/// Where agents dial; a replica that is dead has no place in it.
type Doors = Arc<Mutex<BTreeMap<String, Arc<Shared>>>>;

struct Crowd {
    env: Env,
    doors: Doors,
    /// Sessions by the address of their replica, so that they end with it.
    open: Mutex<BTreeMap<String, Vec<TaskHandle>>>,
    /// Facts that were sent although some replica held them.
    repeated: AtomicUsize,
    busy: AtomicUsize,
}

impl Crowd {
    async fn live(self: Arc<Self>, member: MemberName) {
        let named = ["r1", "r2", "r3"].map(str::to_owned);
        let mut homes = Homes::new(member.as_str(), named);
        let mut sequence = 0;
        loop {
            let now = self.env.now().0;
            let spread = |wait| self.env.random().jittered(wait);
            let next = homes.next(now).map(str::to_owned);
            let address = match next {
                Ok(address) => address,
                Err(wait) => {
                    self.env.sleep(wait.unwrap()).await;
                    continue;
                }
            };
            sequence += 1;
            let shared = lock(&self.doors).get(&address).cloned();
            match shared {
                None => homes.failed(&address, now, spread),
                Some(shared) => {
                    let wait = self.session(&address, shared, &member, sequence).await;
                    homes.leave_alone(&address, now + spread(wait));
                }
            }
            self.env.sleep(spread(Duration::from_millis(50))).await;
        }
    }

    /// A session, until it ends; returns for how long its replica is left alone.
    async fn session(
        &self,
        address: &str,
        shared: Arc<Shared>,
        member: &MemberName,
        sequence: u64,
    ) -> Duration {
        let (up, receiver) = mpsc::channel(64);
        let (sender, mut down) = mpsc::channel(64);
        let connection = Connection {
            remote: "agent".to_owned(),
            identity: Some(member.to_string()),
            sender,
            receiver,
        };
        let session = self
            .env
            .spawn("session", serve::session(shared, connection));
        lock(&self.open)
            .entry(address.to_owned())
            .or_default()
            .push(session);
        let version = FactVersion {
            epoch: 1,
            sequence: 1,
        };
        let hello = Hello {
            member: member.clone(),
            protocol: PROTOCOL,
            version: "0.1.0".to_owned(),
            cluster_uid: format!("uid-{member}"),
            epoch: 1,
            sequence,
            clusterset: 0,
            roll: causeway_api::session::Roll::default(),
            highest: causeway_api::Generation::default(),
            facts: version,
            holds: Holds::default(),
        };
        let _ = up.send(Ok(FromAgent::Hello(hello))).await;
        match down.recv().await {
            Some(FromReplica::Welcome(welcome)) => {
                if welcome.facts != Some(version) {
                    self.repeated.fetch_add(1, Ordering::Relaxed);
                    let mut delta = FactDelta::empty(member.clone(), None, version);
                    let shop = Change::set("shop".parse().unwrap(), NamespaceFact::default());
                    delta.namespaces = vec![shop];
                    let _ = up.send(Ok(FromAgent::Facts(Box::new(delta)))).await;
                }
            }
            Some(FromReplica::Busy { retry_after_ms }) => {
                self.busy.fetch_add(1, Ordering::Relaxed);
                return Duration::from_millis(u64::from(retry_after_ms));
            }
            _ => return Duration::from_millis(250),
        }
        loop {
            tokio::select! {
                biased;
                heard = down.recv() => if heard.is_none() {
                    return Duration::from_millis(250);
                },
                () = self.env.sleep(Duration::from_millis(500)) => {
                    let _ = up.try_send(Ok(FromAgent::Heartbeat));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_agents_of_a_dead_replica_find_others_and_say_nothing_twice() {
    let names: Vec<String> = (0..CROWD).map(|at| format!("m{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let sites = [
        site(1, &names).await,
        site(2, &names).await,
        site(3, &names).await,
    ];
    let mut links = Vec::new();
    for a in 0..3 {
        for b in 0..3 {
            if a != b {
                links.push(((a, b), join(&sites[a], &sites[b])));
            }
        }
    }
    let address = |site: &Site| site.shared.id.to_string();
    let doors = sites
        .iter()
        .map(|site| (address(site), site.shared.clone()));
    let crowd = Arc::new(Crowd {
        env: real::env(),
        doors: Arc::new(Mutex::new(doors.collect())),
        open: Mutex::default(),
        repeated: AtomicUsize::new(0),
        busy: AtomicUsize::new(0),
    });
    let agents: Vec<TaskHandle> = names
        .iter()
        .map(|name| {
            crowd
                .env
                .spawn("agent", crowd.clone().live(name.parse().unwrap()))
        })
        .collect();
    let sessions = |site: &Site| site.shared.sessions.all().len();
    let held = |site: &Site| site.shared.facts().owners().count();
    let all = || sites.iter().map(sessions).sum::<usize>() == CROWD;
    until(&sites[0], "all have a session", all).await;
    for site in &sites {
        until(site, "all facts are everywhere", || held(site) == CROWD).await;
        assert!(sessions(site) > CROWD / 6, "they are spread");
    }
    // On a machine that stood still a session may have ended before its facts were held, and then they are said again.
    assert!(crowd.repeated.swap(0, Ordering::Relaxed) >= CROWD);

    let dead = address(&sites[0]);
    lock(&crowd.doors).remove(&dead);
    lock(&crowd.open).remove(&dead);
    links.retain(|((a, b), _)| *a != 0 && *b != 0);
    until(&sites[1], "all have a session again", || {
        sessions(&sites[1]) + sessions(&sites[2]) == CROWD
    })
    .await;
    assert_eq!(
        crowd.repeated.load(Ordering::Relaxed),
        0,
        "nothing is sent twice"
    );
    for site in &sites[1..] {
        until(site, "each knows the home of all", || {
            let elsewhere = names.iter().filter(|name| {
                let member: MemberName = name.parse().unwrap();
                site.shared.exchange.is_heard_elsewhere(&member)
            });
            elsewhere.count() + sessions(site) == CROWD
        })
        .await;
    }
    drop(agents);
}
