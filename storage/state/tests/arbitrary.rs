//! Whatever is in the log: nothing panics, nothing is applied twice, and replicas that replay hold the same as those that
//! begin with a snapshot, in either form.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use causeway_api::registry::{Host, HostUid, ObjectKey, Origin};
use causeway_api::shift::{OnExpiry, Shift, ShiftAction};
use causeway_api::spec::{MemberSpec, PolicySpec};
use causeway_api::verdict::{Ballot, ObserverId, Vote};
use causeway_api::{Generation, ReplicaId};
use causeway_state::brain::Approvable;
use causeway_state::command::{ChangeId, Chunk, Declaration, Digest};
use causeway_state::snapshot::{decode, encode};
use causeway_state::staging::STAGED_BYTES;
use causeway_state::{
    ClientId, Command, LogPosition, Outcome, PlanProposal, Request, State, apply, level,
};
use proptest::prelude::*;
use support::{Machine, place, root_policy, vote};

const MEMBERS: [&str; 4] = ["hz", "sh", "sg", "xx"];
const HOSTS: [&str; 2] = ["a", "b"];

fn member() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&MEMBERS[..])
}

fn host() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&HOSTS[..])
}

fn object() -> impl Strategy<Value = ObjectKey> {
    prop_oneof![
        4 => member().prop_map(|m| ObjectKey::Member(m.parse().unwrap())),
        1 => Just(ObjectKey::Policy(root_policy().key)),
        2 => shift().prop_map(|shift| ObjectKey::Shift(shift.key)),
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    let uid = prop::sample::select(vec!["u1", "u2", ""]);
    (
        uid,
        prop_oneof![Just(i64::MIN), Just(i64::MAX), 0_i64..4],
        any::<u64>(),
    )
        .prop_map(|(uid, generation, revision)| Origin {
            uid: uid.to_owned(),
            generation,
            revision,
            created_s: (generation > 0).then_some(generation),
        })
}

fn declaration() -> impl Strategy<Value = Declaration> {
    prop_oneof![
        4 => (member(), any::<bool>()).prop_map(|(m, suspend)| {
            Declaration::Member(MemberSpec { suspend, ..MemberSpec::minimal(m.parse().unwrap()) })
        }),
        1 => Just(Declaration::Policy(root_policy())),
        2 => shift().prop_map(Declaration::Shift),
    ]
}

fn registry() -> impl Strategy<Value = Command> {
    let uid = |host: &str| HostUid(host.to_owned());
    prop_oneof![
        4 => (host(), origin(), declaration(), ".{0,9}").prop_map(move |(host, origin, declaration, document)| {
            let host = Host { uid: uid(host), name: format!("n-{host}") };
            Command::Declare { host, origin, declaration, document }
        }),
        2 => (host(), object(), origin()).prop_map(move |(host, object, origin)| Command::Withdraw {
            host: uid(host), object, uid: origin.uid,
        }),
        1 => (host(), object()).prop_map(move |(host, object)| Command::MoveObject { object, to: uid(host) }),
        1 => object().prop_map(|object| Command::ConfirmRemoval { object }),
        1 => (host(), any::<bool>()).prop_map(move |(host, other)| Command::AttachHost {
            host: Host { uid: uid(host), name: format!("n-{other}") },
        }),
    ]
}

fn votes() -> impl Strategy<Value = Command> {
    let ballot = prop::sample::select(vec![
        Ballot::Reachable,
        Ballot::Unreachable,
        Ballot::Abstain,
    ]);
    (member(), any::<bool>(), ballot, 1_u64..4).prop_map(|(m, gateway, ballot, replica)| {
        let subject = if gateway {
            format!("gateway/{m}/eastwest")
        } else {
            format!("session/{m}")
        };
        let vote = Vote {
            observer: ObserverId::Replica(ReplicaId(replica)),
            domain: format!("d{replica}").parse().unwrap(),
            ..vote(&subject, ballot)
        };
        Command::CastVotes(vec![vote])
    })
}

fn chunk() -> impl Strategy<Value = Command> {
    let plans = Machine::with(&MEMBERS[..3]).proposal(&MEMBERS[..3]);
    let whole = postcard::to_stdvec(&Command::CommitPlans(vec![plans])).unwrap();
    let half = whole.len() / 2;
    let part = prop_oneof![
        3 => Just((0, whole[..half].to_vec())),
        3 => Just((1, whole[half..].to_vec())),
        1 => (any::<u32>(), prop::collection::vec(any::<u8>(), 0..20)),
    ];
    (
        part,
        prop_oneof![6 => Just(2_u32), 1 => any::<u32>()],
        0_u64..3,
    )
        .prop_map(|((number, bytes), of, change)| {
            Command::StageChunk(Chunk {
                change: ChangeId {
                    client: support::client(),
                    number: change,
                },
                level: 1,
                number,
                of,
                bytes,
            })
        })
}

fn shift() -> impl Strategy<Value = Shift> {
    let domain = || member().prop_map(|m| format!("member/{m}").parse().unwrap());
    let action = prop_oneof![
        3 => domain().prop_map(ShiftAction::Evacuate),
        1 => domain().prop_map(ShiftAction::Restore),
        1 => Just(ShiftAction::Freeze),
        1 => member().prop_map(|m| ShiftAction::Weigh([(m.parse().unwrap(), 1)].into())),
    ];
    (action, 0_u64..9_000, 0_u32..2, any::<bool>(), any::<bool>()).prop_map(
        |(action, life_ms, approvals, hold, other)| Shift {
            key: format!("causeway-system/{other}").parse().unwrap(),
            root: true,
            action,
            targets: BTreeSet::new(),
            urgency: Default::default(),
            step_percents: vec![50, 100],
            interval_ms: 2_000,
            expires_after_ms: life_ms,
            on_expiry: if hold {
                OnExpiry::Hold
            } else {
                OnExpiry::Restore
            },
            override_rules: BTreeSet::new(),
            approvals_required: approvals,
            dry_run: false,
            requested_by: "ann".to_owned(),
            reason: "why not".to_owned(),
            ticket: None,
            starts_at_ms: None,
            ends_at_ms: None,
        },
    )
}

fn people() -> impl Strategy<Value = Command> {
    let reason = || "why not".to_owned();
    let by = || prop::sample::select(vec!["ann", "bob"]).prop_map(str::to_owned);
    let key = || any::<bool>().prop_map(|key| format!("causeway-system/{key}").parse().unwrap());
    prop_oneof![
        4 => shift().prop_map(Command::PutShift),
        1 => (key(), by()).prop_map(move |(shift, by)| Command::EndShift { shift, by, reason: reason() }),
        1 => (key(), by()).prop_map(move |(key, by)| Command::Approve {
            what: Approvable::Shift(key), seen: None, by, reason: reason(),
        }),
        1 => (member(), by()).prop_map(move |(m, by)| Command::Approve {
            what: Approvable::Failback { domain: format!("member/{m}").parse().unwrap(), service: None },
            seen: None,
            by,
            reason: reason(),
        }),
        1 => by().prop_map(move |by| Command::Approve {
            what: Approvable::Plan("shop/cart".parse().unwrap()), seen: None, by, reason: reason(),
        }),
        1 => by().prop_map(move |by| Command::ReleaseBrake { seen: Generation::default(), by, reason: reason() }),
    ]
}

/// That of all, or one that has its services move by a person's word alone.
fn policy() -> impl Strategy<Value = PolicySpec> {
    prop::option::of(any::<bool>()).prop_map(|careful| {
        let mut policy = root_policy();
        policy.rules.stateful = careful;
        policy
    })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        6 => prop_oneof![Just(1_000_u32), any::<u32>()].prop_map(|elapsed_ms| Command::Tick { elapsed_ms }),
        1 => any::<u64>().prop_map(|incarnation| Command::Bootstrap { incarnation }),
        1 => member().prop_map(|m| Command::PutMember(MemberSpec::minimal(m.parse().unwrap()))),
        1 => member().prop_map(|m| Command::RemoveMember(m.parse().unwrap())),
        2 => (member(), any::<bool>()).prop_map(|(m, spare)| {
            place(m, if spare { &["eastwest", "spare"] } else { &["eastwest"] })
        }),
        2 => policy().prop_map(Command::PutPolicy),
        1 => Just(Command::RemovePolicy(root_policy().key)),
        6 => votes(),
        2 => prop::sample::subsequence(&MEMBERS[..3], 1..=3).prop_map(|members| {
            Command::CommitPlans(vec![Machine::with(&MEMBERS[..3]).proposal(&members)])
        }),
        1 => Just(Command::CommitPlans(vec![PlanProposal { service: "shop/cart".parse().unwrap(), plan: None, previous: None }])),
        1 => any::<u32>().prop_map(|level| Command::RaiseLevel { level }),
        1 => (any::<bool>(), any::<[u8; 32]>()).prop_map(|(mark, sum)| Command::CompareDigest {
            seen: Some(Digest { at: LogPosition::default(), sum }),
            mark,
        }),
        3 => chunk(),
        2 => (0_u64..5).prop_map(|replica| Command::Silence { replica: ReplicaId(replica) }),
        8 => registry(),
        6 => people(),
    ]
}

/// Requests of three clients, in no order, some of them sent twice.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let request = (command(), 0_u64..3, 0_u64..60).prop_map(|(command, nonce, serial)| Request {
        client: ClientId {
            nonce,
            ..support::client()
        },
        serial,
        command,
    });
    prop::collection::vec(request, 1..120)
}

fn run(state: &mut State, requests: &[Request], from: usize) -> Vec<Outcome> {
    let indices = (from as u64 + 100)..;
    let each = requests.iter().zip(indices).map(|(request, index)| {
        let term = 1 + index / 7;
        // What a replica stops at never reaches `apply`.
        if level::check(request, index, level::FEATURE_LEVEL).is_err() {
            return Outcome::Unchanged;
        }
        apply(state, LogPosition { term, index }, request)
    });
    each.collect()
}

fn begun(raised: bool) -> State {
    let members = &MEMBERS[..3];
    if raised {
        Machine::raised(members).state
    } else {
        Machine::with(members).state
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_replays_holds_the_same_as_whoever_installs_a_snapshot(
        requests in requests(),
        raised in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut replays = begun(raised);
        let mut installs = replays.clone();
        let cut = cut.index(requests.len());
        let mut outcomes = run(&mut installs, &requests[..cut], 0);
        let bytes = encode(&installs).unwrap();
        let mut installs = decode(&bytes).unwrap();
        prop_assert_eq!(&encode(&installs).unwrap(), &bytes);
        outcomes.extend(run(&mut installs, &requests[cut..], cut));
        prop_assert_eq!(run(&mut replays, &requests, 0), outcomes);
        prop_assert_eq!(&replays, &installs);
        prop_assert_eq!(replays.digest(), installs.digest());
        prop_assert!(replays.stagings.bytes() <= STAGED_BYTES);
        let text = serde_json::to_string(&replays).unwrap();
        prop_assert_eq!(serde_json::from_str::<State>(&text).unwrap(), replays);
    }

    #[test]
    fn who_stands_outside_is_known_without_a_look_at_all_plans(requests in requests()) {
        let mut state = begun(true);
        for (at, request) in requests.iter().enumerate() {
            run(&mut state, std::slice::from_ref(request), at);
            // What is read draws it anew.
            let read = decode(&encode(&state).unwrap()).unwrap();
            prop_assert_eq!(state.standing_outside(), read.standing_outside());
            prop_assert_eq!(state.spared(), read.spared());
            let each = read.plans.iter().filter(|(service, row)| row.value.is_some() && read.stands_outside(service));
            prop_assert_eq!(state.standing_outside(), each.map(|(service, _)| service).collect());
        }
    }

    #[test]
    fn nothing_is_applied_twice(requests in requests()) {
        let mut state = begun(true);
        let mut applied = BTreeSet::new();
        for (request, outcome) in requests.iter().zip(run(&mut state, &requests, 0)) {
            if level::check(request, 0, level::FEATURE_LEVEL).is_err() {
                continue;
            }
            let fresh = applied.insert((request.client, request.serial));
            prop_assert_eq!(fresh, outcome != Outcome::Duplicate);
        }
    }

    #[test]
    fn what_was_refused_or_changed_nothing_left_no_trace(requests in requests()) {
        let mut state = begun(true);
        for (request, index) in requests.iter().zip(500_u64..) {
            let before = state.clone();
            if level::check(request, index, level::FEATURE_LEVEL).is_err() {
                continue;
            }
            let outcome = apply(&mut state, LogPosition { term: 9, index }, request);
            // A part of a large change that does not fit takes those before it along.
            let parts = matches!(request.command, Command::StageChunk(_));
            if matches!(outcome, Outcome::Unchanged | Outcome::Duplicate | Outcome::Refused(_)) && !parts {
                state.last_applied = before.last_applied;
                state.clients = before.clients.clone();
                prop_assert_eq!(&state, &before, "{:?} {:?}", request.command, outcome);
            }
        }
    }

    #[test]
    fn bytes_of_any_kind_are_no_danger(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(request) = Request::from_frame(&bytes)
            && level::check(&request, 1, level::FEATURE_LEVEL).is_ok()
        {
            apply(&mut begun(true), LogPosition { term: 1, index: 900 }, &request);
        }
    }

    #[test]
    fn a_frame_with_flipped_bytes_is_no_danger(
        request in command(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let request = Request { client: support::client(), serial: 4_000, command: request };
        let mut bytes = request.to_frame().unwrap();
        prop_assert_eq!(&Request::from_frame(&bytes).unwrap(), &request);
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(request) = Request::from_frame(&bytes)
            && level::check(&request, 1, level::FEATURE_LEVEL).is_ok()
        {
            apply(&mut begun(true), LogPosition { term: 1, index: 900 }, &request);
        }
    }
}
