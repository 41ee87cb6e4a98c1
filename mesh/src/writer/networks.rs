//! The job of all gateways.

use causeway_api::NetworkName;
use causeway_render::object::NETWORK_LABEL;
use causeway_render::{LiveObject, MemberInputs, Operation, diff, render_networks};

use crate::writer::context::{Compared, Context};
use crate::writer::job::{JobKey, Outcome, carry_out, resolve_doubts};

/// Renders the gateways and compares them with those that are there. `needed`: whether any service is or may be
/// written here.
pub(crate) fn compare(context: &Context, member: &MemberInputs, needed: bool) -> Compared {
    let stamp = context.stamp();
    let store = context.live.lock();
    let live = store.gateways();
    let needed = needed || store.serves();
    let rendered = render_networks(member, needed, store.foreign(), &live);
    let difference = diff(&rendered.objects, live.iter().copied(), stamp);
    Compared {
        rendered,
        difference,
    }
}

/// Writes gateways at once, and cuts networks at once whose gateways the view has emptied. Others, whose network the
/// view does not know any more, go when all else is `done`, the void gateway last of all.
pub(crate) async fn run(
    context: &Context,
    member: &MemberInputs,
    needed: bool,
    done: bool,
) -> Outcome {
    let allowed = context.may_write(member);
    if allowed.is_ok()
        && let Err(outcome) = resolve_doubts(context, &JobKey::Networks).await
    {
        return outcome;
    }
    let mut compared = compare(context, member, needed);
    let all = compared.difference.operations.len();
    if allowed.is_ok() && !done {
        compared
            .difference
            .operations
            .retain(|operation| match operation {
                Operation::Delete(live) => is_cut(member, live),
                _ => true,
            });
    }
    let deferred = compared.difference.operations.len() < all;
    let mut outcome = carry_out(context, &JobKey::Networks, allowed, compared, |_| true).await;
    outcome.deferred = deferred;
    outcome
}

/// Whether the view knows the network and says that nothing leads there now: the one write that withdraws it from all
/// services.
fn is_cut(member: &MemberInputs, live: &LiveObject) -> bool {
    live.labels
        .get(NETWORK_LABEL)
        .and_then(|network| NetworkName::new(network).ok())
        .and_then(|network| member.networks.get(&network)?.value.as_ref())
        .is_some()
}
