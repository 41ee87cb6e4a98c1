//! Who moves the traffic of a policy's services, all things considered: the most careful of the root policies, of the policy and
//! those that are about all that it is about, and of the members that have a part in its services.
//!
//! A policy about a single service of many may be more careful for that one; `causeway explain` tells of single services.

use causeway_api::MemberName;
use causeway_api::rules::FailoverMode;
use causeway_api::spec::{Mode, PolicySpec};
use causeway_crds::failover_policy::EffectiveMode;
use causeway_state::State;

use crate::replica::status::counts::{About, Counted};
use crate::replica::status::look::some_of;

/// How many members a sentence names.
const NAMED: usize = 3;

/// What makes modes more careful, whatever single policies say.
pub(super) struct Careful<'a> {
    state: &'a State,
    root: Vec<&'a PolicySpec>,
    /// Members that nothing is written to.
    observing: Vec<(&'a MemberName, &'static str)>,
}

impl<'a> Careful<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let policies = state.policies.values();
        let still = |spec: &causeway_api::spec::MemberSpec| match spec {
            _ if spec.mode == Mode::Observe => Some("in Observe"),
            _ if spec.suspend => Some("suspended"),
            _ => None,
        };
        let members = state.members.iter();
        Self {
            state,
            root: policies.filter(|policy| policy.root).collect(),
            observing: members
                .filter_map(|(name, member)| Some((name, still(&member.spec)?)))
                .collect(),
        }
    }

    /// The mode in force for what a policy is about, and what makes it so.
    pub(super) fn mode(&self, policy: &PolicySpec, counts: &Counted) -> EffectiveMode {
        let (mut mode, mut from) = (FailoverMode::default(), None);
        let near = self.state.policies.range(policy.key.clone()..);
        let near = near.take_while(|(key, _)| key.namespace == policy.key.namespace);
        let before = self.state.policies.range(..policy.key.clone()).rev();
        let before = before.take_while(|(key, _)| key.namespace == policy.key.namespace);
        let near = before.chain(near).map(|(_, other)| other);
        let near = near.filter(|other| !other.root && other.key != policy.key);
        let others = self.root.iter().copied().chain(near);
        let others = others.filter(|other| other.key != policy.key && covers(other, policy));
        for one in others.chain([policy]) {
            if let Some(said) = one.rules.mode.filter(|said| *said < mode) {
                (mode, from) = (said, Some(&one.key));
            }
        }
        let mut because = from.map_or_else(
            || "no policy says otherwise".to_owned(),
            |key| format!("FailoverPolicy {key} says so"),
        );
        if mode > FailoverMode::Observe {
            let about = About::of(policy);
            let mut rows = self.observing.iter();
            if let Some((first, how)) = rows.find(|(member, _)| counts.has_part(member, about)) {
                let alike =
                    rows.filter(|(member, other)| other == how && counts.has_part(member, about));
                let names = std::iter::once(first).chain(alike.map(|(member, _)| member));
                let names: Vec<&&MemberName> = names.take(NAMED + 1).collect();
                mode = FailoverMode::Observe;
                because = match names.as_slice() {
                    [one] => format!("member {one} is {how}"),
                    more if more.len() > NAMED => {
                        let shown = some_of(more.iter().take(NAMED), NAMED);
                        format!("members {shown} and more are {how}")
                    }
                    all => format!("members {} are {how}", some_of(all, NAMED)),
                };
            }
        }
        let mode = match mode {
            FailoverMode::Observe => "Observe",
            FailoverMode::Approve => "Approve",
            FailoverMode::Automatic => "Automatic",
        };
        EffectiveMode {
            mode: mode.to_owned(),
            because,
        }
    }
}

/// Whether a policy is about all that another is about.
fn covers(wide: &PolicySpec, narrow: &PolicySpec) -> bool {
    match (wide.root, wide.targets.is_empty()) {
        (true, true) => true,
        (false, true) => !narrow.root && wide.key.namespace == narrow.key.namespace,
        (_, false) => !narrow.targets.is_empty() && narrow.targets.is_subset(&wide.targets),
    }
}
