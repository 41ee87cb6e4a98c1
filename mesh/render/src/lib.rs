//! From a view to a mesh's objects: values in, values out.
//!
//! The stages, in call order:
//!
//! 1. [`input`]: what is known of one service and of the member, and what other owners' objects say ([`foreign`]);
//! 2. [`service`]: one service → its objects: [`ports`], [`shares`] and [`locality`] decide, [`rule`], [`host`] and
//!    [`entry`] write them down;
//! 3. [`gateway`]: networks → `istio-remote` gateways, and the void gateway;
//! 4. [`keep`]: a service's last destination is never taken away;
//! 5. [`mod@diff`]: desired and live objects → ordered operations ([`compare`] says what counts as a difference).
//!
//! What cannot be expressed or must not be written becomes a [`condition`], never silence. Nothing here looks at more
//! than one service, so that one change costs one service.

pub mod compare;
pub mod condition;
pub mod diff;
pub mod entry;
pub mod foreign;
pub mod gateway;
pub mod host;
pub mod input;
pub mod keep;
pub mod limits;
pub mod locality;
pub mod name;
pub mod object;
pub mod ports;
pub mod rule;
pub mod service;
pub mod shares;
pub mod text;

pub use diff::{Difference, Operation, Refusal, diff};
pub use foreign::ForeignIndex;
pub use gateway::render_networks;
pub use input::{LocalService, MemberInputs, OwnerWord, ServiceInputs};
pub use object::{DesiredObject, Kind, LiveObject, ObjectKey};
pub use service::{Rendered, render_service};
