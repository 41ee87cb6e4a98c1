//! The agent's half that writes: the Lease, the mesh's writer, and what the rest of the agent tells and asks them.

use std::sync::Arc;

use causeway_api::ServiceKey;
use causeway_api::session::DiffEntry;
use causeway_api::view::{Applied, MeshCondition};
use causeway_core::holdings::Touched;
use causeway_mesh::{Lease, LeaseState, Source, Writer, WriterOptions};
use causeway_seam::Env;
use tokio::sync::watch;

/// Lease and writer of one member.
pub(crate) struct Writing {
    env: Env,
    lease: Lease,
    writer: Writer,
    epochs: watch::Sender<u64>,
    /// Why the Lease cannot be taken or kept, where that is a trouble.
    problem: watch::Sender<Option<MeshCondition>>,
}

/// Nobody can take the Lease, and nothing is written without it.
const LEASE_NOT_TAKEN: &str = "LeaseNotTaken";

impl Writing {
    pub(crate) fn start(
        env: &Env,
        client: kube::Client,
        lease: Lease,
        source: Arc<dyn Source>,
    ) -> Self {
        let writer = Writer::start(env, client, &lease, source, WriterOptions::default());
        Self {
            env: env.clone(),
            lease,
            writer,
            epochs: watch::Sender::new(0),
            problem: watch::Sender::new(None),
        }
    }

    /// The Lease's epoch; 0 while another holds it.
    pub(crate) fn epoch(&self) -> u64 {
        self.lease
            .state()
            .borrow()
            .epoch_at(self.env.now())
            .unwrap_or(0)
    }

    /// Follows the Lease.
    pub(crate) fn lease(&self) -> watch::Receiver<LeaseState> {
        self.lease.state()
    }

    /// The Lease was taken or lost.
    pub(crate) fn note_epoch(&self, epoch: u64) {
        self.epochs
            .send_if_modified(|held| std::mem::replace(held, epoch) != epoch);
    }

    /// Follows changes of the epoch: 0 while another holds the Lease. Renewals are no change.
    pub(crate) fn epoch_changes(&self) -> watch::Receiver<u64> {
        self.epochs.subscribe()
    }

    /// The Lease cannot be taken or kept for this reason, or there is none.
    pub(crate) fn note_problem(&self, problem: Option<&str>) {
        let condition = problem.map(|problem| MeshCondition {
            reason: LEASE_NOT_TAKEN.to_owned(),
            object: "Lease causeway-system/causeway-agent".to_owned(),
            service: None,
            message: problem.to_owned(),
        });
        self.problem.send_if_modified(|held| {
            let differs = *held != condition;
            *held = condition;
            differs
        });
    }

    /// Follows why the Lease cannot be taken or kept.
    pub(crate) fn problems(&self) -> watch::Receiver<Option<MeshCondition>> {
        self.problem.subscribe()
    }

    /// Somebody knows of this epoch: ours has to be higher.
    pub(crate) fn heard_epoch(&self, epoch: u64) {
        self.lease.hear(epoch);
    }

    pub(crate) fn applied(&self) -> watch::Receiver<Applied> {
        self.writer.handle().applied()
    }

    pub(crate) async fn diff(&self) -> Vec<DiffEntry> {
        self.writer.handle().diff().await
    }

    /// The view changed; called under its lock ([`Source::versions`]).
    pub(crate) fn view_changed(&self, touched: &Touched) {
        let writer = self.writer.handle();
        // An owner's version may have risen by what is nothing to this member: whoever is not told would wait for that for ever.
        writer.versions_rose();
        let whole = touched.services.difference(&touched.counts);
        writer.mark_services(whole.cloned());
        writer.mark_counts(touched.counts.iter().cloned());
        if touched.settings || !touched.networks.is_empty() {
            writer.mark_member();
        }
    }

    /// Services of the member itself changed.
    pub(crate) fn locals_changed(&self, services: impl IntoIterator<Item = ServiceKey>) {
        self.writer.handle().mark_services(services);
    }

    /// Gives the Lease back, so that a standby need not wait for it to run out.
    pub(crate) async fn release(self) {
        drop(self.writer);
        self.lease.release().await;
    }
}
