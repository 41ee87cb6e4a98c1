//! What would be written into a member: what is known without its agent.

use causeway_api::MemberName;

use super::Sight;
use crate::admin::api::{AdminError, DiffReport};

/// The report without its entries, which only the agent can tell.
pub(super) fn ask(
    sight: &Sight<'_>,
    member: &MemberName,
    connected: bool,
) -> Result<DiffReport, AdminError> {
    let look = sight.look.member(member);
    let Some(held) = look.held else {
        return Err(AdminError::not_found(
            format!("member {member} is not registered"),
            format!(
                "causeway clusters shows those that are; create a MemberCluster named {member} to register it"
            ),
        ));
    };
    if !connected {
        return Err(silent(member));
    }
    Ok(DiffReport {
        member: member.clone(),
        mode: held.spec.mode,
        suspended: held.spec.suspend,
        view: look.session.map(|session| session.sent).unwrap_or_default(),
        entries: Vec::new(),
    })
}

/// Only the agent sees its mesh.
pub(super) fn silent(member: &MemberName) -> AdminError {
    AdminError::unavailable(
        format!(
            "the agent of member {member} has no session with this replica, and only it sees its mesh"
        ),
        "see whether the agent runs and reaches the controller: causeway clusters",
    )
}
