//! MemberClusters, FailoverPolicies and TrafficShifts of the host cluster → commands.
//!
//! 1. [`watch`]: sees the objects, as they are; one that cannot be read does not hide the others;
//! 2. [`row`]: each object, checked: a declaration, or what is wrong with it; [`declared`]: all of them, for whoever
//!    tells people about them;
//! 3. [`reconcile`]: what differs from the state → commands;
//!    [`again`]: what is to be tried again although it was refused;
//! 4. [`ledger`]: what is no longer there: whether that is somebody's will, or only an absence;
//! 5. [`stance`]: which host owns what; [`host`]: which one this is; [`mirror`]: what others own, written here.
//!
//! Every replica does this for its own host, and its proposals go to the leader. Below the level that knows owners only
//! the leader's host counts.
//!
//! What is malformed is left out and reported; what was declared before stays in force. Only an explicit deletion
//! removes: a host cluster that comes back empty, or whose definitions or namespaces were removed, removes nothing.
//!
//! An override that a TrafficShift asked for has a life of its own: it expires in cluster time, and a person may end it by a
//! verb. Its object says so then, and is never taken in again.

mod again;
pub(crate) mod declared;
pub(crate) mod host;
pub(crate) mod kind;
mod ledger;
mod mirror;
mod reconcile;
pub(crate) mod row;
pub(crate) mod stance;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use causeway_api::Name;
use causeway_api::registry::ObjectKey;
use causeway_seam::Monotonic;
use causeway_state::command::Command;
use causeway_state::outcome::{Outcome, Refusal};
use causeway_storage::Next;
use futures::future::join_all;
use kube::core::DynamicObject;
use tokio::sync::{Notify, mpsc};

use super::shared::Shared;
use again::Again;
pub(crate) use declared::Declared;
pub(crate) use kind::Kind;
use ledger::{Held, Judgement, Ledger};
use mirror::Pace;
use reconcile::Put;
use stance::LEVEL;
use watch::{Crd, Seen};

/// Sightings that wait; a full queue makes the watch wait.
const QUEUE: usize = 64;
/// After something that is to be tried again.
const RETRY: Duration = Duration::from_secs(1);
/// State and declarations are compared this often although nothing was seen: another replica may have led meanwhile.
const RESYNC: Duration = Duration::from_secs(10);
/// Trouble of a watch that does not come again within this time is over.
const TROUBLE: Duration = Duration::from_secs(90);
/// A write of a mirror that takes longer is tried again later.
const WRITE: Duration = Duration::from_secs(10);

/// Runs until it is dropped. Policies and overrides in the namespace `root` are for the whole clusterset.
pub(crate) async fn run(shared: Arc<Shared>, host: kube::Client, root: Name) {
    let (tell, sightings) = mpsc::channel(QUEUE);
    let watches = Kind::ALL.map(|kind| watch::follow(&shared.env, &host, kind, tell.clone()));
    drop(tell);
    let changed = Notify::new();
    let keeper = Keeper {
        shared: &shared,
        host: &host,
        root,
        again: Again::default(),
        ledgers: BTreeMap::new(),
        passing: Vec::new(),
        pace: Pace::default(),
        changed: &changed,
        failing: None,
    };
    let keep = keeper.keep(sightings);
    tokio::join!(biased; join_all(watches), keep, follow(&shared, &changed));
}

/// Tells of decisions that concern owners and mirrors, or what was refused because of a policy.
async fn follow(shared: &Shared, changed: &Notify) {
    let mut decisions = shared.consensus.decisions();
    while let Some(next) = decisions.next().await {
        let concerns = match next {
            Next::Missed => true,
            Next::Decision(decision) => {
                matches!(&decision.outcome, Outcome::Accepted { effect, .. } if effect.registry || effect.policies)
            }
        };
        if concerns {
            changed.notify_one();
        }
    }
}

struct Keeper<'a> {
    shared: &'a Shared,
    host: &'a kube::Client,
    root: Name,
    again: Again,
    ledgers: BTreeMap<Kind, Ledger>,
    /// Trouble that is over unless it comes again: when it came last.
    passing: Vec<(Kind, Monotonic)>,
    pace: Pace,
    /// Owners or mirrors may have changed.
    changed: &'a Notify,
    /// Why nothing can be proposed now, as it was told last.
    failing: Option<String>,
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
                () = self.changed.notified() => {}
                () = env.sleep(env.random().jittered(pause)) => {}
            }
            self.forget_trouble();
            unfinished = !self.reconcile().await;
            unfinished |= self.mirror().await;
        }
    }

    fn take(&mut self, kind: Kind, seen: Seen) {
        let declared = &self.shared.declared;
        match seen {
            Seen::Listed {
                crd,
                objects,
                revision,
            } => {
                let held = self.held(kind);
                let here = declared.rows().here;
                let known = self
                    .shared
                    .consensus
                    .read(|state| reconcile::newest_revision(state, here.as_ref()));
                if revision.is_some_and(|revision| revision < known) {
                    tracing::error!(%kind, "the host cluster came back from an older backup: what is absent there stays in force");
                    self.ledger(kind).came_back();
                }
                declared.listed(kind, objects, &self.root);
                let there = declared.names(kind);
                let absent = held.into_iter().filter(|held| !there.contains(&held.name));
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
            Seen::Trouble {
                message,
                lasting,
                undefined,
            } => {
                if undefined {
                    declared.undefined(kind);
                }
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
        self.ledgers.entry(kind).or_default()
    }

    /// What the state has of a kind.
    fn held(&self, kind: Kind) -> Vec<Held> {
        let here = self.shared.declared.rows().here;
        self.shared
            .consensus
            .read(|state| reconcile::held(state, here.as_ref(), kind))
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
        let owners = self
            .shared
            .consensus
            .read(|state| state.feature_level >= LEVEL);
        if !owners && !self.shared.consensus.is_leader() {
            return false;
        }
        if !self.attach(owners).await {
            return false;
        }
        let mut rows = self.shared.declared.rows();
        let again = self
            .shared
            .consensus
            .read(|state| self.again.due(state, &rows));
        for name in again {
            self.shared.declared.forgive(Kind::Shift, &name);
            rows = self.shared.declared.rows();
        }
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
            match self.propose(command).await {
                Some(Outcome::Refused(refusal)) => {
                    tracing::error!(%kind, %name, %refusal, "the declaration was refused");
                    // Which host owns an object changes without the object: that is looked at anew.
                    if !is_about_owners(&refusal) {
                        let why = self.shared.consensus.read(|state| {
                            self.again
                                .refused((kind, name.as_str()), &refusal, state, &rows)
                        });
                        self.shared.declared.refuse(kind, &name, why);
                    }
                }
                Some(_) => tracing::info!(%kind, %name, "declared"),
                None => return false,
            }
            self.shared.any_status_changed();
        }
        let mut done = true;
        for kind in Kind::ALL {
            done &= self.remove(kind).await;
        }
        done
    }

    /// Proposes; `None`, said once, where it could not be committed: it is tried again.
    async fn propose(&mut self, command: Command) -> Option<Outcome> {
        match self.shared.propose(command).await {
            Ok(outcome) => {
                self.failing = None;
                Some(outcome)
            }
            Err(error) => {
                if self.failing.as_ref() != Some(&error) {
                    tracing::warn!(%error, "what this host cluster declares could not be committed; it is tried again");
                }
                self.failing = Some(error);
                None
            }
        }
    }

    /// Finds out which host cluster this is, and lets the others know; returns whether that is settled.
    async fn attach(&mut self, owners: bool) -> bool {
        let rows = self.shared.declared.rows();
        let here = match rows.here {
            Some(here) => here,
            None => {
                let name = self.shared.domain.to_string();
                let read = host::read(&self.shared.env, self.host, &name).await;
                if let Err(why) = read.as_ref()
                    && rows.nowhere.as_ref() != Some(why)
                {
                    tracing::error!("{why}");
                }
                self.shared.declared.set_here(read.clone());
                self.shared.any_status_changed();
                match read {
                    Ok(here) => here,
                    Err(_) => return !owners,
                }
            }
        };
        if !owners {
            return true;
        }
        let known = self.shared.consensus.read(|state| {
            let registry = &state.registry;
            // Several replicas of different domains may stand in one host: the one with the lowest number names it.
            let first = registry.attached.iter().find(|(_, uid)| **uid == here.uid);
            let names = first.is_none_or(|(first, _)| *first >= self.shared.id);
            registry.attached.get(&self.shared.id) == Some(&here.uid)
                && (!names || registry.hosts.get(&here.uid) == Some(&here.name))
        });
        known
            || self
                .propose(Command::AttachHost { host: here })
                .await
                .is_some()
    }

    /// Writes what other hosts own into this one; returns whether something is left to write.
    async fn mirror(&mut self) -> bool {
        let rows = self.shared.declared.rows();
        let Some(here) = rows.here.as_ref() else {
            return false;
        };
        let wanted = self
            .shared
            .consensus
            .read(|state| mirror::wanted(state, here, &rows, &rows.listed));
        let keys: BTreeSet<ObjectKey> = wanted.iter().map(|write| write.key.clone()).collect();
        self.shared
            .declared
            .keep_unmirrored(|key| keys.contains(key));
        let due = self.pace.due(wanted, self.shared.env.now());
        for write in &due {
            let written = self
                .shared
                .env
                .timeout(WRITE, write.write(self.host))
                .await
                .map_err(|elapsed| elapsed.to_string())
                .and_then(|written| written.map_err(|error| mirror::why(&error)));
            self.pace.wrote(&write.key, self.shared.env.now());
            let object = &write.key;
            match &written {
                Ok(()) => tracing::info!(%object, "mirrored in this host cluster"),
                Err(error) => {
                    tracing::warn!(%object, %error, "a mirror could not be written in this host cluster");
                }
            }
            if self.shared.declared.set_mirrored(&write.key, written) {
                self.shared.any_status_changed();
            }
        }
        !due.is_empty()
    }

    /// Removes what was deleted; returns whether nothing is left to wait for.
    async fn remove(&mut self, kind: Kind) -> bool {
        let rows = self.shared.declared.rows();
        // A host that shows no object at all is not believed; one that shows a member may miss others. Mirrors we wrote ourselves.
        let own = |object: &Arc<DynamicObject>| stance::mirror_of(object).is_none();
        let members = rows.members.values().any(|row| own(&row.object));
        let policies = || rows.policies.values().any(|row| own(&row.object));
        let shifts = || rows.shifts.values().any(|row| own(&row.object));
        let credible = match kind {
            Kind::Member => members,
            Kind::Policy => members || policies(),
            Kind::Shift => members || policies() || shifts(),
        };
        let there = self.shared.declared.names(kind);
        let mut absent = self.held(kind);
        absent.retain(|held| !there.contains(&held.name));
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
        for Held { name, .. } in absent {
            let mut judgement = self.ledger(kind).judge(&name, now, &crd, credible);
            if judgement == Judgement::Remove
                && let Some(namespace) = kind.object(&name).as_ref().and_then(namespace_of)
            {
                let home = watch::namespace(&self.shared.env, self.host, namespace).await;
                judgement = self.ledger(kind).judge_home(&name, &home);
            }
            match judgement {
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
        let here = self.shared.declared.rows().here;
        let removal = self
            .shared
            .consensus
            .read(|state| reconcile::removal(state, here.as_ref(), kind, name));
        let Some(command) = removal else {
            return true;
        };
        match self.propose(command).await {
            Some(Outcome::Refused(refusal)) => {
                tracing::error!(%kind, %name, %refusal, "the removal was refused");
            }
            Some(_) => tracing::info!(%kind, %name, "its deletion was taken in"),
            None => return false,
        }
        self.ledger(kind).seen(name);
        self.shared.any_status_changed();
        true
    }
}

/// The namespace that an object stands in.
fn namespace_of(object: &ObjectKey) -> Option<&Name> {
    match object {
        ObjectKey::Member(_) => None,
        ObjectKey::Policy(key) | ObjectKey::Shift(key) => Some(&key.namespace),
    }
}

/// Whether a refusal may end without the object being changed.
fn is_about_owners(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NotOwner { .. }
            | Refusal::OlderDeclaration { .. }
            | Refusal::CameBack { .. }
            | Refusal::LevelTooLow { .. }
    )
}
