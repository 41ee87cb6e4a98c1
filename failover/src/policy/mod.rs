//! What people declared, merged for one service.
//!
//! Four levels, the most general first: root for all, root with targets, namespace for all of it, namespace with targets
//! (`level`). For each field the nearest level that says anything wins (`merge`); demand and failover orders are
//! merged region by region. `allowedRegions` is a limit and only ever tightens: a service must satisfy those of all levels.
//! So are who may move traffic (of several modes the most careful) and how far automation may go (`rules`).
//!
//! Where two policies of one level name the same service, the first by namespace and name is in force and the other is
//! reported: a policy does not say how old it is, so age cannot decide. The limits of the other bind all the same.

mod level;
mod merge;
mod root;
mod rules;

pub use level::Level;
pub(crate) use level::level_of;
pub use merge::{Effective, effective};
pub use root::{Root, root};
pub use rules::{EffectiveFailback, EffectiveRules, FAILBACK_INTERVAL_MS};
