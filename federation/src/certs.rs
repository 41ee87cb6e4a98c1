//! Certificates: who a process is, and how it proves it.
//!
//! * [`identity`]: the names in certificates (`spiffe://causeway/…`);
//! * [`accept`]: connections whose client proved who it is;
//! * [`authority`]: an authority in memory that signs replicas, agents and operators, for evaluation and tests;
//! * [`tls`]: rustls configurations that demand a certificate of both sides.

pub(crate) mod accept;
pub mod authority;
pub mod identity;
mod rooms;
pub mod tls;

pub use authority::{Authority, Pair, Validity};
pub use identity::{Identity, Role};
pub use tls::TlsError;

#[cfg(test)]
mod tests;
