//! The job of one service.

use causeway_api::ServiceKey;
use causeway_render::{MemberInputs, ObjectKey, Operation, diff, render_service};

use crate::writer::context::{Compared, Context};
use crate::writer::count;
use crate::writer::job::{JobKey, Outcome, carry_out, resolve_doubts};

/// Renders one service and compares it with what is there.
pub(crate) fn compare(context: &Context, member: &MemberInputs, key: &ServiceKey) -> Compared {
    let inputs = context.source.service(key);
    let stamp = context.stamp();
    count(&context.counters.rendered);
    let store = context.live.lock();
    let live = store.of_service(key);
    let rendered = render_service(member, key, &inputs, store.foreign(), &live);
    let difference = diff(&rendered.objects, live.iter().copied(), stamp);
    Compared {
        rendered,
        difference,
    }
}

/// Renders, compares, and writes where that is allowed.
pub(crate) async fn run(context: &Context, member: &MemberInputs, key: &ServiceKey) -> Outcome {
    let allowed = context.may_write(member);
    let job = JobKey::Service(key.clone());
    if allowed.is_ok()
        && let Err(outcome) = resolve_doubts(context, &job).await
    {
        return outcome;
    }
    let compared = compare(context, member, key);
    let writes = compared
        .difference
        .operations
        .iter()
        .any(|operation| !matches!(operation, Operation::Delete(_)));
    if allowed.is_ok() && writes && !context.live.lock().has_void() {
        let held = Err(String::new());
        let mut waiting = carry_out(context, &job, held, compared, |_| false).await;
        waiting.retry = true;
        return waiting;
    }
    let still = |object: &ObjectKey| {
        let now = compare(context, member, key).difference.operations;
        now.iter()
            .any(|operation| matches!(operation, Operation::Delete(live) if live.key == *object))
    };
    carry_out(context, &job, allowed, compared, still).await
}
