//! Services that are asked for more than all that may serve them carries.

use std::cmp::Reverse;

use causeway_api::plan::Rate;

use super::super::Sight;
use super::{Attention, of};
use crate::cli::text;
use crate::replica::status::counts::count;

/// Services that are named, the worst first; the rest is counted.
const NAMED: usize = 3;

/// One row, however many they are: what helps is the same for all of them.
pub(super) fn unserved(sight: &Sight<'_>) -> Option<Attention> {
    let plans = sight.look.state.plans.iter();
    let asked = plans.filter_map(|(service, row)| {
        let sources = row.value.as_ref()?.plan.sources.iter();
        let unserved = sources.fold(Rate(0), |sum, source| sum.plus(source.unserved));
        (unserved > Rate(0)).then_some((service, unserved))
    });
    let mut asked: Vec<_> = asked.collect();
    asked.sort_by_key(|(service, unserved)| (Reverse(*unserved), *service));
    let (worst, _) = asked.first()?;
    let command = Some(format!("causeway explain {worst}"));
    let named = asked.iter().take(NAMED);
    let mut named: Vec<String> = named
        .map(|(service, unserved)| format!("{service} by {}", text::rate(*unserved)))
        .collect();
    let more = asked.len().saturating_sub(NAMED);
    if more > 0 {
        named.push(format!("{} more", text::grouped(count(more))));
    }
    Some(Attention {
        command,
        ..of(
            "capacity",
            format!(
                "more is asked for than all destinations carry that policy allows: {}; add endpoints, or declare more capacity where \
                 there is more",
                named.join(", ")
            ),
        )
    })
}
