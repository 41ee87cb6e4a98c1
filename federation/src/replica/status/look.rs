//! All that conditions are computed from, at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use causeway_api::facts::MemberFact;
use causeway_api::spec::{MemberSpec, Placement};
use causeway_api::verdict::{Subject, VerdictState};
use causeway_api::{MemberName, ReplicaId};
use causeway_index::{FactStore, OwnerFacts};
use causeway_state::{RegisteredMember, State};

use super::counts::Counted;
use super::scope::Scope;
use super::session::{self, SessionInfo};
use crate::admin::api::{Condition, ConditionStatus};
use crate::replica::registry::declared::Rows;
use crate::replica::registry::row::Row;
use crate::replica::shared::{Refused, Shared};

/// Everything that one replica knows.
pub(crate) struct Look<'a> {
    pub(crate) replica: ReplicaId,
    pub(crate) state: &'a State,
    pub(crate) facts: &'a FactStore,
    pub(crate) rows: &'a Rows,
    pub(crate) sessions: &'a BTreeMap<MemberName, SessionInfo>,
    pub(crate) refusals: &'a BTreeMap<MemberName, Refused>,
    pub(crate) counts: &'a Counted,
}

/// What a replica knows beside state and facts. Read before those are locked.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) rows: Rows,
    pub(crate) sessions: BTreeMap<MemberName, SessionInfo>,
    pub(crate) refusals: BTreeMap<MemberName, Refused>,
}

impl Known {
    /// What is known now; of sessions, those in scope.
    pub(crate) fn now(shared: &Shared, scope: &Scope) -> Self {
        Self {
            rows: shared.declared.rows(),
            sessions: session::some(shared, scope),
            refusals: shared.refusals.all(),
        }
    }
}

/// Everything that is known of one member.
pub(crate) struct MemberLook<'a> {
    pub(crate) all: &'a Look<'a>,
    /// As its MemberCluster has it, which may be no valid name.
    pub(crate) name: &'a str,
    /// The name, where it is a valid one.
    pub(crate) member: Option<&'a MemberName>,
    /// Its MemberCluster, where there is one.
    pub(crate) row: Option<&'a Arc<Row<MemberSpec>>>,
    /// What is in force.
    pub(crate) held: Option<&'a RegisteredMember>,
    pub(crate) facts: Option<&'a OwnerFacts>,
    pub(crate) session: Option<&'a SessionInfo>,
    pub(crate) refused: Option<&'a Refused>,
}

impl<'a> Look<'a> {
    /// Everything, from its parts.
    pub(crate) fn of(
        replica: ReplicaId,
        state: &'a State,
        facts: &'a FactStore,
        counts: &'a Counted,
        known: &'a Known,
    ) -> Self {
        Self {
            replica,
            state,
            facts,
            rows: &known.rows,
            sessions: &known.sessions,
            refusals: &known.refusals,
            counts,
        }
    }

    /// Calls `f` with everything at this moment. State and facts are locked meanwhile: it computes and returns.
    pub(crate) fn now<T>(shared: &Shared, known: &Known, f: impl FnOnce(&Look<'_>) -> T) -> T {
        shared.consensus.read(|state| {
            let facts = shared.facts();
            let counts = shared.counts.now(state, &facts);
            f(&Look::of(shared.id, state, &facts, &counts, known))
        })
    }

    /// Calls `f` with what a state alone tells, such as one of the past.
    pub(crate) fn of_state_alone<T>(
        replica: ReplicaId,
        state: &State,
        f: impl FnOnce(&Look<'_>) -> T,
    ) -> T {
        let (facts, counts) = (FactStore::new(), Counted::default());
        f(&Look::of(
            replica,
            state,
            &facts,
            &counts,
            &Known::default(),
        ))
    }

    /// One member.
    pub(crate) fn member(&'a self, member: &'a MemberName) -> MemberLook<'a> {
        MemberLook {
            all: self,
            name: member.as_str(),
            member: Some(member),
            row: self.rows.members.get(member.as_str()),
            held: self.state.member(member),
            facts: self.facts.owner(member),
            session: self.sessions.get(member),
            refused: self.refusals.get(member),
        }
    }

    /// A MemberCluster whose name is none of a member: nothing else can be known of it.
    pub(crate) fn nameless(&'a self, name: &'a str) -> MemberLook<'a> {
        MemberLook {
            all: self,
            name,
            member: None,
            row: self.rows.members.get(name),
            held: None,
            facts: None,
            session: None,
            refused: None,
        }
    }
}

impl<'a> MemberLook<'a> {
    /// What the agent reported of the member itself.
    pub(crate) fn fact(&self) -> Option<&'a MemberFact> {
        self.facts?.member.as_ref()
    }

    /// Where it is.
    pub(crate) fn placement(&self) -> Option<&'a Placement> {
        self.held?.placement.as_ref()
    }

    /// Its gateways with the verdicts on them, by name.
    pub(crate) fn gateways(&self) -> Vec<(String, Subject, VerdictState)> {
        let (Some(member), Some(placement)) = (self.member, self.placement()) else {
            return Vec::new();
        };
        let verdict = |name: &causeway_api::Name| {
            let subject = Subject::Gateway {
                member: member.clone(),
                gateway: name.clone(),
            };
            let state = self.all.state.verdicts.state(&subject);
            (name.to_string(), subject, state)
        };
        placement.gateways.keys().map(verdict).collect()
    }
}

/// A condition of that type.
pub(crate) fn condition(
    kind: &str,
    status: ConditionStatus,
    reason: &str,
    message: impl Into<String>,
) -> Condition {
    Condition {
        kind: kind.to_owned(),
        status,
        reason: reason.to_owned(),
        message: message.into(),
    }
}

/// Items joined, at most `most` of them, the rest counted.
pub(crate) fn some_of<T: ToString>(items: impl IntoIterator<Item = T>, most: usize) -> String {
    let all: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let shown: Vec<&str> = all.iter().take(most).map(String::as_str).collect();
    match all.len().checked_sub(most).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}
