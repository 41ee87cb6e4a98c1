//! What a job comes to, and the doing of its operations in order.

use causeway_api::view::MeshCondition;
use causeway_api::{ServiceKey, WriterStamp};
use causeway_render::condition::{of_mesh, of_service};
use causeway_render::{LiveObject, Operation};

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

/// Takes over what was rendered and refused, and does the operations where that is allowed.
pub(crate) async fn carry_out(
    context: &Context,
    key: &JobKey,
    allowed: Result<WriterStamp, String>,
    compared: Compared,
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
        if let Err(refused) = one(context, &operation, stamp).await {
            count(&context.counters.failed);
            failed_turn = Some(failed_turn.unwrap_or(operation.turn()));
            outcome.would_change += 1;
            if refused.is_conflict() || refused.is_absent() {
                refresh(context, &operation, &refused, &mut outcome, key).await;
            } else {
                outcome.retry = true;
                outcome.conditions.push(failure(key, &operation, &refused));
            }
        }
    }
    outcome
}

async fn one(context: &Context, operation: &Operation, stamp: WriterStamp) -> Result<(), Refused> {
    let answer = context.applier.run(operation, stamp).await?;
    // What we wrote ourselves touches nobody.
    match answer {
        Some(live) => {
            count(&context.counters.applied);
            let _ = context.live.lock().saw(live);
        }
        None => {
            count(&context.counters.deleted);
            let _ = context.live.lock().gone(operation.key(), None);
        }
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
    match context.applier.read(operation).await {
        Ok(Some(live)) => {
            let _ = context.live.lock().saw(live);
            outcome.again = true;
        }
        // Creating what is absent was refused as absent: its namespace is.
        Ok(None) if matches!(operation, Operation::Create(_)) => {
            outcome.retry = true;
            outcome.conditions.push(failure(key, operation, refused));
        }
        Ok(None) => {
            let _ = context.live.lock().gone(operation.key(), None);
            outcome.again = true;
        }
        Err(refused) => {
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
