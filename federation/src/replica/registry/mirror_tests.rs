//! What a mirror holds, what is shown and not applied, and who owns what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::Name;
use causeway_api::registry::{HostUid, Origin};
use causeway_api::shift::{Shift, ShiftAction};
use causeway_api::spec::MemberSpec;
use causeway_state::command::Declaration;
use causeway_state::{Command, apply_next};

use super::super::declared::Declared;
use super::super::stance::{Stance, stance};
use super::*;

fn host(uid: &str) -> Host {
    Host {
        uid: HostUid(uid.to_owned()),
        name: format!("host-{uid}"),
    }
}

fn key() -> ObjectKey {
    ObjectKey::of("mcl", "ack").unwrap()
}

struct World {
    state: State,
    declared: Declared,
}

impl World {
    /// Host `a` owns ack.
    fn new() -> Self {
        let mut world = Self {
            state: State::default(),
            declared: Declared::default(),
        };
        world.run(Command::Bootstrap { incarnation: 1 });
        world.run(Command::RaiseLevel { level: 2 });
        for uid in ["a", "b"] {
            world.run(Command::AttachHost { host: host(uid) });
        }
        world.declare(false);
        world
    }

    fn run(&mut self, command: Command) {
        apply_next(&mut self.state, command);
    }

    fn declare(&mut self, suspend: bool) {
        let spec = MemberSpec {
            suspend,
            ..MemberSpec::minimal("ack".parse().unwrap())
        };
        self.run(Command::Declare {
            host: host("a"),
            origin: Origin {
                uid: "object-a".to_owned(),
                generation: 1 + i64::from(suspend),
                revision: 5,
                created_s: None,
            },
            declaration: Declaration::Member(spec),
            document: json!({ "suspend": suspend }).to_string(),
        });
    }

    /// Host `b` has an object; `managers` have a hand in its spec.
    fn stands(&self, spec: &Value, owner: Option<&str>, managers: &[&str]) {
        let root: Name = "causeway-system".parse().unwrap();
        let annotations = owner.map(|uid| json!({ OWNER: host(uid).name, OWNER_UID: uid }));
        let managed: Vec<Value> = managers
            .iter()
            .map(|manager| json!({ "manager": manager, "fieldsV1": { "f:spec": { ".": {} } } }))
            .collect();
        let object = json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": "MemberCluster",
            "metadata": {
                "name": "ack", "uid": "object-b", "generation": 1,
                "annotations": annotations, "managedFields": managed,
            },
            "spec": spec,
        });
        let object = serde_json::from_value(object).unwrap();
        self.declared.applied(Kind::Member, object, &root);
    }

    fn wanted(&self) -> Vec<What> {
        let listed = BTreeSet::from([Kind::Member, Kind::Policy]);
        let writes = wanted(&self.state, &host("b"), &self.declared.rows(), &listed);
        writes.into_iter().map(|write| write.what).collect()
    }

    fn stance(&self) -> Stance {
        let rows = self.declared.rows();
        let row = &rows.members["ack"];
        let held = self.state.members.values().next().map(|held| &held.spec);
        let here = host("b");
        stance(
            &self.state,
            Some(&here),
            &key(),
            &row.object,
            row.declared.as_ref().ok(),
            held,
        )
    }
}

#[test]
fn what_is_missing_is_created_and_what_is_as_it_should_be_is_left() {
    let mut world = World::new();
    let [
        What::Whole {
            spec,
            owner: Some(owner),
        },
    ] = &world.wanted()[..]
    else {
        panic!("{:?}", world.wanted());
    };
    assert_eq!((spec, owner), (&json!({ "suspend": false }), &host("a")));
    assert!(
        wanted(
            &world.state,
            &host("a"),
            &Rows::default(),
            &BTreeSet::from([Kind::Member])
        )
        .is_empty()
    );
    assert!(
        wanted(&world.state, &host("b"), &Rows::default(), &BTreeSet::new()).is_empty(),
        "nothing was listed"
    );

    world.stands(&json!({ "suspend": false }), Some("a"), &[MANAGER]);
    assert!(world.wanted().is_empty());
    assert_eq!(world.stance(), Stance::Mirror);
    // Its owner changes it.
    world.declare(true);
    assert!(matches!(world.wanted()[..], [What::Whole { .. }]));
}

#[test]
fn what_somebody_else_wrote_is_never_written_again() {
    let world = World::new();
    let suspended = json!({ "suspend": true });
    world.stands(&suspended, None, &["argocd-controller"]);
    assert!(
        matches!(world.wanted()[..], [What::Owner { .. }]),
        "only the annotation"
    );
    for managers in [&["argocd-controller"][..], &[MANAGER, "kubectl-edit"]] {
        world.stands(&suspended, Some("a"), managers);
        assert!(world.wanted().is_empty());
        let Stance::Apart { reason, message } = world.stance() else {
            panic!("it differs");
        };
        assert_eq!(reason, "NotOwner");
        assert!(
            message.contains("host-a") && message.contains("causeway registry move"),
            "{message}"
        );
    }
    // A field that somebody took away, and nobody has a hand in: repaired.
    world.stands(&json!({}), Some("a"), &[MANAGER]);
    assert!(matches!(world.wanted()[..], [What::Whole { .. }]));
}

#[test]
fn what_was_moved_here_is_created_or_released() {
    let mut world = World::new();
    world.run(Command::MoveObject {
        object: key(),
        to: HostUid("b".to_owned()),
    });
    assert!(matches!(
        world.wanted()[..],
        [What::Whole { owner: None, .. }]
    ));
    world.stands(&json!({ "suspend": true }), Some("a"), &[MANAGER]);
    assert!(matches!(world.wanted()[..], [What::Release { .. }]));
    assert_eq!(
        world.stance(),
        Stance::Ours,
        "whatever stands here is declared"
    );
}

#[test]
fn a_mirror_goes_with_its_object_and_only_then() {
    let mut world = World::new();
    world.stands(&json!({ "suspend": false }), Some("a"), &[MANAGER]);
    world.run(Command::Withdraw {
        host: HostUid("a".to_owned()),
        object: key(),
        uid: "object-a".to_owned(),
    });
    assert!(matches!(world.wanted()[..], [What::Delete { .. }]));
    assert!(matches!(
        world.stance(),
        Stance::Apart {
            reason: "OwnerGone",
            ..
        }
    ));
    world.stands(&json!({ "suspend": false }), Some("a"), &[MANAGER, "flux"]);
    assert!(world.wanted().is_empty(), "somebody else applies it, too");

    // A clusterset that begins anew knows of no deletion: mirrors are all that is left of the old one.
    world.state.registry.gone.clear();
    world.stands(&json!({ "suspend": false }), Some("a"), &[MANAGER]);
    assert!(world.wanted().is_empty());
}

#[test]
fn what_is_deleted_again_and_again_is_created_ever_more_rarely() {
    let world = World::new();
    let listed = BTreeSet::from([Kind::Member]);
    let mut pace = Pace::default();
    let mut writes = 0;
    for second in 0..3_600 {
        let now = Monotonic(Duration::from_secs(second));
        let wanted = wanted(&world.state, &host("b"), &Rows::default(), &listed);
        for write in pace.due(wanted, now) {
            pace.wrote(&write.key, now);
            writes += 1;
        }
    }
    assert!((8..20).contains(&writes), "{writes} in an hour");
}

#[test]
fn below_the_level_nothing_is_mirrored() {
    let mut world = World::new();
    world.state.feature_level = 1;
    assert!(world.wanted().is_empty());
}

#[test]
fn a_shift_is_mirrored_and_one_that_was_created_anew_replaces_its_mirror() {
    let mut world = World::new();
    let document = |reason: &str, life: &str| json!({ "action": "Freeze", "expiresAfter": life, "reason": reason });
    let declare = |world: &mut World, uid: &str, reason: &str, life: &str| {
        let key = "causeway-system/calm".parse().unwrap();
        let life_ms = if life == "1h" { 3_600_000 } else { 7_200_000 };
        let shift = Shift {
            requested_by: "ann".to_owned(),
            ..Shift::new(key, ShiftAction::Freeze, life_ms, reason)
        };
        world.run(Command::Declare {
            host: host("a"),
            origin: Origin {
                uid: uid.to_owned(),
                generation: 1,
                revision: 9,
                created_s: None,
            },
            declaration: Declaration::Shift(shift),
            document: document(reason, life).to_string(),
        });
    };
    let stands = |world: &World, spec: &Value, manager: &str| {
        let root: Name = "causeway-system".parse().unwrap();
        let object = json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": "TrafficShift",
            "metadata": {
                "name": "calm", "namespace": "causeway-system", "uid": "mirror",
                "annotations": { OWNER: host("a").name, OWNER_UID: "a" },
                "managedFields": [{ "manager": manager, "fieldsV1": { "f:spec": {} } }],
            },
            "spec": spec,
        });
        let object = serde_json::from_value(object).unwrap();
        world.declared.applied(Kind::Shift, object, &root);
    };
    let found = |world: &World| {
        let listed = BTreeSet::from([Kind::Shift]);
        let writes = wanted(&world.state, &host("b"), &world.declared.rows(), &listed);
        writes
            .into_iter()
            .map(|write| write.what)
            .collect::<Vec<_>>()
    };
    declare(&mut world, "s1", "storm", "1h");
    assert!(
        matches!(&found(&world)[..], [What::Whole { spec, .. }] if *spec == document("storm", "1h"))
    );
    stands(&world, &document("storm", "1h"), MANAGER);
    assert!(found(&world).is_empty());
    // Longer is the same one; another reason is another one, which no API server lets this become.
    declare(&mut world, "s1", "storm", "2h");
    assert!(matches!(&found(&world)[..], [What::Whole { .. }]));
    declare(&mut world, "s2", "flood", "2h");
    assert!(matches!(&found(&world)[..], [What::Delete { .. }]));
    stands(&world, &document("storm", "1h"), "flux");
    assert!(found(&world).is_empty(), "that one is somebody's");
    // It ends, and its mirror goes.
    stands(&world, &document("flood", "2h"), MANAGER);
    world.run(Command::EndShift {
        shift: "causeway-system/calm".parse().unwrap(),
        by: "ann".to_owned(),
        reason: "over".to_owned(),
    });
    assert!(matches!(&found(&world)[..], [What::Delete { .. }]));
}

#[test]
fn why_a_mirror_is_not_written_is_said_in_words_and_not_as_the_client_wraps_it() {
    let terminating = "failovertests.causeway.dev \"web\" is forbidden: unable to create new content in namespace shop because it is being \
                       terminated";
    for (code, message, remedy) in [
        (403, terminating, "once the namespace is there again"),
        (404, "namespaces \"shop\" not found", "once its namespace"),
        (
            403,
            "user may not patch failoverpolicies",
            "grant the controller",
        ),
        (500, "etcdserver: request timed out", "request timed out"),
    ] {
        let status = kube::core::Status {
            code,
            message: message.to_owned(),
            ..kube::core::Status::default()
        };
        let said = why(&kube::Error::Api(Box::new(status)));
        assert!(said.starts_with(message) && said.contains(remedy), "{said}");
        assert!(
            !said.contains("Status {") && !said.contains("ApiError"),
            "{said}"
        );
    }
}
