//! Whether this replica (still) has a part in its clusterset. One that was removed gets no more entries of the log, so that it
//! would never learn of it by itself, and would keep its agents with decisions that are no longer anybody's.
//!
//! It hears it from any other replica that it meets (`peers::admit`), or finds it in its own state; then it is *out*: its
//! agents' sessions end, whoever comes hears why, nothing is decided or observed any more, and the log stops for good.
//! Where no replica is met, agents may know: what they say makes this replica *doubt*. It serves nobody while it does and meets
//! no leader, and goes on once it has caught up with what they heard: an agent's word alone ends nothing for good.

use std::sync::Arc;
use std::time::Duration;

use causeway_api::Generation;
use causeway_api::peer::Fenced;
use causeway_api::session::Roll;
use causeway_state::replicas::Standing;
use tokio::sync::watch;

use super::sessions::End;
use super::shared::Shared;
use super::tasks::Tasks;
use crate::peers::PeerLinks;

/// How often a doubt is looked at again.
const LOOK: Duration = Duration::from_millis(500);

/// Whether this replica has a part, as far as it knows.
pub(crate) struct Part {
    out: watch::Sender<Option<Fenced>>,
    /// When it was removed, as agents say, and not as it knows itself.
    doubt: watch::Sender<Option<Generation>>,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            out: watch::Sender::new(None),
            doubt: watch::Sender::new(None),
        }
    }
}

impl Shared {
    /// Why this replica has no part in its clusterset any more, if it has none.
    pub(crate) fn out(&self) -> Option<Fenced> {
        self.part.out.borrow().clone()
    }

    /// Why agents are not served here, and whether that may end by itself; `None`: they are.
    pub(crate) fn unserved(&self) -> Option<(String, bool)> {
        if let Some(why) = self.out() {
            let text = format!(
                "replica {} has no part in its clusterset any more ({why}): use another one",
                self.id
            );
            return Some((text, false));
        }
        let at = (*self.part.doubt.borrow())?;
        (!self.meets_leader()).then(|| {
            let text = format!(
                "replica {} was removed at generation {at}, as agents heard elsewhere, and reaches no replica that could say \
                 otherwise: use another one. Stop its controller if it was removed; else let it reach the others \
                 (--peer-address, certificates, network)",
                self.id
            );
            (text, true)
        })
    }

    /// Whether the leader that is known here can be met. A replica that is cut off goes on holding the last one for the leader.
    fn meets_leader(&self) -> bool {
        let Some(leader) = self.consensus.status().leader else {
            return false;
        };
        if leader == self.id {
            return self.consensus.is_leader();
        }
        let seen = self.links.get().map(PeerLinks::seen).unwrap_or_default();
        seen.get(&leader)
            .is_some_and(crate::peers::PeerSeen::reachable)
    }

    /// An agent says which replicas there are.
    pub(crate) fn hear_roll(&self, clusterset: u64, roll: &Roll) {
        let unknown = self.consensus.read(|state| {
            let member = state.replicas.get(self.id);
            clusterset != 0
                && state.clusterset == clusterset
                && state.incarnation == roll.changed.incarnation
                && roll.changed > state.replicas.changed()
                && !roll.replicas.is_empty()
                && !roll.replicas.contains_key(&self.id)
                && member.is_some_and(|row| row.standing == Standing::Member)
        });
        if unknown {
            self.part.doubt.send_if_modified(|held| {
                let news = held.is_none_or(|held| held < roll.changed);
                if news {
                    *held = Some(roll.changed);
                }
                news
            });
        }
    }

    /// Looks at the doubt, if there is one: agents leave, or it is over.
    fn look_at_doubt(&self) {
        let Some(at) = *self.part.doubt.borrow() else {
            return;
        };
        if self.consensus.read(|state| state.replicas.changed()) >= at {
            self.part.doubt.send_replace(None);
        } else if self.unserved().is_some() && self.sessions.end_all(End::Doubted) {
            tracing::warn!(
                generation = %at,
                "agents heard elsewhere that this replica was removed, and it reaches nobody who says otherwise: it serves no \
                 agents until it does"
            );
            self.any_status_changed();
        }
    }

    /// Whether the log's members and what was decided of them differ: that is decided in a moment.
    fn is_changing(&self) -> bool {
        let here = self.consensus.members().contains_key(&self.id);
        let decided = |state: &causeway_state::State| {
            let row = state.replicas.get(self.id);
            row.is_some_and(|row| row.standing == Standing::Member)
        };
        !here && self.consensus.read(decided)
    }
}

/// Watches, and takes this replica out once it has no part any more. What shows its status goes on.
pub(super) async fn watch(shared: Arc<Shared>, links: PeerLinks, tasks: Arc<Tasks>) {
    let why = left(&shared, &links).await;
    tracing::error!(
        "this replica has no part in its clusterset any more ({why}). {}",
        Fenced::REMEDY
    );
    // From now on whoever comes hears why.
    shared.part.out.send_replace(Some(why.clone()));
    tasks.leave();
    shared.sessions.end_all(End::Out);
    shared.consensus.fence(&why).await;
    shared.any_status_changed();
    // It has to be there yet when somebody asks why.
    std::future::pending::<()>().await;
}

/// Returns once this replica has no part any more.
async fn left(shared: &Shared, links: &PeerLinks) -> Fenced {
    let mut said = links.fenced();
    let mut members = shared.consensus.membership();
    let mut position = shared.consensus.position();
    let mut doubt = shared.part.doubt.subscribe();
    loop {
        if let Some(why) = said.borrow_and_update().clone() {
            return why;
        }
        position.mark_unchanged();
        let removed = shared.consensus.read(|state| {
            let at = state.replicas.removed(shared.id);
            at.map(|at| (state.incarnation, at))
        });
        if let Some((incarnation, at)) = removed {
            return Fenced {
                incarnation,
                by: shared.id,
                removed: Some(at),
            };
        }
        let doubted = doubt.borrow_and_update().is_some();
        shared.look_at_doubt();
        let ended = tokio::select! {
            biased;
            changed = said.changed() => changed.is_err(),
            changed = doubt.changed() => changed.is_err(),
            changed = members.changed() => changed.is_err(),
            changed = position.changed(), if shared.is_changing() => changed.is_err(),
            () = shared.env.sleep(LOOK), if doubted => false,
        };
        if ended {
            // The log stops, and everything with it.
            std::future::pending::<()>().await;
        }
    }
}
