//! The pure connections between facts, decisions and views; what a replica and an agent compute between two messages.
//!
//! * [`placement`]: a declaration and the agent's report → where a member is and how it is reached;
//! * [`localities`]: a cloud's names ↔ ours;
//! * [`inputs`]: state and facts → what the plan of one service is computed from;
//! * [`ties`]: which services share something, and what each is allotted of it;
//! * [`observed`]: which gateways are observed, by whom, and what one place alone does not reach;
//! * [`contingencies`]: state → what is prepared for each loss;
//! * [`whatif`]: what a loss would do, or a command that a person thinks of;
//! * [`doubt`]: committed plans that this replica's facts do not bear out;
//! * [`cut`]: state and facts → the parts of one member's view; [`coarse`]: what of it is to be left at once;
//! * [`exchange`]: facts between replicas, without a quorum;
//! * [`outbox`]: what one session holds and what must be sent to it next;
//! * [`homes`]: which replica an agent dials next;
//! * [`holdings`]: the agent's side: parts merged by their own versions; [`factlog`]: deltas not yet acknowledged.

pub mod coarse;
pub mod contingencies;
pub mod cut;
pub mod doubt;
pub mod exchange;
pub mod factlog;
pub mod holdings;
pub mod homes;
pub mod inputs;
pub mod localities;
pub mod observed;
pub mod outbox;
pub mod placement;
pub mod proposal;
pub mod ties;
pub mod whatif;
