//! The admin API: how operators, and programs of theirs, ask a replica.
//!
//! HTTP/1.1 and JSON over mutual TLS. What a verb prints with `-o json` is the answer's body itself.
//!
//! * [`api`]: the contract, as types; [`backend`]: what a replica implements;
//! * [`server`], `people`: routes, behind `bounds` on how large a question is, on [`listener`] (TLS with client certificates); [`health`]: `/healthz`, `/readyz`, `/metrics`;
//! * [`client`]: asks; [`context`]: where to ask, and with which certificate.

pub mod api;
pub mod backend;
mod bounds;
pub mod client;
pub mod context;
pub mod health;
pub mod listener;
mod people;
pub mod server;

pub use backend::AdminBackend;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
