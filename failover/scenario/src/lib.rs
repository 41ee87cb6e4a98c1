//! What-if: a clusterset in a file, what befalls it, and what Causeway would decide.
//!
//! A [`Scenario`] is played by the code that decides in production: facts enter a fact store, declarations and votes are
//! commands that the state machine applies, plans are computed from both and judged where they are committed. Only who
//! sends them is made up. Nothing here reads a clock or a file: the same text gives the same [`Report`].
//!
//! * [`mod@file`]: what may stand in the file; [`mod@read`]: text → scenario, with everything that is wrong and its line;
//! * [`scenario`]: a scenario that is in order;
//! * [`mod@play`]: from event to event in cluster time, with [`world`] as what is decided, and [`fault`] as a leader that
//!   breaks the rules;
//! * [`expect`]: what the file expects; [`report`]: what came of it; [`text`]: the same for people.

pub mod expect;
pub mod fault;
pub mod file;
pub mod play;
pub mod read;
pub mod report;
pub mod scenario;
pub mod text;
pub mod world;

pub use play::play;
pub use read::{Problem, Problems, read};
pub use report::Report;
pub use scenario::Scenario;
