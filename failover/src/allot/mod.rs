//! What services that are tied to each other get of what they share.
//!
//! Nearly every service is planned by itself: its endpoints carry nothing else. Two things tie services together:
//!
//! * `gateways`: the gateways of a network carry all services into it. Where all want more than they carry, each is
//!   allotted a part: the higher class first where policy lets the lower one be shed, else each in proportion;
//! * `together`: services that policy moves as one. From each region all of them go where the one goes that can keep least
//!   at home, so that a chain of calls does not cross back and forth.
//!
//! Both only add to the inputs of a service what it has to keep to, so that each plan follows from its own inputs alone.
//! Both depend on the values given and on nothing else; a fleet where nothing ties is left as it is.

mod gateways;
mod shared;
mod together;

pub use gateways::{Class, Wants, allot, limits, wants};
pub use shared::Shared;
pub use together::{Bound, Parts, bind, together};
