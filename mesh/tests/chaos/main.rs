//! The writer in a storm: views that change, people who edit, an API server that hangs, fails, forgets and cuts
//! watches, writers that die and are followed by others. What must hold, holds at every look; and when the storm is
//! over, the mesh is exactly what the view says, and nothing is written any more.
//!
//! The API server is the one in memory, and time is virtual: a seed is a few milliseconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod pace;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_api::spec::Mode;
use causeway_api::view::{ServiceView, Versioned};
use causeway_memory::{Config, Deny, MemoryMember};
use causeway_mesh::{LeaseState, Source, Writer, WriterOptions};
use causeway_render::{LocalService, MemberInputs, ServiceInputs};
use causeway_seam::{Env, Monotonic};
use serde_json::{Value, json};
use tokio::sync::watch;

use view::*;

struct Storm {
    env: Env,
    cluster: MemoryMember,
    source: Arc<Held>,
    writer: Writer,
    lease: watch::Sender<LeaseState>,
    epoch: u64,
    foreign: String,
}

impl Storm {
    fn new(dice: &mut Dice) -> Self {
        let env = causeway_seam::real::env();
        let cluster = MemoryMember::new(Config::new("one"), env.clone());
        for name in ["istio-system", "shop"] {
            let namespace =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            cluster.put(namespace).unwrap();
        }
        // Somebody's own object under a name of ours.
        let theirs = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": {"name": "cw-user.net4", "namespace": "shop"},
            "spec": {"address": "192.0.2.9"},
        });
        let foreign = cluster.put(theirs).unwrap()["metadata"]["resourceVersion"].to_string();
        let mut view = View {
            member: MemberInputs {
                settings: settings(Mode::Federate),
                generation: generation(1),
                seen: generation(1_000_000),
                networks: BTreeMap::new(),
                mesh_namespace: "istio-system".to_owned(),
            },
            services: BTreeMap::new(),
            index: 10,
        };
        for name in NETWORKS {
            let value = Some(gateways(dice));
            let versioned = Versioned {
                generation: generation(2),
                value,
            };
            view.member.networks.insert(network(name), versioned);
        }
        for name in SERVICES {
            let inputs = ServiceInputs {
                plan: Some(Versioned {
                    generation: generation(3),
                    value: Some(plan(dice)),
                }),
                owners: words(dice),
                unheard: BTreeSet::new(),
                local: LocalService {
                    ready: 2,
                    localities: BTreeSet::from(["r1/z1".parse().unwrap()]),
                    ..local(name)
                },
            };
            view.services.insert(key(name), inputs);
        }
        let source = Arc::new(Held(Mutex::new(view)));
        let (lease, writer) = start(&env, &cluster, &source, 1);
        Self {
            env,
            cluster,
            source,
            writer,
            lease,
            epoch: 1,
            foreign,
        }
    }

    /// The writer dies; another takes over.
    fn restart(&mut self) {
        self.epoch += 1;
        let (lease, writer) = start(&self.env, &self.cluster, &self.source, self.epoch);
        self.lease = lease;
        self.writer = writer;
    }

    fn entries(&self) -> Vec<Value> {
        let all = self
            .cluster
            .objects("networking.istio.io/v1", "WorkloadEntry")
            .unwrap();
        all.into_iter().filter(ours).collect()
    }

    /// All objects with their resourceVersion.
    fn all(&self) -> BTreeSet<String> {
        let get = |version: &str, kind: &str| self.cluster.objects(version, kind).unwrap();
        let kinds = ["DestinationRule", "ServiceEntry", "WorkloadEntry"];
        let mut all = get("gateway.networking.k8s.io/v1", "Gateway");
        let of_istio = |kind: &&str| get("networking.istio.io/v1", kind);
        all.extend(kinds.iter().flat_map(of_istio));
        let text = |object: &Value, field: &str| object["metadata"][field].to_string();
        all.iter()
            .map(|one| {
                format!(
                    "{} {} {}",
                    one["kind"],
                    text(one, "name"),
                    text(one, "resourceVersion")
                )
            })
            .collect()
    }

    /// Something happens.
    fn step(&mut self, dice: &mut Dice) {
        let name = SERVICES[dice.roll(4) as usize];
        let handle = self.writer.handle();
        match dice.roll(14) {
            0..=2 => {
                let mut view = self.source.0.lock().unwrap();
                view.index += 1;
                let generation = generation(view.index);
                let value = (dice.roll(6) > 0).then(|| plan(dice));
                view.services.get_mut(&key(name)).unwrap().plan =
                    Some(Versioned { generation, value });
                drop(view);
                handle.mark_services([key(name)]);
            }
            3..=4 => {
                let mut view = self.source.0.lock().unwrap();
                let inputs = view.services.get_mut(&key(name)).unwrap();
                inputs.owners = words(dice);
                inputs.local.ready = dice.roll(3) as u32;
                drop(view);
                if dice.roll(2) == 0 {
                    handle.mark_services([key(name)]);
                } else {
                    handle.mark_counts([key(name)]);
                }
            }
            5 => {
                let mut view = self.source.0.lock().unwrap();
                view.index += 1;
                let generation = generation(view.index);
                let value = Some(gateways(dice));
                let at = network(NETWORKS[dice.roll(3) as usize]);
                view.member
                    .networks
                    .insert(at, Versioned { generation, value });
                drop(view);
                handle.mark_member();
            }
            6 => {
                if let Some(mut entry) = self.entries().into_iter().next() {
                    entry["spec"]["weight"] = json!(77);
                    entry["spec"]["somebody"] = json!("added this");
                    self.cluster.put(entry).unwrap();
                }
            }
            7 => {
                if let Some(entry) = self.entries().first() {
                    let name = entry["metadata"]["name"].as_str().unwrap();
                    let kind = "WorkloadEntry";
                    self.cluster
                        .delete("networking.istio.io/v1", kind, "shop", name)
                        .unwrap();
                }
            }
            8 => self.cluster.drop_watches(),
            9 => {
                self.cluster.compact();
                self.cluster.drop_watches();
            }
            10 => match dice.roll(4) {
                0 => self.cluster.refuse(),
                1 => self.cluster.go_dark(),
                2 => self.cluster.answer_with(503),
                _ => self.cluster.delay(Duration::from_millis(dice.roll(900))),
            },
            11 => self.cluster.deny(
                (dice.roll(2) == 0)
                    .then(|| Deny::of("patch", "networking.istio.io", "workloadentries")),
            ),
            12 => {
                self.cluster.allow_everything();
                self.cluster.come_back();
                self.cluster.delay(Duration::ZERO);
            }
            _ => self.restart(),
        }
    }

    /// What holds at every moment, whatever happens.
    fn judge(&self, seed: u64) {
        let get = |version: &str, kind: &str| self.cluster.objects(version, kind).unwrap();
        let rules = get("networking.istio.io/v1", "DestinationRule");
        let gateways = get("gateway.networking.k8s.io/v1", "Gateway");
        let named =
            |list: &[Value], name: &str| list.iter().any(|one| one["metadata"]["name"] == name);
        for entry in self.entries() {
            let service = entry["metadata"]["labels"]["causeway.dev/service"]
                .as_str()
                .unwrap();
            assert!(
                named(&gateways, "cw-causeway-void"),
                "seed {seed}: an entry without the void gateway"
            );
            assert!(
                named(&rules, &format!("cw-{service}.cluster")),
                "seed {seed}: {entry} without its rule"
            );
        }
        for rule in rules {
            let locality = &rule["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"];
            assert!(locality.get("distribute").is_none() || locality.get("failover").is_none());
        }
        let theirs = self.cluster.get(
            "networking.istio.io/v1",
            "WorkloadEntry",
            "shop",
            "cw-user.net4",
        );
        let version = theirs.unwrap().unwrap()["metadata"]["resourceVersion"].to_string();
        assert_eq!(
            version, self.foreign,
            "seed {seed}: another owner's object was touched"
        );
    }

    /// A plan or other members' words change.
    fn change_elsewhere(&self, dice: &mut Dice) {
        let name = SERVICES[dice.roll(4) as usize];
        let mut view = self.source.0.lock().unwrap();
        view.index += 1;
        let generation = generation(view.index);
        let inputs = view.services.get_mut(&key(name)).unwrap();
        match dice.roll(3) {
            0 => inputs.owners.clear(),
            1 => inputs.owners = words(dice),
            _ => {
                let value = Some(plan(dice));
                inputs.plan = Some(Versioned { generation, value });
            }
        }
    }

    /// Nothing is ready here any more, and plans and words come and go: whoever has entries keeps one.
    async fn starve(&mut self, dice: &mut Dice, seed: u64) {
        for inputs in self.source.0.lock().unwrap().services.values_mut() {
            inputs.local.ready = 0;
            inputs.local.localities.clear();
        }
        let mut served = BTreeSet::new();
        for _ in 0..20 {
            self.change_elsewhere(dice);
            self.writer.handle().mark_services(SERVICES.map(key));
            self.env.sleep(Duration::from_secs(5)).await;
            self.judge(seed);
            let entries = self.entries();
            let service =
                |entry: &Value| entry["metadata"]["labels"]["causeway.dev/service"].to_string();
            let now: BTreeSet<_> = entries.iter().map(service).collect();
            assert!(
                now.is_superset(&served),
                "seed {seed}: {served:?} had entries, {now:?} has"
            );
            served = now;
        }
    }

    /// The storm is over: the mesh becomes what the view says, and stays.
    async fn settle(&mut self, seed: u64) {
        self.cluster.allow_everything();
        self.cluster.come_back();
        self.cluster.delay(Duration::ZERO);
        // Longer than any watch waits after a failure.
        self.env.sleep(Duration::from_secs(10)).await;
        let applied = self.writer.handle().applied();
        let wanted = self.source.versions().generation;
        let mut left = Vec::new();
        for _ in 0..600 {
            self.env.sleep(Duration::from_millis(500)).await;
            self.judge(seed);
            left = self.writer.handle().diff().await;
            left.retain(|entry| entry.object != "WorkloadEntry shop/cw-user.net4");
            let now = applied.borrow().clone();
            let followed = !now
                .conditions
                .iter()
                .any(|found| found.reason == "WatchInterrupted");
            if left.is_empty() && followed && now.generation == wanted {
                break;
            }
        }
        assert!(
            left.is_empty(),
            "seed {seed}: {left:#?}\n{:#?}",
            applied.borrow().clone()
        );
        let known = applied.borrow().generation;
        assert_eq!(known, wanted, "seed {seed}: not said to be applied");
        let services = self.source.0.lock().unwrap().services.clone();
        let entries = self.entries();
        for (key, inputs) in services {
            let of_it = entries.iter().filter(|entry| {
                entry["metadata"]["labels"]["causeway.dev/service"] == key.name.as_str()
            });
            let offered = inputs.owners.iter().filter(|word| {
                let offers = |view: &ServiceView| view.offered.contains(&word.network);
                word.service.ready > 0 && inputs.view().is_some_and(offers)
            });
            let theirs = usize::from(key.name.as_str() == "user");
            if inputs.local.ready > 0 {
                let (found, wanted) = (of_it.count(), offered.count());
                assert!(
                    found == wanted || found + theirs == wanted,
                    "seed {seed}: {key}: {found} entries, {wanted} wanted: {inputs:#?}\n{:#?}",
                    applied.borrow().clone()
                );
            }
        }
        let before = self.all();
        self.restart();
        self.env.sleep(Duration::from_secs(30)).await;
        let after = self.all();
        let changed: Vec<_> = after.symmetric_difference(&before).collect();
        assert!(
            changed.is_empty(),
            "seed {seed}: written again: {changed:?}"
        );
        let stats = self.writer.handle().stats();
        let idle = (stats.applied, stats.deleted, stats.failed) == (0, 0, 0);
        assert!(idle, "seed {seed}: written again: {stats:?}");
    }
}

fn ours(object: &Value) -> bool {
    object["metadata"]["labels"]["causeway.dev/owner"] == "causeway"
}

fn start(
    env: &Env,
    cluster: &MemoryMember,
    source: &Arc<Held>,
    epoch: u64,
) -> (watch::Sender<LeaseState>, Writer) {
    let until = Monotonic(Duration::MAX);
    let (lease, state) = watch::channel(LeaseState::Held { epoch, until });
    let writer = Writer::start(
        env,
        cluster.client(),
        state,
        source.clone(),
        WriterOptions::default(),
    );
    (lease, writer)
}

#[tokio::test(start_paused = true)]
async fn a_mesh_survives_a_storm_and_is_exact_after_it() {
    for seed in seeds() {
        let mut dice = Dice(seed);
        let mut storm = Storm::new(&mut dice);
        for _ in 0..60 {
            storm.step(&mut dice);
            let pause = Duration::from_millis(dice.roll(4) * dice.roll(400));
            storm.env.sleep(pause).await;
            storm.judge(seed);
        }
        storm.settle(seed).await;
        storm.starve(&mut dice, seed).await;
    }
}

/// All of them, or the one that `CAUSEWAY_SEED` names.
fn seeds() -> std::ops::Range<u64> {
    match std::env::var("CAUSEWAY_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => seed..seed + 1,
        None => 0..60,
    }
}
