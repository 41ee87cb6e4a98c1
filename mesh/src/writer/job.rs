//! What a job comes to, and the doing of its operations in order.

use causeway_api::view::MeshCondition;
use causeway_api::{ServiceKey, WriterStamp};
use causeway_render::condition::{of_mesh, of_service};
use causeway_render::{LiveObject, ObjectKey, Operation};

use crate::refusal::{Refused, RefusedKind};
use crate::writer::context::{Compared, Context};
use crate::writer::count;

/// What a job is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JobKey {
    /// All gateways.
    Networks,
    /// One service.
    Service(ServiceKey),
}

impl JobKey {
    pub(crate) fn condition(&self, reason: &str, object: &str, message: String) -> MeshCondition {
        match self {
            Self::Networks => of_mesh(reason, object, message),
            Self::Service(service) => of_service(reason, service, object, message),
        }
    }
}

/// What a job came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What people should know.
    pub(crate) conditions: Vec<MeshCondition>,
    /// Objects that differ and were not written.
    pub(crate) would_change: u64,
    /// Something failed, or has to wait: try again later.
    pub(crate) retry: bool,
    /// Another write came first: look again at once.
    pub(crate) again: bool,
    /// Gateways that are to go once all else is done.
    pub(crate) deferred: bool,
}

/// Takes over what was rendered and refused, and does the operations where that is allowed. A removal is done only
/// where `still` says, at its turn, that it is wanted: requests take their time, and meanwhile what was one destination
/// of several may have become the last.
pub(crate) async fn carry_out(
    context: &Context,
    key: &JobKey,
    allowed: Result<WriterStamp, String>,
    compared: Compared,
    still: impl Fn(&ObjectKey) -> bool,
) -> Outcome {
    let mut outcome = Outcome {
        conditions: compared.rendered.conditions,
        ..Outcome::default()
    };
    for refusal in compared.difference.refusals {
        outcome.conditions.push(refusal.condition);
        outcome.would_change += 1;
    }
    let operations = compared.difference.operations;
    let left = |operations: &[Operation]| u64::try_from(operations.len()).unwrap_or(u64::MAX);
    let Ok(stamp) = allowed else {
        outcome.would_change += left(&operations);
        return outcome;
    };
    if let Some(condition) = newer_writer(context, key, &operations, stamp) {
        outcome.conditions.push(condition);
        outcome.would_change += left(&operations);
        outcome.retry = true;
        return outcome;
    }
    let mut failed_turn = None;
    for operation in operations {
        // What comes later rests on what failed: an entry on its rule, a removal on what replaces it.
        if failed_turn.is_some_and(|failed| operation.turn() > failed) {
            outcome.would_change += 1;
            continue;
        }
        if matches!(operation, Operation::Delete(_)) && !still(operation.key()) {
            outcome.again = true;
            continue;
        }
        if let Err(refused) = one(context, key, &operation, stamp).await {
            count(&context.counters.failed);
            failed_turn = Some(failed_turn.unwrap_or(operation.turn()));
            outcome.would_change += 1;
            if refused.is_conflict() || refused.is_absent() {
                refresh(context, &operation, &refused, &mut outcome, key).await;
            } else {
                if refused.kind == RefusedKind::Unreachable {
                    context.doubt(key, operation.key());
                }
                outcome.retry = true;
                outcome.conditions.push(failure(key, &operation, &refused));
            }
        }
    }
    outcome
}

/// A request without an answer may have been done. Before anything rests on what is known of its object, the object is
/// read; where that fails too, nothing is done.
pub(crate) async fn resolve_doubts(context: &Context, key: &JobKey) -> Result<(), Outcome> {
    while let Some(object) = context.next_doubt(key) {
        let lists = context.live.lock().lists(object.kind);
        match context.applier.read(&object).await {
            Ok(Some(live)) => {
                if !context.live.lock().answered(live, lists) {
                    continue;
                }
            }
            Ok(None) => {
                let _ = context.live.lock().gone(&object, None);
            }
            Err(refused) => {
                let message = format!("could not read {object}: {}", refused.message);
                return Err(Outcome {
                    conditions: vec![key.condition("WriteFailed", &object.to_string(), message)],
                    retry: true,
                    ..Outcome::default()
                });
            }
        }
        context.no_doubt(key, &object);
    }
    Ok(())
}

async fn one(
    context: &Context,
    key: &JobKey,
    operation: &Operation,
    stamp: WriterStamp,
) -> Result<(), Refused> {
    let lists = context.live.lock().lists(operation.key().kind);
    let answer = context.applier.run(operation, stamp).await?;
    // What we wrote ourselves touches nobody.
    match (answer, operation) {
        (Some(live), _) => {
            count(&context.counters.applied);
            if !context.live.lock().answered(live, lists) {
                context.doubt(key, operation.key());
            }
        }
        (None, Operation::Delete(live)) => {
            count(&context.counters.deleted);
            let _ = context.live.lock().gone(&live.key, Some(&live.uid));
        }
        (None, _) => {}
    }
    tracing::debug!(action = ?operation.action(), object = %operation.key(), "written");
    Ok(())
}

/// What we knew was old: read it, and look at the service again.
async fn refresh(
    context: &Context,
    operation: &Operation,
    refused: &Refused,
    outcome: &mut Outcome,
    key: &JobKey,
) {
    let lists = context.live.lock().lists(operation.key().kind);
    match (context.applier.read(operation.key()).await, operation) {
        (Ok(Some(live)), _) => {
            if !context.live.lock().answered(live, lists) {
                context.doubt(key, operation.key());
            }
            outcome.again = true;
        }
        // Creating what is absent was refused as absent: its namespace is.
        (Ok(None), Operation::Create(_)) => {
            outcome.retry = true;
            outcome.conditions.push(failure(key, operation, refused));
        }
        (Ok(None), Operation::Update { live, .. } | Operation::Delete(live)) => {
            let _ = context.live.lock().gone(&live.key, Some(&live.uid));
            outcome.again = true;
        }
        (Err(refused), _) => {
            outcome.retry = true;
            outcome.conditions.push(failure(key, operation, &refused));
        }
    }
}

/// Stands down where an object bears a higher stamp than ours: another writer came after us.
fn newer_writer(
    context: &Context,
    key: &JobKey,
    operations: &[Operation],
    stamp: WriterStamp,
) -> Option<MeshCondition> {
    let newest = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Create(_) => None,
            Operation::Update { live, .. } | Operation::Delete(live) => Some(live),
        })
        .filter(|live| live.writer > Some(stamp))
        .max_by_key(|live: &&LiveObject| live.writer)?;
    let theirs = newest.writer?;
    if theirs.incarnation <= stamp.incarnation {
        // Only the Lease can tell who is right; its epoch has been lost, or we have lost the Lease.
        context.applier.fence.hear(theirs.epoch);
    }
    let object = newest.key.to_string();
    Some(key.condition(
        "NewerWriter",
        &object,
        format!(
            "{object} was written under stamp {theirs}, ours is {stamp}: nothing is written until ours is higher. If \
             no newer agent or controller runs for this member, remove the annotation {}.",
            causeway_render::object::WRITER
        ),
    ))
}

fn failure(key: &JobKey, operation: &Operation, refused: &Refused) -> MeshCondition {
    let object = operation.key();
    let plural = format!("{}.{}", object.kind.plural(), object.kind.group());
    let verb = match operation {
        Operation::Create(_) => "create",
        Operation::Update { .. } => "patch",
        Operation::Delete(_) => "delete",
    };
    let (reason, remedy) = match refused.kind {
        RefusedKind::Forbidden => (
            "Forbidden",
            format!(
                "Grant the agent {verb} on {plural} in namespace {}",
                object.namespace
            ),
        ),
        RefusedKind::Invalid => (
            "Rejected",
            "It is tried again; what refused it is a schema, a webhook or a policy".to_owned(),
        ),
        RefusedKind::Absent => (
            "NamespaceMissing",
            format!("Look whether namespace {} exists", object.namespace),
        ),
        RefusedKind::Conflict | RefusedKind::Unreachable => {
            ("WriteFailed", "It is tried again".to_owned())
        }
    };
    key.condition(
        reason,
        &object.to_string(),
        format!("could not {verb} {object}: {}. {remedy}.", refused.message),
    )
}
