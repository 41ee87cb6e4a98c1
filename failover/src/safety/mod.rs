//! How far automation, and people who are in a hurry, may go: one rule a file, each with a refusal of its own.
//!
//! Every rule is a function of values: the plan before, the plan proposed with its inputs, what policy says, and the
//! history of moves that the state keeps. They bind whoever proposes, a faulty leader too. What leaves a domain that is dead
//! already is never refused for headroom or velocity: it is capped and said.
//!
//! | rule | what it refuses |
//! |---|---|
//! | [`headroom`] | a move of choice that the survivors cannot carry |
//! | [`serving_regions`] | a move of choice that leaves fewer serving regions than policy says |
//! | [`velocity`] | more traffic moved in a window, over all causes, than policy says |
//! | [`brake`] | any move while more is lost at once than policy says: it is more likely us |
//! | [`hold_down`] | traffic back to what has just recovered |
//! | [`stateful`] | a stateful service that moves without a person's word |
//! | [`armed`] | automation that no drill has proven, where policy asks for that |
//! | [`in_force`] | whatever a person froze or pinned |
//! | [`never_empty`] | a caller left with nothing |
//!
//! [`moved`] says how much a plan moves and why; [`limits`] reads the policies; [`refusal`] has the typed refusals.

pub mod armed;
pub mod brake;
pub mod headroom;
pub mod hold_down;
pub mod in_force;
pub mod limits;
pub mod moved;
pub mod never_empty;
pub mod refusal;
pub mod serving_regions;
pub mod stateful;
pub mod velocity;

pub use refusal::{Rule, SafetyRefusal, Waits};
