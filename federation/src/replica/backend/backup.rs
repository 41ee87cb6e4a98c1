//! A backup of what this replica has applied.

use causeway_storage::backup::{self, BackupError};

use super::super::shared::Shared;
use crate::admin::api::{AdminError, ErrorKind};

pub(super) async fn backup(shared: &Shared) -> Result<Vec<u8>, AdminError> {
    let version = env!("CARGO_PKG_VERSION");
    let taken = backup::create(&shared.consensus, &shared.env, version).await;
    taken.map_err(|error| match error {
        BackupError::Nothing => AdminError::unavailable(
            error.to_string(),
            "ask again once causeway status shows a leader, or ask another replica",
        ),
        other => AdminError::new(
            ErrorKind::Internal,
            other.to_string(),
            "ask another replica, and see the log of this one",
        ),
    })
}
