//! What MemberClusters, FailoverPolicies and TrafficShifts say in their status.
//!
//! What is said is computed by pure functions from what this replica knows ([`look`]): one file for each condition
//! ([`registered`], [`agent`], [`api`], [`gateway`], [`mesh`], [`compatible`], joined by [`conditions`]; [`survivable`]), [`member`],
//! [`policy`] (with its part of what is prepared, [`losses`], and of what is planned, [`planned`]) and [`shift`] for the rest. Here it
//! is compared with what is there, at most once a second, and written where it differs ([`patch`]): a fleet in which nothing
//! changes is not written to.

mod agent;
mod api;
pub(crate) mod compatible;
pub(crate) mod conditions;
pub(crate) mod counts;
mod gateway;
mod kubernetes;
pub(crate) mod look;
pub(crate) mod losses;
mod member;
pub(crate) mod mesh;
mod patch;
mod planned;
mod policy;
pub(crate) mod registered;
pub(crate) mod said;
pub(crate) mod scope;
pub(crate) mod session;
pub(crate) mod shift;
mod survivable;
#[cfg(test)]
pub(crate) mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::MemberName;
use causeway_seam::Monotonic;
use futures::StreamExt as _;
use kube::core::DynamicObject;
use serde::Serialize;
use serde_json::Value;

use super::calendar;
use super::registry::Kind;
use super::shared::Shared;
use look::{Known, Look};
use losses::Losses;
use patch::StatusPatch;
use scope::Scope;

/// At most one write of an object in this time.
const PACE: Duration = Duration::from_secs(1);
/// Looks at everything this often although nothing was said to have changed: how long an agent is behind only grows.
const LOOK: Duration = Duration::from_secs(10);
/// Writes under way at once.
const WRITES: usize = 8;
/// An API server that takes longer is tried again later.
const LIMIT: Duration = Duration::from_secs(10);
/// After a write that failed.
const RETRY: Duration = Duration::from_secs(5);
/// What was decided last is written no more often.
const DECISIONS: Duration = Duration::from_secs(15);

/// Runs until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>, host: kube::Client) {
    let mut changes = shared.status_changes();
    let mut writer = Writer::default();
    loop {
        if shared.speaks_for_host() {
            let scope = match writer.again() {
                // What could not be written is looked at again, whatever changed.
                true => Scope::Everything,
                false => changes.take(&shared.env, LOOK),
            };
            writer.write(&shared, &host, &scope).await;
        }
        shared.env.sleep(PACE).await;
        tokio::select! {
            biased;
            changed = changes.changed() => if !changed { return },
            () = shared.env.sleep(LOOK.saturating_sub(PACE)) => {}
        }
    }
}

#[derive(Default)]
struct Writer {
    /// By object: what was written last, on top of which sighting; it holds until the object is seen again.
    written: BTreeMap<(Kind, String), Written>,
    /// By object: not to be written before.
    failed: BTreeMap<(Kind, String), (Monotonic, String)>,
    /// What dry runs would bring about.
    foreseen: shift::Foreseen,
    /// What losses would do to the services of policies.
    losses: Losses,
    /// When policies said something else of what was decided last.
    decided: Option<Monotonic>,
}

struct Written {
    seen: Arc<DynamicObject>,
    status: Value,
}

impl Writer {
    /// Whether something could not be written when it was tried last.
    fn again(&self) -> bool {
        !self.failed.is_empty()
    }

    async fn write(&mut self, shared: &Shared, host: &kube::Client, scope: &Scope) {
        let now = shared.env.now();
        if scope.is_everything() {
            self.losses.refresh(shared).await;
        }
        let due = self.due(shared, scope);
        if scope.is_everything() {
            let still = |key: &(Kind, String)| {
                due.iter()
                    .any(|patch| (patch.kind, &patch.name) == (key.0, &key.1))
            };
            self.failed.retain(|key, _| still(key));
        }
        let due: Vec<StatusPatch> = due
            .into_iter()
            .filter(|patch| self.may_try(patch, now))
            .collect();
        let write = |patch: StatusPatch| async move {
            let written = shared.env.timeout(LIMIT, patch.write(host)).await;
            let result = match written {
                Ok(Ok(())) => Ok(()),
                // Deleted, or deleted and created again: the watch will say so.
                Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Err(None),
                Ok(Err(error)) => Err(Some(error.to_string())),
                Err(elapsed) => Err(Some(elapsed.to_string())),
            };
            (patch, result)
        };
        let mut writes = futures::stream::iter(due).map(write).buffered(WRITES);
        while let Some((patch, result)) = writes.next().await {
            let key = (patch.kind, patch.name.clone());
            match result {
                Ok(()) => {
                    self.failed.remove(&key);
                    self.written.insert(
                        key,
                        Written {
                            seen: patch.object,
                            status: patch.status,
                        },
                    );
                }
                Err(why) => {
                    let why = why.unwrap_or_default();
                    let known = self
                        .failed
                        .get(&key)
                        .is_some_and(|(_, before)| *before == why);
                    if !known && !why.is_empty() {
                        tracing::warn!(kind = %patch.kind, name = %patch.name, error = %why, "a status could not be written");
                    }
                    self.failed.insert(key, (shared.env.now().plus(RETRY), why));
                }
            }
        }
    }

    fn may_try(&self, patch: &StatusPatch, now: Monotonic) -> bool {
        let failed = self.failed.get(&(patch.kind, patch.name.clone()));
        failed.is_none_or(|(not_before, _)| now >= *not_before)
    }

    /// What differs from what is there.
    fn due(&mut self, shared: &Shared, scope: &Scope) -> Vec<StatusPatch> {
        let known = Known::now(shared, scope);
        let rows = &known.rows;
        let now = shared.env.wall();
        let there = |key: &(Kind, String)| match key.0 {
            Kind::Member => rows.members.contains_key(&key.1),
            Kind::Policy => rows.policies.contains_key(&key.1),
            Kind::Shift => rows.shifts.contains_key(&key.1),
        };
        self.written.retain(|key, _| there(key));
        self.failed.retain(|key, _| there(key));
        let clock = calendar::doubt(shared);
        let mut due = Vec::new();
        Look::now(shared, &known, |look| {
            for (name, row) in rows.members.iter().filter(|(name, _)| scope.has(name)) {
                let before = patch::of(self.before(Kind::Member, name, &row.object).as_ref());
                let parsed = MemberName::new(name).ok();
                let one = parsed
                    .as_ref()
                    .map_or_else(|| look.nameless(name), |member| look.member(member));
                let after = member::status(&one, &before, now);
                push(&mut due, Kind::Member, name, &row.object, &before, &after);
            }
            // None is about one member alone.
            if !scope.is_everything() {
                return;
            }
            let last = self.decided;
            let decisions = last.is_none_or(|at| shared.env.now().since(at) >= DECISIONS);
            let policies = policy::PolicyLook::new(look, &self.losses, decisions);
            for (name, row) in &rows.policies {
                let before = patch::of(self.before(Kind::Policy, name, &row.object).as_ref());
                let after = policy::status(name, row, &policies, &before, now);
                if before.last_decision != after.last_decision {
                    self.decided = Some(shared.env.now());
                }
                push(&mut due, Kind::Policy, name, &row.object, &before, &after);
            }
            self.foreseen.look(rows, look.state, look.facts);
            let shifts = shift::ShiftLook {
                rows,
                state: look.state,
                foreseen: &self.foreseen,
                clock: clock.as_deref(),
            };
            for (name, row) in &rows.shifts {
                let before = patch::of(self.before(Kind::Shift, name, &row.object).as_ref());
                let after = shift::status(name, row, &shifts, &before, now);
                push(&mut due, Kind::Shift, name, &row.object, &before, &after);
            }
        });
        due
    }

    /// The status that an object has, as far as it is known.
    fn before(&self, kind: Kind, name: &str, seen: &Arc<DynamicObject>) -> Option<Value> {
        let written = self
            .written
            .get(&(kind, name.to_owned()))
            .filter(|written| Arc::ptr_eq(&written.seen, seen));
        written
            .map(|written| written.status.clone())
            .or_else(|| seen.data.get("status").cloned())
    }
}

fn push<S: PartialEq + Serialize>(
    due: &mut Vec<StatusPatch>,
    kind: Kind,
    name: &str,
    object: &Arc<DynamicObject>,
    before: &S,
    after: &S,
) {
    if before != after {
        due.push(StatusPatch {
            kind,
            name: name.to_owned(),
            object: object.clone(),
            status: patch::json(after),
        });
    }
}
