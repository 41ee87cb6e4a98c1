//! The failover brain: values in, values out. No IO, no clock, no randomness.
//!
//! In the order of the pipeline:
//!
//! * [`verdict`]: what observers hold of gateways and sessions → what is concluded of members and regions;
//! * [`policy`]: what people declared, merged for one service;
//! * [`quantise`]: numbers made coarse before they may change a plan;
//! * [`declared`]: what declarations make of a plan's inputs; [`learn`]: what is merely seen, and which of the two a plan counts
//!   on;
//! * [`plan`]: for each source the shares of each destination (the *waterfall*);
//! * [`contingency`]: the plans for the loss of each failure domain, made beforehand, and how well the rest would carry it;
//! * [`allot`]: what services that are tied to each other get of what they share;
//! * [`checker`]: judges any plan, and shares no code with the planner;
//! * [`safety`]: how far a move may go, whoever wants it;
//! * [`replay`]: a decision computed again;
//! * [`explain`]: why a plan is as it is, for people and for programs.

pub mod allot;
pub mod checker;
pub mod contingency;
pub mod declared;
pub mod draining;
pub mod explain;
pub mod learn;
pub mod plan;
pub mod policy;
pub mod quantise;
pub mod replay;
pub mod safety;
pub mod verdict;
