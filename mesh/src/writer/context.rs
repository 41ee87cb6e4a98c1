//! What all jobs share: where they read, when they may write, and what would be written now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_api::session::DiffEntry;
use causeway_api::spec::Mode;
use causeway_api::{ServiceKey, WriterStamp};
use causeway_render::{Difference, MemberInputs, ObjectKey, Operation, Rendered, text};

use crate::apply::Applier;
use crate::live::Live;
use crate::source::Source;
use crate::writer::job::JobKey;
use crate::writer::{Counters, WriterOptions, networks, service};

/// What all jobs share.
pub(crate) struct Context {
    pub(crate) applier: Applier,
    pub(crate) live: Arc<Live>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) options: WriterOptions,
    pub(crate) counters: Counters,
    /// The highest incarnation that the source has heard of.
    pub(crate) incarnation: AtomicU64,
    /// Objects of which nobody knows whether our last request for them was done.
    pub(crate) doubts: Mutex<BTreeMap<JobKey, BTreeSet<ObjectKey>>>,
}

/// What differs for one service, or for the networks.
pub(crate) struct Compared {
    pub(crate) rendered: Rendered,
    pub(crate) difference: Difference,
}

impl Context {
    fn doubts(&self) -> MutexGuard<'_, BTreeMap<JobKey, BTreeSet<ObjectKey>>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn doubt(&self, job: &JobKey, object: &ObjectKey) {
        let mut doubts = self.doubts();
        doubts
            .entry(job.clone())
            .or_default()
            .insert(object.clone());
    }

    pub(crate) fn next_doubt(&self, job: &JobKey) -> Option<ObjectKey> {
        self.doubts().get(job)?.first().cloned()
    }

    pub(crate) fn no_doubt(&self, job: &JobKey, object: &ObjectKey) {
        let mut doubts = self.doubts();
        if let Some(of_job) = doubts.get_mut(job) {
            of_job.remove(object);
            if of_job.is_empty() {
                doubts.remove(job);
            }
        }
    }

    /// The stamp under which writing is allowed now, or why it is not.
    pub(crate) fn may_write(&self, member: &MemberInputs) -> Result<WriterStamp, String> {
        if member.settings.mode == Mode::Observe {
            return Err(
                "mode is Observe: set spec.mode to Federate on its MemberCluster to have it written".to_owned(),
            );
        }
        if member.settings.suspend {
            return Err("writing is suspended by spec.suspend on its MemberCluster".to_owned());
        }
        self.stamp().ok_or_else(|| {
            let standby = self.applier.fence.standby();
            standby.unwrap_or_else(|| "the Lease of this member has run out".to_owned())
        })
    }

    /// Our stamp, where the Lease is ours now.
    pub(crate) fn stamp(&self) -> Option<WriterStamp> {
        let epoch = self.applier.fence.epoch_at(self.applier.env.now())?;
        Some(WriterStamp {
            incarnation: self.incarnation.load(Ordering::Relaxed),
            epoch,
        })
    }

    /// All services that have a plan part, an export or objects here.
    pub(crate) fn all_services(&self) -> BTreeSet<ServiceKey> {
        let mut services: BTreeSet<_> = self.source.services().into_iter().collect();
        services.extend(self.live.lock().services().cloned());
        services
    }

    /// The exact difference between view and mesh.
    pub(crate) fn diff(&self) -> Vec<DiffEntry> {
        let Some(member) = self.source.member() else {
            return Vec::new();
        };
        let services = self.all_services();
        let held_back = if !self.source.is_complete() {
            Some("the view, or the member's own services, are not whole yet".to_owned())
        } else if !self.live.lock().is_known() {
            Some("the mesh's objects are not listed yet".to_owned())
        } else {
            self.may_write(&member).err()
        };
        let mut entries = Vec::new();
        let gateways = networks::compare(self, &member, !services.is_empty());
        show(gateways.difference, held_back.as_deref(), &mut entries);
        for key in services {
            let compared = service::compare(self, &member, &key);
            show(compared.difference, held_back.as_deref(), &mut entries);
        }
        entries
    }
}

fn show(difference: Difference, held_back: Option<&str>, entries: &mut Vec<DiffEntry>) {
    for operation in difference.operations {
        let (live, desired) = match &operation {
            Operation::Create(desired) => (String::new(), text::yaml(&desired.shown())),
            Operation::Update { desired, live } => {
                (text::yaml(&live.shown()), text::yaml(&desired.shown()))
            }
            Operation::Delete(live) => (text::yaml(&live.shown()), String::new()),
        };
        entries.push(DiffEntry {
            action: operation.action(),
            object: operation.key().to_string(),
            live,
            desired,
            held_back: held_back.map(str::to_owned),
        });
    }
    for refusal in difference.refusals {
        entries.push(DiffEntry {
            action: refusal.action,
            object: refusal.live.key.to_string(),
            live: text::yaml(&refusal.live.shown()),
            desired: refusal
                .desired
                .map(|desired| text::yaml(&desired.shown()))
                .unwrap_or_default(),
            held_back: Some(refusal.condition.message),
        });
    }
}
