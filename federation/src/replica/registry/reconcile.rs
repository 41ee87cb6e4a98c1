//! Declarations and state → commands, only where they differ.

use causeway_api::registry::{Host, ObjectKey};
use causeway_crds::conditions::time;
use causeway_state::State;
use causeway_state::command::{Command, Declaration};
use kube::core::DynamicObject;

use super::declared::Rows;
use super::kind::Kind;
use super::ledger::Held;
use super::row::Row;
use super::stance::{LEVEL, Stance, document, origin};
use crate::replica::status::shift::was_in_force;

/// A declaration that is to be put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Put {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) command: Command,
}

/// What is declared here and differs from what is in force. What is malformed, what was refused as it is, and what another
/// host owns is left out. Policies first, so that a member's first plans already follow them.
pub(super) fn puts(state: &State, rows: &Rows) -> Vec<Put> {
    if state.feature_level >= LEVEL && rows.here.is_none() {
        return Vec::new();
    }
    let policies = rows.policies.iter().filter_map(|(name, row)| {
        let spec = ready(row)?;
        let differs = state.policies.get(&spec.key) != Some(spec);
        let ours = || rows.policy_stance(state, &spec.key) == Some(Stance::Ours);
        let declaration = || Declaration::Policy(spec.clone());
        let before = || Command::PutPolicy(spec.clone());
        let command = command(state, rows, &row.object, differs, ours, declaration, before)?;
        Some(Put {
            kind: Kind::Policy,
            name: name.clone(),
            command,
        })
    });
    let members = rows.members.iter().filter_map(|(name, row)| {
        let spec = ready(row)?;
        let held = state.member(&spec.name).map(|held| &held.spec);
        let differs = held != Some(spec);
        let ours = || rows.member_stance(state, &spec.name) == Some(Stance::Ours);
        let declaration = || Declaration::Member(spec.clone());
        let before = || Command::PutMember(spec.clone());
        let command = command(state, rows, &row.object, differs, ours, declaration, before)?;
        Some(Put {
            kind: Kind::Member,
            name: name.clone(),
            command,
        })
    });
    let shifts = rows.shifts.iter().filter_map(|(name, row)| {
        let shift = ready(row)?;
        let held = state.brain.shifts.get(&shift.key).map(|held| &held.shift);
        // Below that level there are none. What was in force and is no more has expired, or a person ended it: that is told,
        // and not undone.
        if state.feature_level < LEVEL || held.is_none() && was_in_force(&row.object) {
            return None;
        }
        let ours = || rows.shift_stance(state, &shift.key) == Some(Stance::Ours);
        let declaration = || Declaration::Shift(shift.clone());
        let before = || Command::PutShift(shift.clone());
        let differs = held != Some(shift);
        let command = command(state, rows, &row.object, differs, ours, declaration, before)?;
        Some(Put {
            kind: Kind::Shift,
            name: name.clone(),
            command,
        })
    });
    policies.chain(members).chain(shifts).collect()
}

fn ready<S>(row: &Row<S>) -> Option<&S> {
    row.declared.as_ref().ok().filter(|_| row.refused.is_none())
}

/// The command by which an object comes into force, where one is needed; `before` that of the levels without owners.
fn command(
    state: &State,
    rows: &Rows,
    object: &DynamicObject,
    differs: bool,
    ours: impl FnOnce() -> bool,
    declaration: impl FnOnce() -> Declaration,
    before: impl FnOnce() -> Command,
) -> Option<Command> {
    if state.feature_level < LEVEL {
        return differs.then(before);
    }
    let host = rows.here.as_ref()?;
    let declaration = declaration();
    let origin = origin(object);
    let document = document(object);
    let held = state.registry.objects.get(&declaration.key());
    let as_held = held.is_some_and(|held| {
        held.settled && held.origin.uid == origin.uid && held.document == document
    });
    if as_held && !differs || !ours() {
        return None;
    }
    Some(Command::Declare {
        host: host.clone(),
        origin,
        declaration,
        document,
    })
}

/// The command that removes an object's declaration; `None` where nothing is to be removed.
pub(super) fn removal(
    state: &State,
    here: Option<&Host>,
    kind: Kind,
    name: &str,
) -> Option<Command> {
    let object = kind.object(name)?;
    if state.feature_level < LEVEL {
        return match object {
            ObjectKey::Member(name) => Some(Command::RemoveMember(name)),
            ObjectKey::Policy(key) => Some(Command::RemovePolicy(key)),
            ObjectKey::Shift(_) => None,
        };
    }
    let owned = state.registry.objects.get(&object)?;
    Some(Command::Withdraw {
        host: here?.uid.clone(),
        uid: owned.origin.uid.clone(),
        object,
    })
}

/// What is in force because of objects of this host, which must be there therefore.
pub(super) fn held(state: &State, here: Option<&Host>, kind: Kind) -> Vec<Held> {
    if state.feature_level < LEVEL {
        let held = |name: String| Held {
            name,
            created: None,
        };
        return match kind {
            Kind::Member => state
                .members
                .keys()
                .map(|key| held(key.to_string()))
                .collect(),
            Kind::Policy => state
                .policies
                .keys()
                .map(|key| held(key.to_string()))
                .collect(),
            Kind::Shift => Vec::new(),
        };
    }
    let rows = state.registry.objects.iter();
    let ours = rows.filter(|(key, owned)| {
        let leaving =
            matches!(key, ObjectKey::Member(name) if state.registry.stage(name).is_some());
        owned.settled && !leaving && here.is_some_and(|here| here.uid == owned.host)
    });
    let of_kind = ours.filter(|(key, _)| Kind::of(key) == kind);
    let held = of_kind.map(|(key, owned)| Held {
        name: key.name(),
        created: owned
            .origin
            .created_s
            .map(|s| time(s.saturating_mul(1_000))),
    });
    held.collect()
}

/// The newest version of any object of this host that is in force: a host that shows less came back from an old backup.
pub(super) fn newest_revision(state: &State, here: Option<&Host>) -> u64 {
    let rows = state.registry.objects.values();
    let ours = rows.filter(|owned| here.is_some_and(|here| here.uid == owned.host));
    ours.map(|owned| owned.origin.revision).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::needless_pass_by_value,
        clippy::semicolon_if_nothing_returned
    )]
    use causeway_api::Name;
    use causeway_api::registry::HostUid;
    use causeway_state::apply_next;
    use serde_json::json;

    use super::super::declared::Declared;
    use super::*;

    fn root() -> Name {
        "causeway-system".parse().unwrap()
    }

    fn object(
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        spec: serde_json::Value,
    ) -> kube::core::DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "causeway.dev/v1alpha1", "kind": kind,
            "metadata": {
                "name": name, "namespace": namespace, "uid": name, "generation": 1,
                "creationTimestamp": "2023-11-14T22:13:20Z",
            },
            "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn only_what_differs_is_put_and_only_what_is_sound() {
        let declared = Declared::default();
        let members = vec![
            object("MemberCluster", "a", None, json!({})),
            object("MemberCluster", "b", None, json!({ "mode": "Fly" })),
        ];
        declared.listed(Kind::Member, members, &root());
        declared.listed(
            Kind::Policy,
            vec![object("FailoverPolicy", "p", Some("shop"), json!({}))],
            &root(),
        );
        let mut state = State::default();
        apply_next(&mut state, Command::Bootstrap { incarnation: 1 });
        let due = puts(&state, &declared.rows());
        let names: Vec<&str> = due.iter().map(|put| put.name.as_str()).collect();
        assert_eq!(names, ["shop/p", "a"]);
        for put in due {
            apply_next(&mut state, put.command);
        }
        assert_eq!(puts(&state, &declared.rows()), []);

        declared.applied(
            Kind::Member,
            object("MemberCluster", "a", None, json!({ "suspend": true })),
            &root(),
        );
        assert_eq!(puts(&state, &declared.rows()).len(), 1);
    }

    #[test]
    fn a_declaration_that_becomes_malformed_stays_in_force_as_it_was() {
        let declared = Declared::default();
        declared.listed(
            Kind::Member,
            vec![object("MemberCluster", "a", None, json!({}))],
            &root(),
        );
        let mut state = State::default();
        apply_next(&mut state, Command::Bootstrap { incarnation: 1 });
        for put in puts(&state, &declared.rows()) {
            apply_next(&mut state, put.command);
        }
        declared.applied(
            Kind::Member,
            object("MemberCluster", "a", None, json!({ "mode": "Fly" })),
            &root(),
        );
        assert_eq!(puts(&state, &declared.rows()), []);
        assert!(
            declared.names(Kind::Member).contains("a"),
            "what is there is not absent"
        );
    }

    #[test]
    fn removals_name_what_is_removed() {
        let mut state = State::default();
        apply_next(&mut state, Command::Bootstrap { incarnation: 1 });
        assert_eq!(
            removal(&state, None, Kind::Member, "a"),
            Some(Command::RemoveMember("a".parse().unwrap()))
        );
        assert_eq!(
            removal(&state, None, Kind::Policy, "shop/p"),
            Some(Command::RemovePolicy("shop/p".parse().unwrap()))
        );
    }

    #[test]
    fn with_owners_each_host_declares_and_withdraws_what_is_its_own() {
        let host = |uid: &str| Host {
            uid: HostUid(uid.to_owned()),
            name: uid.to_owned(),
        };
        let mut state = State::default();
        apply_next(&mut state, Command::Bootstrap { incarnation: 1 });
        apply_next(&mut state, Command::RaiseLevel { level: 2 });
        let hosts = ["a", "b"].map(|uid| {
            let declared = Declared::default();
            let spec = json!({ "suspend": uid == "b" });
            let object = object("MemberCluster", "ack", None, spec);
            declared.listed(Kind::Member, vec![object], &root());
            (host(uid), declared)
        });
        let [(a, in_a), (b, in_b)] = &hosts;
        assert_eq!(puts(&state, &in_a.rows()), [], "its host is not known yet");
        for (host, declared) in &hosts {
            declared.set_here(Ok(host.clone()));
        }
        let [put] = &puts(&state, &in_a.rows())[..] else {
            unreachable!("it is declared");
        };
        assert!(matches!(&put.command, Command::Declare { host, .. } if host == a));
        apply_next(&mut state, put.command.clone());
        assert_eq!(puts(&state, &in_a.rows()), []);
        assert_eq!(puts(&state, &in_b.rows()), [], "another host owns it");
        let [ack] = &held(&state, Some(a), Kind::Member)[..] else {
            unreachable!("it is in force");
        };
        assert_eq!(ack.name, "ack");
        assert_eq!(ack.created, Some(time(1_700_000_000_000)), "as it says");
        assert_eq!(held(&state, Some(b), Kind::Member), []);
        assert!(matches!(
            removal(&state, Some(a), Kind::Member, "ack"),
            Some(Command::Withdraw { uid, .. }) if uid == "ack"
        ));
    }

    #[test]
    fn a_shift_is_declared_after_its_member_and_never_again_once_it_is_over() {
        let declared = Declared::default();
        let spec = json!({
            "action": "Evacuate", "awayFrom": { "member": "ack" }, "expiresAfter": "1h", "reason": "x", "requestedBy": "ann",
        });
        let shift = object("TrafficShift", "leave", Some("causeway-system"), spec);
        declared.listed(Kind::Shift, vec![shift.clone()], &root());
        declared.listed(
            Kind::Member,
            vec![object("MemberCluster", "ack", None, json!({}))],
            &root(),
        );
        let mut state = State::default();
        apply_next(&mut state, Command::Bootstrap { incarnation: 1 });
        let names = |state: &State| {
            let due = puts(state, &declared.rows());
            due.into_iter().map(|put| put.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&state), ["ack"], "there are none below the level");
        apply_next(&mut state, Command::RaiseLevel { level: 2 });
        let a = Host {
            uid: HostUid("a".to_owned()),
            name: "a".to_owned(),
        };
        declared.set_here(Ok(a.clone()));
        for put in puts(&state, &declared.rows()) {
            apply_next(&mut state, put.command);
        }
        assert_eq!(names(&state), Vec::<String>::new());
        let shifts = held(&state, Some(&a), Kind::Shift);
        let shifts: Vec<&str> = shifts.iter().map(|held| held.name.as_str()).collect();
        assert_eq!(shifts, ["causeway-system/leave"]);
        assert!(matches!(
            removal(&state, Some(&a), Kind::Shift, "causeway-system/leave"),
            Some(Command::Withdraw { .. })
        ));
        let end = Command::EndShift {
            shift: "causeway-system/leave".parse().unwrap(),
            by: "ann".to_owned(),
            reason: "done".to_owned(),
        };
        apply_next(&mut state, end);
        assert_eq!(names(&state), Vec::<String>::new());
        // A clusterset that begins anew knows of no end; the object does.
        state.registry.gone.clear();
        assert_eq!(names(&state), ["causeway-system/leave"]);
        let mut over = shift;
        over.data["status"] = json!({ "state": "Ended" });
        declared.applied(Kind::Shift, over, &root());
        assert_eq!(names(&state), Vec::<String>::new());
    }
}
