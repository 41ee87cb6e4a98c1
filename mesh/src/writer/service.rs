//! The job of one service.

use causeway_api::ServiceKey;
use causeway_render::{MemberInputs, Operation, diff, render_service};

use crate::writer::context::{Compared, Context};
use crate::writer::count;
use crate::writer::job::{JobKey, Outcome, carry_out};

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
    let compared = compare(context, member, key);
    let allowed = context.may_write(member);
    let job = JobKey::Service(key.clone());
    let writes = compared
        .difference
        .operations
        .iter()
        .any(|operation| !matches!(operation, Operation::Delete(_)));
    if allowed.is_ok() && writes && !context.live.lock().has_void() {
        let mut waiting = carry_out(context, &job, Err(String::new()), compared).await;
        waiting.retry = true;
        return waiting;
    }
    carry_out(context, &job, allowed, compared).await
}
