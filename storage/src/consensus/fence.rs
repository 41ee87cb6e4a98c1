//! A replica of an old incarnation, or one that was removed, has no part in its clusterset any more: it stops for good, and a
//! restart does not change that.

use std::sync::{Arc, PoisonError};

use causeway_api::peer::Fenced;
use causeway_seam::{Disk, Env};

use super::Consensus;
use crate::error::StorageError;

/// The file that says so; it holds who said it, and ends with the number of the incarnation.
const FILE: &str = "fenced";

/// Refuses a data folder that was fenced.
pub(super) async fn check(env: &Env, disk: &Arc<dyn Disk>) -> Result<(), StorageError> {
    let path = disk.location().display().to_string();
    let disk = Arc::clone(disk);
    let found = env.blocking(move || disk.read(FILE)).await;
    match found.transpose()?.flatten() {
        Some(content) => Err(StorageError::Fenced {
            path,
            said: String::from_utf8_lossy(&content).trim().to_owned(),
        }),
        None => Ok(()),
    }
}

impl Consensus {
    /// Stops the log for good: this replica has no part in its clusterset any more.
    pub async fn fence(&self, why: &Fenced) {
        let _one = self.inner.restarting.lock().await;
        let disk = Arc::clone(&self.inner.ground.disk);
        let content = why.to_string();
        let write = move || disk.replace(FILE, content.as_bytes());
        if let Some(Err(error)) = self.inner.env.blocking(write).await {
            tracing::error!(%error, "that this replica has stopped for good cannot be noted: after a restart it has to hear it again");
        }
        {
            let fenced = self.inner.fenced.lock();
            *fenced.unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        }
        self.inner.end().await;
    }

    /// Why the log has stopped for good, if it has.
    #[must_use]
    pub fn fenced(&self) -> Option<Fenced> {
        let fenced = self.inner.fenced.lock();
        fenced.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
