//! What must always hold, one invariant a file. Each is fed with what was seen, and answers with what it found amiss.
//!
//! Of the decision log: [`decided`], [`acknowledged`], [`states_equal`], [`leader_of_term`], [`term_stable`],
//! [`linearizable`].

pub mod acknowledged;
pub mod decided;
pub mod leader_of_term;
pub mod linearizable;
pub mod states_equal;
pub mod term_stable;

pub use acknowledged::Acknowledged;
pub use decided::Decided;
pub use leader_of_term::LeaderOfTerm;
pub use states_equal::StatesEqual;
pub use term_stable::TermStable;
