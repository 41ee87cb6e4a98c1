//! What must always hold, one invariant a file. Each is fed with what was seen, and answers with what it found amiss.
//!
//! Of the decision log: [`decided`], [`acknowledged`], [`states_equal`], [`leader_of_term`], [`term_stable`],
//! [`linearizable`]. Of members: [`one_writer`], [`generations`], [`not_empty`], [`no_flap`]. Of the
//! failover brain: [`plans_checked`], [`recomputed`], [`carries`], [`gateways`], [`velocity`], [`hold_down`], [`one_move`],
//! [`shifts_kept`], [`honest_time`]. Of the host cluster: [`declared`]. Of
//! everything: after healing all is live again and of one mind (`healed`, `converges`: in the worlds' runs; [`facts_equal`], [`newest_view`]), and nothing
//! panics.

pub mod acknowledged;
pub mod carries;
pub mod decided;
pub mod declared;
pub mod facts_equal;
pub mod gateways;
pub mod generations;
pub mod hold_down;
pub mod honest_time;
pub mod leader_of_term;
pub mod linearizable;
pub mod newest_view;
pub mod no_flap;
pub mod not_empty;
pub mod one_move;
pub mod one_writer;
pub mod plans_checked;
pub mod recomputed;
#[cfg(test)]
mod samples;
pub mod shifts_kept;
pub mod states_equal;
pub mod term_stable;
pub mod velocity;

pub use acknowledged::Acknowledged;
pub use decided::Decided;
pub use gateways::Gateways;
pub use generations::Generations;
pub use hold_down::HoldDown;
pub use leader_of_term::LeaderOfTerm;
pub use no_flap::NoFlap;
pub use not_empty::NotEmpty;
pub use one_move::OneMove;
pub use one_writer::OneWriter;
pub use states_equal::StatesEqual;
pub use term_stable::TermStable;
pub use velocity::Velocity;
