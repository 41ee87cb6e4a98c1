//! `GET /v1/diff/{member}`: what would be written into a member.

use causeway_api::generation::Generation;
use causeway_api::ids::MemberName;
use causeway_api::session::DiffEntry;
use causeway_api::spec::Mode;
use serde::{Deserialize, Serialize};

/// What differs between a member's view and its mesh, as its agent says now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffReport {
    /// The member.
    pub member: MemberName,
    /// What its agent may do.
    pub mode: Mode,
    /// Whether writing is suspended.
    pub suspended: bool,
    /// The generation of its view.
    pub view: Generation,
    /// The objects that differ.
    pub entries: Vec<DiffEntry>,
}
