//! Generated values of every type that travels.

mod coarse;

use std::fmt::Debug;
use std::str::FromStr;

use causeway_api::facts::*;
use causeway_api::generation::{FactVersion, Generation};
use causeway_api::ids::{
    FailureDomain, Locality, MemberName, Name, NetworkName, PortName, Region, ReplicaId, ServiceKey,
};
use causeway_api::plan::{Destination, PlanKind, Rate, Share, Source, SourcePlan, Withdrawal};
use causeway_api::session::*;
use causeway_api::spec::{HostKind, Mode};
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_api::view::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// An identifier, by text that all kinds of them take.
pub(crate) fn id<T: FromStr<Err: Debug> + Debug + Clone>() -> impl Strategy<Value = T> + Clone {
    "[a-z0-9]([a-z0-9.-]{0,6}[a-z0-9])?".prop_map(|text| text.parse().unwrap())
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn port() -> impl Strategy<Value = u16> {
    1..=u16::MAX
}

fn port_name() -> impl Strategy<Value = PortName> {
    option::of(id()).prop_map(PortName)
}

pub(crate) fn generation() -> impl Strategy<Value = Generation> {
    any::<(u64, u64, u64)>().prop_map(|(incarnation, term, index)| Generation {
        incarnation,
        term,
        index,
    })
}

pub(crate) fn version() -> impl Strategy<Value = FactVersion> {
    any::<(u64, u64)>().prop_map(|(epoch, sequence)| FactVersion { epoch, sequence })
}

fn service() -> impl Strategy<Value = ServiceKey> {
    (id::<Name>(), id::<Name>()).prop_map(|(namespace, name)| ServiceKey { namespace, name })
}

fn locality() -> impl Strategy<Value = Locality> {
    (option::of(id()), option::of(id())).prop_map(|(region, zone)| Locality { region, zone })
}

fn address() -> impl Strategy<Value = GatewayAddress> {
    prop_oneof![
        any::<std::net::IpAddr>().prop_map(GatewayAddress::Ip),
        "[a-z.]{1,20}".prop_map(GatewayAddress::Host),
    ]
}

fn service_port() -> impl Strategy<Value = ServicePort> {
    let target = prop_oneof![
        port().prop_map(TargetPort::Number),
        (text(), option::of(port()))
            .prop_map(|(name, resolved)| TargetPort::Name { name, resolved }),
    ];
    let protocol = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
    (port_name(), port(), protocol, option::of(text()), target).prop_map(
        |(name, port, protocol, app_protocol, target)| ServicePort {
            name,
            port,
            protocol,
            app_protocol,
            target,
        },
    )
}

fn change<K: Debug, V: Debug>(
    key: impl Strategy<Value = K>,
    value: impl Strategy<Value = V>,
) -> impl Strategy<Value = Vec<Change<K, V>>> {
    vec(
        (key, option::of(value)).prop_map(|(key, value)| Change { key, value }),
        0..3,
    )
}

fn member_fact() -> impl Strategy<Value = MemberFact> {
    (
        (text(), text(), text()),
        option::of(id()),
        option::of(id()),
        btree_map(locality(), any::<u32>(), 0..3),
        select(vec![MeshFact::None, MeshFact::Istio]),
        select(vec![ApiFact::Reachable, ApiFact::Unreachable]),
        vec(text(), 0..3),
        btree_map(service(), btree_set(id(), 0..3), 0..3),
    )
        .prop_map(
            |(texts, network, region, nodes, mesh, api, problems, ejected)| MemberFact {
                cluster_uid: texts.0,
                kubernetes_version: texts.1,
                agent_version: texts.2,
                network,
                region,
                nodes,
                mesh,
                api,
                problems,
                ejected,
            },
        )
}

fn service_fact() -> impl Strategy<Value = ServiceFact> {
    (
        any::<bool>(),
        btree_map(text(), text(), 0..3),
        any::<bool>(),
        vec(service_port(), 0..3),
        vec(id(), 0..3),
    )
        .prop_map(
            |(exported, selector, headless, ports, service_accounts)| ServiceFact {
                exported,
                selector,
                headless,
                ports,
                service_accounts,
            },
        )
}

pub(crate) fn facts() -> impl Strategy<Value = FactDelta> {
    let gateway =
        (id(), vec(address(), 0..3), port()).prop_map(|(network, addresses, port)| GatewayFact {
            network,
            addresses,
            port,
        });
    let key =
        (service(), port_name(), locality()).prop_map(|(service, port, locality)| EndpointKey {
            service,
            port,
            locality,
        });
    let counts = any::<(u32, u32, u32)>().prop_map(|(ready, serving, total)| EndpointCounts {
        ready,
        serving,
        total,
    });
    (
        (id(), option::of(version()), version()),
        option::of(member_fact()),
        change(id::<Name>(), Just(NamespaceFact {})),
        change(id::<Name>(), gateway),
        change(service(), service_fact()),
        change(key, counts),
    )
        .prop_map(
            |((owner, base, version), member, namespaces, gateways, services, endpoints)| {
                FactDelta {
                    owner,
                    base,
                    version,
                    member,
                    namespaces,
                    gateways,
                    services,
                    endpoints,
                }
            },
        )
}

fn withdrawal() -> impl Strategy<Value = Withdrawal> {
    select(vec![
        Withdrawal::Lost,
        Withdrawal::Recovering,
        Withdrawal::NoGateway,
        Withdrawal::NotAllowed,
        Withdrawal::ConflictingGateways,
    ])
}

fn source_plan() -> impl Strategy<Value = SourcePlan> {
    let destination = prop_oneof![
        (id(), option::of(id())).prop_map(|(member, zone)| Destination::Zone { member, zone }),
        id::<NetworkName>().prop_map(Destination::Network),
    ];
    let share = (destination, any::<u8>(), any::<u32>(), any::<u64>()).prop_map(
        |(destination, tier, parts, rate)| Share {
            destination,
            tier,
            parts,
            rate: Rate(rate),
        },
    );
    (
        (id(), option::of(id())),
        select(vec![PlanKind::Nearest, PlanKind::Spill]),
        vec(share, 0..3),
        vec(id(), 0..3),
        any::<u64>(),
        any::<u64>(),
    )
        .prop_map(
            |((member, zone), kind, shares, standby, unserved, shed)| SourcePlan {
                source: Source { member, zone },
                kind,
                shares,
                standby,
                unserved: Rate(unserved),
                shed: Rate(shed),
            },
        )
}

fn part<T: Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Versioned<T>> {
    (generation(), option::of(value))
        .prop_map(|(generation, value)| Versioned { generation, value })
}

fn service_view() -> impl Strategy<Value = ServiceView> {
    let host = select(vec![HostKind::ClusterLocal, HostKind::ClusterSet]);
    (
        vec(source_plan(), 0..3),
        btree_set(host, 0..=2),
        vec(id::<Region>(), 0..3),
        btree_set(id(), 0..3),
        btree_map(id(), withdrawal(), 0..3),
    )
        .prop_map(
            |(sources, hosts, failover, offered, withdrawn)| ServiceView {
                sources,
                hosts,
                failover,
                offered,
                withdrawn,
            },
        )
}

fn network_view() -> impl Strategy<Value = NetworkView> {
    let gateway = (address(), port()).prop_map(|(address, port)| GatewayEndpoint { address, port });
    (btree_set(gateway, 0..3), locality())
        .prop_map(|(gateways, locality)| NetworkView { gateways, locality })
}

fn owner_delta() -> impl Strategy<Value = OwnerDelta> {
    let value = (
        any::<u32>(),
        vec(service_port(), 0..3),
        btree_map(text(), text(), 0..3),
        vec(id(), 0..3),
    )
        .prop_map(|(ready, ports, selector, service_accounts)| OwnerService {
            ready,
            ports,
            selector,
            service_accounts,
        });
    (
        (id(), option::of(version()), version(), id()),
        vec((service(), option::of(value)), 0..3),
    )
        .prop_map(|((owner, base, version, network), services)| OwnerDelta {
            owner,
            base,
            version,
            network,
            services,
        })
}

pub(crate) fn view() -> impl Strategy<Value = ViewDelta> {
    let native = btree_map(locality(), locality(), 0..3);
    let settings = (any::<(bool, bool)>(), id(), option::of(id()), native).prop_map(
        |((federate, suspend), network, region, native_localities)| MeshSettings {
            native_localities,
            mode: if federate {
                Mode::Federate
            } else {
                Mode::Observe
            },
            suspend,
            network,
            region,
        },
    );
    (
        option::of(part(settings)),
        vec((service(), part(service_view())), 0..3),
        vec((id(), part(network_view())), 0..3),
        vec(owner_delta(), 0..3),
        any::<bool>(),
        option::of(part(coarse::coarse())),
    )
        .prop_map(
            |(settings, services, networks, owners, complete, coarse)| ViewDelta {
                settings,
                services,
                networks,
                owners,
                complete,
                coarse,
            },
        )
}

pub(crate) fn applied() -> impl Strategy<Value = Applied> {
    let condition = ((text(), text(), text()), option::of(service())).prop_map(
        |((reason, object, message), service)| MeshCondition {
            reason,
            object,
            service,
            message,
        },
    );
    (
        generation(),
        btree_map(id::<MemberName>(), version(), 0..3),
        any::<(u64, u64)>(),
        vec(condition, 0..3),
    )
        .prop_map(|(generation, owners, counts, conditions)| Applied {
            generation,
            owners,
            objects: counts.0,
            would_change: counts.1,
            conditions,
        })
}

fn vote() -> impl Strategy<Value = Vote> {
    let observer = prop_oneof![
        any::<u64>().prop_map(|id| ObserverId::Replica(ReplicaId(id))),
        id().prop_map(ObserverId::Agent),
    ];
    let subject = prop_oneof![
        (id(), id()).prop_map(|(member, gateway)| Subject::Gateway { member, gateway }),
        id().prop_map(|member| Subject::Session { member }),
        id().prop_map(|member| Subject::Member { member }),
        (id(), id()).prop_map(|(region, zone)| Subject::Zone { region, zone }),
        id().prop_map(|region| Subject::Region { region }),
    ];
    let ballot = select(vec![
        Ballot::Reachable,
        Ballot::Unreachable,
        Ballot::Abstain,
    ]);
    (observer, id::<FailureDomain>(), subject, ballot, text()).prop_map(
        |(observer, domain, subject, ballot, evidence)| Vote {
            observer,
            domain,
            subject,
            ballot,
            evidence,
        },
    )
}

fn hello() -> impl Strategy<Value = Hello> {
    let holds = (
        generation(),
        btree_map(service(), generation(), 0..3),
        btree_map(id(), generation(), 0..3),
        btree_map(id(), version(), 0..3),
        generation(),
    )
        .prop_map(|(settings, services, networks, owners, coarse)| Holds {
            settings,
            services,
            networks,
            owners,
            coarse,
        });
    (
        (id(), text(), text(), any::<u64>(), any::<u64>()),
        generation(),
        version(),
        holds,
    )
        .prop_map(
            |((member, version, cluster_uid, epoch, sequence), highest, facts, holds)| Hello {
                member,
                protocol: PROTOCOL,
                version,
                cluster_uid,
                epoch,
                highest,
                facts,
                holds,
                sequence,
                clusterset: epoch ^ sequence,
                roll: Roll {
                    changed: highest,
                    replicas: [(ReplicaId(epoch), "a:1".to_owned())].into(),
                },
            },
        )
}

fn roll() -> impl Strategy<Value = Roll> {
    let rows = vec((any::<u64>().prop_map(ReplicaId), text()), 0..3);
    (generation(), rows).prop_map(|(changed, rows)| Roll {
        changed,
        replicas: rows.into_iter().collect(),
    })
}

pub(crate) fn diff_entry() -> impl Strategy<Value = DiffEntry> {
    let action = select(vec![
        DiffAction::Create,
        DiffAction::Update,
        DiffAction::Delete,
    ]);
    (action, (text(), text(), text()), option::of(text())).prop_map(
        |(action, (object, live, desired), held_back)| DiffEntry {
            action,
            object,
            live,
            desired,
            held_back,
        },
    )
}

fn observed() -> impl Strategy<Value = causeway_api::probe::Observed> {
    use causeway_api::probe::{GatewayProbe, Observed};
    let how = prop_oneof![
        Just(GatewayProbe::Tcp),
        vec(text(), 0..3).prop_map(|names| GatewayProbe::Tls { names }),
        (port(), text()).prop_map(|(port, path)| GatewayProbe::Http { port, path }),
    ];
    let addresses = vec((address(), port()), 0..3);
    (vote(), addresses, text(), how).prop_map(|(vote, addresses, place, how)| Observed {
        subject: vote.subject,
        addresses: addresses.into_iter().collect(),
        place,
        how,
    })
}

pub(crate) fn from_agent() -> impl Strategy<Value = FromAgent> {
    prop_oneof![
        hello().prop_map(FromAgent::Hello),
        facts().prop_map(|delta| FromAgent::Facts(Box::new(delta))),
        applied().prop_map(|applied| FromAgent::Applied(Box::new(applied))),
        vec(vote(), 0..4).prop_map(FromAgent::Votes),
        (any::<u64>(), vec(diff_entry(), 0..3))
            .prop_map(|(id, entries)| FromAgent::Diff { id, entries }),
        Just(FromAgent::Heartbeat),
    ]
}

pub(crate) fn from_replica() -> impl Strategy<Value = FromReplica> {
    let welcome = (
        any::<(u64, u32, u32)>(),
        text(),
        generation(),
        option::of(version()),
        roll(),
    )
        .prop_map(
            |((replica, protocol, silence_ms), version, highest, facts, roll)| Welcome {
                replica: ReplicaId(replica),
                protocol,
                version,
                highest,
                facts,
                silence_ms,
                roll,
                clusterset: replica ^ 7,
            },
        );
    prop_oneof![
        welcome.prop_map(FromReplica::Welcome),
        (text(), any::<bool>()).prop_map(|(reason, retry)| FromReplica::Refused { reason, retry }),
        version().prop_map(FromReplica::FactsHeld),
        Just(FromReplica::FactsWanted),
        any::<u32>().prop_map(|retry_after_ms| FromReplica::Busy { retry_after_ms }),
        view().prop_map(|delta| FromReplica::View(Box::new(delta))),
        any::<u64>().prop_map(|id| FromReplica::AskDiff { id }),
        vec(observed(), 0..4).prop_map(FromReplica::Observe),
        roll().prop_map(FromReplica::Roll),
        Just(FromReplica::Heartbeat),
    ]
}
