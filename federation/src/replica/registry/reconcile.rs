//! Declarations and state → commands, only where they differ.

use causeway_api::MemberName;
use causeway_api::spec::PolicyKey;
use causeway_state::State;
use causeway_state::command::Command;

use super::declared::Rows;
use super::kind::Kind;

/// A declaration that is to be put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Put {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) command: Command,
}

/// What is declared and differs from what is in force. What is malformed, and what was refused as it is, is left out.
/// Policies first, so that a member's first plans already follow them.
pub(super) fn puts(state: &State, rows: &Rows) -> Vec<Put> {
    let policies = rows.policies.iter().filter_map(|(name, row)| {
        let spec = row
            .declared
            .as_ref()
            .ok()
            .filter(|_| row.refused.is_none())?;
        let command = (state.policies.get(&spec.key) != Some(spec))
            .then(|| Command::PutPolicy(spec.clone()))?;
        Some(Put {
            kind: Kind::Policy,
            name: name.clone(),
            command,
        })
    });
    let members = rows.members.iter().filter_map(|(name, row)| {
        let spec = row
            .declared
            .as_ref()
            .ok()
            .filter(|_| row.refused.is_none())?;
        let held = state.member(&spec.name).map(|held| &held.spec);
        let command = (held != Some(spec)).then(|| Command::PutMember(spec.clone()))?;
        Some(Put {
            kind: Kind::Member,
            name: name.clone(),
            command,
        })
    });
    policies.chain(members).collect()
}

/// The command that removes an object's declaration.
pub(super) fn removal(kind: Kind, name: &str) -> Option<Command> {
    match kind {
        Kind::Member => name.parse::<MemberName>().ok().map(Command::RemoveMember),
        Kind::Policy => name.parse::<PolicyKey>().ok().map(Command::RemovePolicy),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::needless_pass_by_value,
        clippy::semicolon_if_nothing_returned
    )]
    use causeway_api::Name;
    use causeway_api::ids::ReplicaId;
    use causeway_state::{ClientId, LogPosition, Request, apply};
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
            "metadata": { "name": name, "namespace": namespace, "uid": name, "generation": 1 }, "spec": spec,
        }))
        .unwrap()
    }

    fn run(state: &mut State, serial: u64, command: Command) {
        let client = ClientId {
            replica: ReplicaId(1),
            nonce: 1,
        };
        apply(
            state,
            LogPosition {
                term: 1,
                index: serial,
            },
            &Request {
                client,
                serial,
                command,
            },
        );
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
        run(&mut state, 1, Command::Bootstrap { incarnation: 1 });
        let due = puts(&state, &declared.rows());
        let names: Vec<&str> = due.iter().map(|put| put.name.as_str()).collect();
        assert_eq!(names, ["shop/p", "a"]);
        for (serial, put) in due.into_iter().enumerate() {
            run(&mut state, 2 + serial as u64, put.command);
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
        run(&mut state, 1, Command::Bootstrap { incarnation: 1 });
        for put in puts(&state, &declared.rows()) {
            run(&mut state, 2, put.command);
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
        assert_eq!(
            removal(Kind::Member, "a"),
            Some(Command::RemoveMember("a".parse().unwrap()))
        );
        assert_eq!(
            removal(Kind::Policy, "shop/p"),
            Some(Command::RemovePolicy("shop/p".parse().unwrap()))
        );
    }
}
