//! Whose status is to be looked at anew: a word of one member's agent is no reason to look at all members.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_api::MemberName;
use causeway_seam::{Env, Monotonic};
use tokio::sync::watch;

/// What changed that people may look at, and when it did so last, in changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct StatusChanges {
    /// Rises with each change.
    count: u64,
    /// The last that may concern anybody.
    everything: u64,
    /// The last that concerned one member alone, where that came later.
    members: BTreeMap<MemberName, u64>,
}

impl StatusChanges {
    /// Something changed that may concern anybody.
    pub(crate) fn everything(&mut self) {
        self.count += 1;
        self.everything = self.count;
        self.members.clear();
    }

    /// Something of one member changed.
    pub(crate) fn member(&mut self, member: &MemberName) {
        self.count += 1;
        self.members.insert(member.clone(), self.count);
    }

    fn since(&self, seen: u64) -> Scope {
        if self.everything > seen {
            return Scope::Everything;
        }
        let later = self.members.iter().filter(|(_, last)| **last > seen);
        Scope::Members(later.map(|(member, _)| member.clone()).collect())
    }
}

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    Everything,
    /// These members.
    Members(BTreeSet<MemberName>),
}

impl Scope {
    /// Whether a member is to be looked at, by its name or what stands for it.
    pub(crate) fn has(&self, member: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Members(members) => members.contains(member),
        }
    }

    /// Whether everything is.
    pub(crate) fn is_everything(&self) -> bool {
        *self == Self::Everything
    }
}

/// Follows what changed.
pub(crate) struct Changes {
    changes: watch::Receiver<StatusChanges>,
    seen: u64,
    /// When everything was looked at.
    whole: Option<Monotonic>,
}

impl Changes {
    pub(crate) fn new(changes: watch::Receiver<StatusChanges>) -> Self {
        Self {
            changes,
            seen: 0,
            whole: None,
        }
    }

    /// What is to be looked at now; everything once in `every`, since what is behind grows by itself. Take it before what
    /// is looked at, so that nothing is missed.
    pub(crate) fn take(&mut self, env: &Env, every: Duration) -> Scope {
        let now = env.now();
        let (scope, count) = {
            let changes = self.changes.borrow_and_update();
            (changes.since(self.seen), changes.count)
        };
        self.seen = count;
        let due = self.whole.is_none_or(|whole| now.since(whole) >= every);
        if due || scope.is_everything() {
            self.whole = Some(now);
            return Scope::Everything;
        }
        scope
    }

    /// Waits for a change; `false` where there will be none.
    pub(crate) async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }

    /// Waits for a change that may concern anybody; `false` where there will be none.
    pub(crate) async fn everything(&mut self) -> bool {
        let seen = self.seen;
        let wait = self.changes.wait_for(|changes| changes.everything > seen);
        match wait.await.map(|changes| changes.count) {
            Ok(count) => {
                self.seen = count;
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn members(names: &[&str]) -> Scope {
        Scope::Members(names.iter().map(|name| name.parse().unwrap()).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn what_concerns_one_member_is_looked_at_for_it_alone() {
        let env = causeway_seam::real::env();
        let every = Duration::from_secs(10);
        let tell = watch::Sender::new(StatusChanges::default());
        let mut changes = Changes::new(tell.subscribe());
        assert!(changes.take(&env, every).is_everything(), "the first look");
        assert_eq!(changes.take(&env, every), members(&[]));
        tell.send_modify(|said| said.member(&"a".parse().unwrap()));
        tell.send_modify(|said| said.member(&"b".parse().unwrap()));
        assert!(changes.changed().await);
        let scope = changes.take(&env, every);
        assert_eq!(scope, members(&["a", "b"]));
        assert!(scope.has("a") && !scope.has("c"));
        tell.send_modify(|said| said.member(&"b".parse().unwrap()));
        assert_eq!(changes.take(&env, every), members(&["b"]));
        // What may concern anybody outdoes what concerned one before, and what comes after it is told for itself.
        tell.send_modify(|said| said.member(&"a".parse().unwrap()));
        tell.send_modify(StatusChanges::everything);
        tell.send_modify(|said| said.member(&"c".parse().unwrap()));
        assert!(changes.take(&env, every).is_everything());
        assert_eq!(changes.take(&env, every), members(&[]));
        env.sleep(every).await;
        assert!(changes.take(&env, every).is_everything(), "once in a while");
    }
}
