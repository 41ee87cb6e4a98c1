//! One changed endpoint in a large clusterset: what is planned, to whom what is sent, what they write; and the CPU that it
//! takes a replica. `cargo xtask bench importers`.
//!
//! One owner and a hundred importers with a network each; two hundred services, exported by the owner and by two of the
//! importers. All are simulated, but what runs is the code of replica and agents: facts are applied, the plan of what was
//! touched is looked at, outboxes cut what is due, messages are encoded, agents merge, render and compare.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measuring program reads the clock"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Instant;

use causeway_api::facts::{
    ApiFact, Change, EndpointCounts, EndpointKey, FactDelta, GatewayAddress, GatewayFact,
    MemberFact, MeshFact, NamespaceFact, Protocol, ServiceFact, ServicePort, TargetPort,
};
use causeway_api::ids::{Locality, PortName};
use causeway_api::session::{FromAgent, FromReplica};
use causeway_api::spec::MemberSpec;
use causeway_api::view::{OwnerService, ViewDelta};
use causeway_api::{FactVersion, MemberName, Name, ServiceKey, WriterStamp};
use causeway_core::holdings::Holdings;
use causeway_core::outbox::Outbox;
use causeway_core::{inputs, placement};
use causeway_index::FactStore;
use causeway_measure::{Measure, median};
use causeway_render::foreign::ForeignIndex;
use causeway_render::{
    Kind, LiveObject, LocalService, MemberInputs, Operation, OwnerWord, ServiceInputs, diff,
    render_service,
};
use causeway_state::{Command, PlanProposal, State, apply_next};
use causeway_wire::{Incoming, Message, proto};
use serde_json::json;

type Fallible<T> = Result<T, Box<dyn Error>>;

const IMPORTERS: u16 = 100;
const SERVICES: u16 = 200;
/// The first: all others are importers.
const OWNER: u16 = 0;
const EVENTS: u32 = 200;
const STAMP: WriterStamp = WriterStamp {
    incarnation: 1,
    epoch: 1,
};

fn main() -> Fallible<()> {
    let mut world = World::new()?;
    let key = service(7)?;
    let mut agents = world.open_sessions()?;
    let mut meshes = BTreeMap::new();
    for (member, agent) in &agents {
        meshes.insert(member.clone(), rewritten(agent, &key, &[])?);
    }

    let mut replica = Vec::new();
    let mut importer = Vec::new();
    let mut seen = BTreeSet::new();
    for event in 0..EVENTS {
        let wire = world.event(&key, 11 + event % 2)?;
        let begun = Instant::now();
        let happened = world.replica(&wire)?;
        replica.push(begun.elapsed().as_secs_f64() * 1e6);

        let mut entries = 0;
        let mut others = 0;
        for (member, message) in &happened.messages {
            let (agent, mesh) = (agents.get_mut(member), meshes.get_mut(member));
            let (agent, mesh) = agent.zip(mesh).ok_or("a message to nobody")?;
            let begun = Instant::now();
            let touched = agent.merge(read_view(message)?);
            let changed = rewritten(agent, &key, mesh)?;
            importer.push(begun.elapsed().as_secs_f64() * 1e6);
            if touched.services != BTreeSet::from([key.clone()]) || touched.settings {
                return Err(format!("{member}: {touched:?} were touched").into());
            }
            for live in changed {
                match live.key.kind {
                    Kind::WorkloadEntry => entries += 1,
                    _ => others += 1,
                }
                mesh.retain(|old| old.key != live.key);
                mesh.push(live);
            }
        }
        let bytes: usize = happened
            .messages
            .iter()
            .map(|(_, message)| message.len())
            .sum();
        seen.insert((
            happened.planned,
            happened.commits,
            happened.messages.len(),
            bytes,
            entries,
            others,
        ));
    }
    let mut seen = seen.into_iter();
    let (Some((planned, commits, messages, bytes, entries, others)), None) =
        (seen.next(), seen.next())
    else {
        return Err("events of one kind had different consequences".into());
    };

    let hundred = usize::from(IMPORTERS);
    count("services planned", planned, 1, "= 1");
    count("plans committed", commits, 0, "= 0");
    count(
        "importers that are sent something",
        messages,
        hundred,
        "= 100",
    );
    let floor = world.smallest(&key)?.len() * hundred;
    count("bytes sent in all", bytes, floor, "");
    count("entries written in all", entries, hundred, "= 100");
    count("other objects written", others, 0, "= 0");
    let of = format!("for all {hundred} importers");
    time(&format!("CPU of the replica for the event, {of}"), &replica);
    time("CPU of an importer's agent for the event", &importer);
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn count(what: &str, ours: usize, floor: usize, aim: &str) {
    let what = format!("one changed endpoint: {what}");
    Measure::of("importers", what, ours as f64, "")
        .beside(floor as f64)
        .aim((!aim.is_empty()).then_some(aim))
        .print();
}

fn time(what: &str, times: &[f64]) {
    Measure::of("importers", what, median(times), "µs").print();
}

/// What an event led to at the replica.
struct Happened {
    planned: usize,
    commits: usize,
    messages: Vec<(MemberName, Vec<u8>)>,
}

struct World {
    state: State,
    facts: FactStore,
    versions: BTreeMap<MemberName, FactVersion>,
    outboxes: BTreeMap<MemberName, Outbox>,
}

impl World {
    fn new() -> Fallible<Self> {
        let mut world = Self {
            state: State::default(),
            facts: FactStore::new(),
            versions: BTreeMap::new(),
            outboxes: BTreeMap::new(),
        };
        world.apply(Command::Bootstrap { incarnation: 1 });
        for at in 0..=IMPORTERS {
            let name = member(at)?;
            world.apply(Command::PutMember(MemberSpec::minimal(name.clone())));
            let delta = world.introduction(at)?;
            world.facts.apply(delta)?;
            let spec = &world.state.member(&name).ok_or("not registered")?.spec;
            let owner = world.facts.owner(&name).ok_or("unheard")?;
            let placement = placement::placement(spec, owner).ok_or("not placed")?;
            world.apply(Command::PlaceMember {
                member: name,
                placement,
            });
        }
        for number in 0..SERVICES {
            let key = service(number)?;
            let inputs =
                inputs::plan_inputs(&world.state, &world.facts, &key).ok_or("nothing to plan")?;
            let plan = causeway_failover::plan::plan(&inputs);
            let proposal = PlanProposal {
                service: key,
                plan: Some((inputs, plan)),
                previous: None,
            };
            world.apply(Command::CommitPlans(vec![proposal]));
        }
        Ok(world)
    }

    fn apply(&mut self, command: Command) {
        apply_next(&mut self.state, command);
    }

    /// Everything that a member says first: itself, its gateway, its services.
    fn introduction(&mut self, at: u16) -> Fallible<FactDelta> {
        let mut delta = self.delta(&member(at)?);
        let locality: Locality = format!("r{}/z{at}", at % 10).parse()?;
        delta.member = Some(MemberFact {
            cluster_uid: format!("00000000-0000-4000-8000-{at:012}"),
            kubernetes_version: "v1.36.3".to_owned(),
            agent_version: "bench".to_owned(),
            network: Some(format!("net-{at:03}").parse()?),
            region: locality.region.clone(),
            nodes: [(locality.clone(), 3)].into(),
            mesh: MeshFact::Istio,
            api: ApiFact::Reachable,
            problems: Vec::new(),
            ejected: BTreeMap::new(),
        });
        delta.namespaces = vec![Change::set(Name::new("shop")?, NamespaceFact {})];
        let gateway = GatewayFact {
            network: format!("net-{at:03}").parse()?,
            addresses: vec![GatewayAddress::Ip(
                Ipv4Addr::new(192, 0, 2, u8::try_from(at)?).into(),
            )],
            port: 15443,
        };
        delta.gateways = vec![Change::set("eastwest".parse()?, gateway)];
        for number in 0..SERVICES {
            let exported =
                at == OWNER || number % IMPORTERS == at - 1 || (number + 50) % IMPORTERS == at - 1;
            let fact = ServiceFact {
                exported,
                selector: [("app".to_owned(), format!("checkout-{number:03}"))].into(),
                headless: false,
                ports: vec![port()?],
                service_accounts: vec![Name::new("checkout")?],
            };
            delta.services.push(Change::set(service(number)?, fact));
            delta
                .endpoints
                .push(Change::set(row(&service(number)?, &locality)?, counts(10)));
        }
        Ok(delta)
    }

    fn delta(&mut self, owner: &MemberName) -> FactDelta {
        let base = self.versions.get(owner).copied();
        let version = FactVersion {
            epoch: 1,
            sequence: base.map_or(1000, |base| base.sequence + 1),
        };
        self.versions.insert(owner.clone(), version);
        FactDelta::empty(owner.clone(), base, version)
    }

    /// All importers' sessions, once each has been sent everything.
    fn open_sessions(&mut self) -> Fallible<BTreeMap<MemberName, Holdings>> {
        let mut agents = BTreeMap::new();
        for at in 1..=IMPORTERS {
            let name = member(at)?;
            let mut agent = Holdings::default();
            let mut outbox = Outbox::resume(name.clone(), agent.holds());
            while let Some(delta) = outbox.take(&self.state, &self.facts) {
                agent.merge(delta);
            }
            self.outboxes.insert(name.clone(), outbox);
            agents.insert(name, agent);
        }
        Ok(agents)
    }

    /// What the owner's agent sends when one endpoint changed.
    fn event(&mut self, key: &ServiceKey, ready: u32) -> Fallible<Vec<u8>> {
        let mut delta = self.delta(&member(OWNER)?);
        let locality: Locality = format!("r0/z{OWNER}").parse()?;
        delta.endpoints = vec![Change::set(row(key, &locality)?, counts(ready))];
        Ok(proto::AgentMessage::from(&FromAgent::Facts(Box::new(delta))).encode_to_vec())
    }

    /// All that a replica does about a message of facts.
    fn replica(&mut self, message: &[u8]) -> Fallible<Happened> {
        let message = proto::AgentMessage::decode(message)?;
        let Incoming::Message(FromAgent::Facts(delta)) = Incoming::try_from(message)? else {
            return Err("not facts".into());
        };
        let owner = delta.owner.clone();
        let touched = self.facts.apply(*delta)?;
        let mut happened = Happened {
            planned: 0,
            commits: 0,
            messages: Vec::new(),
        };
        for key in &touched.services {
            happened.planned += 1;
            let now =
                inputs::plan_inputs(&self.state, &self.facts, key).ok_or("nothing to plan")?;
            let held = self.state.plan(key).and_then(|row| row.value.as_ref());
            if held.is_none_or(|held| held.plan != causeway_failover::plan::plan(&now)) {
                happened.commits += 1;
            }
        }
        for (member, outbox) in &mut self.outboxes {
            if outbox.mark_facts(&owner, &touched.services)
                && let Some(delta) = outbox.take(&self.state, &self.facts)
            {
                happened.messages.push((member.clone(), write_view(delta)));
            }
        }
        Ok(happened)
    }

    /// The least that an importer has to be told: whose service has how many endpoints now, and as of when.
    fn smallest(&mut self, key: &ServiceKey) -> Fallible<Vec<u8>> {
        let owner = member(OWNER)?;
        let base = self.versions.get(&owner).copied();
        let version = self.delta(&owner).version;
        let word = OwnerService {
            ready: 12,
            ports: Vec::new(),
            selector: BTreeMap::new(),
            service_accounts: Vec::new(),
        };
        let part = causeway_api::view::OwnerDelta {
            owner,
            base,
            version,
            network: format!("net-{OWNER:03}").parse()?,
            services: vec![(key.clone(), Some(word))],
        };
        Ok(write_view(ViewDelta {
            owners: vec![part],
            ..ViewDelta::default()
        }))
    }
}

fn write_view(delta: ViewDelta) -> Vec<u8> {
    proto::ReplicaMessage::from(&FromReplica::View(Box::new(delta))).encode_to_vec()
}

fn read_view(message: &[u8]) -> Fallible<ViewDelta> {
    match Incoming::try_from(proto::ReplicaMessage::decode(message)?)? {
        Incoming::Message(FromReplica::View(delta)) => Ok(*delta),
        _ => Err("not a view".into()),
    }
}

/// The objects of a service that an importer writes, as they are then in its mesh.
fn rewritten(agent: &Holdings, key: &ServiceKey, mesh: &[LiveObject]) -> Fallible<Vec<LiveObject>> {
    let view = &agent.view;
    let member = MemberInputs {
        generation: view.settings.generation,
        seen: agent.seen,
        networks: view.networks.clone(),
        mesh_namespace: "istio-system".to_owned(),
        settings: view.settings.value.clone().ok_or("no settings")?,
    };
    let owners = view.owners.iter().filter_map(|(owner, part)| {
        let service = part.services.get(key)?.clone();
        Some(OwnerWord {
            owner: owner.clone(),
            network: part.network.clone(),
            service,
        })
    });
    let inputs = ServiceInputs {
        owners: owners.collect(),
        plan: view.services.get(key).cloned(),
        unheard: BTreeSet::new(),
        local: LocalService {
            namespace_exists: true,
            exists: true,
            selector: [("app".to_owned(), key.name.to_string())].into(),
            ports: vec![port()?],
            ready: 10,
            ..LocalService::default()
        },
    };
    let live: Vec<&LiveObject> = mesh.iter().collect();
    let rendered = render_service(&member, key, &inputs, &ForeignIndex::default(), &live);
    let difference = diff(&rendered.objects, live.iter().copied(), Some(STAMP));
    let mut written = Vec::new();
    for operation in &difference.operations {
        let (Operation::Create(desired) | Operation::Update { desired, .. }) = operation else {
            return Err(format!("{} goes", operation.key()).into());
        };
        let mut object = desired.body(STAMP);
        if let Some(metadata) = object
            .get_mut("metadata")
            .and_then(serde_json::Value::as_object_mut)
        {
            metadata.insert("uid".to_owned(), json!("u"));
            metadata.insert("resourceVersion".to_owned(), json!("1"));
        }
        written.extend(LiveObject::from_json(desired.key.kind, &object));
    }
    Ok(written)
}

fn member(at: u16) -> Fallible<MemberName> {
    Ok(MemberName::new(&format!("member-{at:03}"))?)
}

fn service(number: u16) -> Fallible<ServiceKey> {
    Ok(ServiceKey::new("shop", &format!("checkout-{number:03}"))?)
}

fn port() -> Fallible<ServicePort> {
    Ok(ServicePort {
        name: PortName::new("http")?,
        port: 80,
        protocol: Protocol::Tcp,
        app_protocol: None,
        target: TargetPort::Number(8080),
    })
}

fn row(service: &ServiceKey, locality: &Locality) -> Fallible<EndpointKey> {
    Ok(EndpointKey {
        service: service.clone(),
        port: PortName::new("http")?,
        locality: locality.clone(),
    })
}

fn counts(ready: u32) -> EndpointCounts {
    EndpointCounts {
        ready,
        serving: ready,
        total: 12,
    }
}
