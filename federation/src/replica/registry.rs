//! MemberClusters and FailoverPolicies of the host cluster → commands.
//!
//! 1. [`watch`]: sees the objects, as they are; one that cannot be read does not hide the others;
//! 2. [`row`]: each object, checked: a declaration, or what is wrong with it; [`declared`]: all of them, for whoever
//!    tells people about them;
//! 3. [`reconcile`]: what differs from the state → commands;
//! 4. [`ledger`]: what is no longer there: whether that is somebody's will, or only an absence.
//!
//! What is malformed is left out and reported; what was declared before stays in force. Only an explicit deletion
//! removes: a host cluster that comes back empty, or whose definitions were removed, removes nothing.

pub(crate) mod declared;
mod kind;
mod ledger;
mod reconcile;
pub(crate) mod row;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use causeway_api::Name;
use causeway_seam::Monotonic;
use causeway_state::outcome::Outcome;
use tokio::sync::mpsc;

use super::shared::Shared;
pub(crate) use declared::Declared;
pub(crate) use kind::Kind;
use ledger::{Judgement, Ledger};
use reconcile::Put;
use watch::{Crd, Seen};

/// Sightings that wait; a full queue makes the watch wait.
const QUEUE: usize = 64;
/// After something that is to be tried again.
const RETRY: Duration = Duration::from_secs(1);
/// State and declarations are compared this often although nothing was seen: another replica may have led meanwhile.
const RESYNC: Duration = Duration::from_secs(10);
/// Trouble of a watch that does not come again within this time is over.
const TROUBLE: Duration = Duration::from_secs(90);

/// Runs until it is dropped. Policies in the namespace `root` are for the whole clusterset.
pub(crate) async fn run(shared: Arc<Shared>, host: kube::Client, root: Name) {
    let (tell, sightings) = mpsc::channel(QUEUE);
    let members = watch::follow(&shared.env, &host, Kind::Member, tell.clone());
    let policies = watch::follow(&shared.env, &host, Kind::Policy, tell);
    let keeper = Keeper {
        shared: &shared,
        host: &host,
        root,
        members: Ledger::default(),
        policies: Ledger::default(),
        passing: Vec::new(),
    };
    let keep = keeper.keep(sightings);
    tokio::join!(biased; members, policies, keep);
}

struct Keeper<'a> {
    shared: &'a Shared,
    host: &'a kube::Client,
    root: Name,
    members: Ledger,
    policies: Ledger,
    /// Trouble that is over unless it comes again: when it came last.
    passing: Vec<(Kind, Monotonic)>,
}

impl Keeper<'_> {
    async fn keep(mut self, mut sightings: mpsc::Receiver<(Kind, Seen)>) {
        let env = &self.shared.env;
        let mut unfinished = false;
        loop {
            let pause = if unfinished { RETRY } else { RESYNC };
            tokio::select! {
                biased;
                seen = sightings.recv() => {
                    let Some((kind, seen)) = seen else { return };
                    self.take(kind, seen);
                    while let Ok((kind, seen)) = sightings.try_recv() {
                        self.take(kind, seen);
                    }
                    self.shared.any_status_changed();
                }
                () = env.sleep(env.random().jittered(pause)) => {}
            }
            self.forget_trouble();
            unfinished = !self.reconcile().await;
        }
    }

    fn take(&mut self, kind: Kind, seen: Seen) {
        let declared = &self.shared.declared;
        match seen {
            Seen::Listed { crd, objects } => {
                let held = self.held(kind);
                declared.listed(kind, objects, &self.root);
                let there = declared.names(kind);
                let absent = held.into_iter().filter(|name| !there.contains(name));
                let now = self.shared.env.now();
                self.ledger(kind).listed(&crd, absent, now);
                self.clear_trouble(kind);
            }
            Seen::Applied(object) => {
                let name = declared.applied(kind, object, &self.root);
                self.ledger(kind).seen(&name);
                self.clear_trouble(kind);
            }
            Seen::Deleted(object) => {
                let name = declared.deleted(kind, &object);
                let now = self.shared.env.now();
                let created = object.metadata.creation_timestamp;
                self.ledger(kind).deleted(name, created, now);
                self.clear_trouble(kind);
            }
            Seen::Trouble { message, lasting } => {
                self.passing.retain(|(of, _)| *of != kind);
                if !lasting {
                    self.passing.push((kind, self.shared.env.now()));
                }
                if declared.set_trouble(kind, Some(&message)) {
                    tracing::error!(%kind, trouble = %message, "the registry cannot be read; what is registered stays");
                }
            }
        }
    }

    fn ledger(&mut self, kind: Kind) -> &mut Ledger {
        match kind {
            Kind::Member => &mut self.members,
            Kind::Policy => &mut self.policies,
        }
    }

    /// What the state has of a kind.
    fn held(&self, kind: Kind) -> Vec<String> {
        self.shared.consensus.read(|state| match kind {
            Kind::Member => state.members.keys().map(ToString::to_string).collect(),
            Kind::Policy => state.policies.keys().map(ToString::to_string).collect(),
        })
    }

    fn clear_trouble(&mut self, kind: Kind) {
        self.passing.retain(|(of, _)| *of != kind);
        if self.shared.declared.set_trouble(kind, None) {
            tracing::info!(%kind, "the registry can be read");
        }
    }

    fn forget_trouble(&mut self) {
        let now = self.shared.env.now();
        let over = |(_, at): &(Kind, Monotonic)| now.since(*at) >= TROUBLE;
        let kinds: Vec<Kind> = self
            .passing
            .iter()
            .filter(|row| over(row))
            .map(|(kind, _)| *kind)
            .collect();
        for kind in kinds {
            self.clear_trouble(kind);
        }
    }

    /// Proposes what differs; returns whether nothing is left to do.
    async fn reconcile(&mut self) -> bool {
        if !self.shared.consensus.is_leader() {
            return false;
        }
        let rows = self.shared.declared.rows();
        let puts = self
            .shared
            .consensus
            .read(|state| reconcile::puts(state, &rows));
        for Put {
            kind,
            name,
            command,
        } in puts
        {
            match self.shared.propose(command).await {
                Ok(Outcome::Refused(refusal)) => {
                    tracing::error!(%kind, %name, %refusal, "the declaration was refused");
                    self.shared
                        .declared
                        .refuse(kind, &name, refusal.to_string());
                }
                Ok(_) => tracing::info!(%kind, %name, "declared"),
                Err(error) => {
                    tracing::warn!(%kind, %name, %error, "the declaration could not be committed; it is tried again");
                    return false;
                }
            }
            self.shared.any_status_changed();
        }
        let members = self.remove(Kind::Member).await;
        let policies = self.remove(Kind::Policy).await;
        members && policies
    }

    /// Removes what was deleted; returns whether nothing is left to wait for.
    async fn remove(&mut self, kind: Kind) -> bool {
        let rows = self.shared.declared.rows();
        // A host that shows no object at all is not believed; one that shows a member may miss policies.
        let credible = match kind {
            Kind::Member => !rows.members.is_empty(),
            Kind::Policy => !rows.members.is_empty() || !rows.policies.is_empty(),
        };
        let there = self.shared.declared.names(kind);
        let absent: Vec<String> = self
            .held(kind)
            .into_iter()
            .filter(|name| !there.contains(name))
            .collect();
        let now = self.shared.env.now();
        let ledger = self.ledger(kind);
        ledger.settle(&absent, now);
        let crd = match ledger.undecided(credible) {
            true => watch::look_up(&self.shared.env, self.host, kind).await,
            false => Crd::NotAsked,
        };
        self.ledger(kind).adopt(&crd);
        let mut kept = Vec::new();
        let mut done = true;
        for name in absent {
            match self.ledger(kind).judge(&name, now, &crd, credible) {
                Judgement::Remove => done &= self.removed(kind, &name).await,
                Judgement::Wait(why) => {
                    done = false;
                    kept.push((name, why));
                }
                Judgement::Keep(why) => kept.push((name, why)),
            }
        }
        if self.shared.declared.set_kept(kind, kept) {
            self.shared.any_status_changed();
        }
        done
    }

    async fn removed(&mut self, kind: Kind, name: &str) -> bool {
        let Some(command) = reconcile::removal(kind, name) else {
            return true;
        };
        match self.shared.propose(command).await {
            Ok(Outcome::Refused(refusal)) => {
                tracing::error!(%kind, %name, %refusal, "the removal was refused");
            }
            Ok(_) => tracing::info!(%kind, %name, "removed"),
            Err(error) => {
                tracing::warn!(%kind, %name, %error, "the removal could not be committed; it is tried again");
                return false;
            }
        }
        self.ledger(kind).seen(name);
        self.shared.any_status_changed();
        true
    }
}
