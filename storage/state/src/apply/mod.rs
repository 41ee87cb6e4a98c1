//! From state, position in the log and request to the next state and an outcome.
//!
//! | file | commands |
//! |---|---|
//! | [`bootstrap`] | `Bootstrap` |
//! | [`time`] | `Tick`, `Forgive` |
//! | [`registry`] | `PutMember`, `RemoveMember`, `PlaceMember` |
//! | [`policies`] | `PutPolicy`, `RemovePolicy` |
//! | [`votes`] | `CastVotes` |
//! | [`plans`], each by [`judge`] and [`safety`] (and `aside`, `contradicted`), together by `ties` | `CommitPlans` |
//! | [`level`] | `RaiseLevel`, `CompareDigest` |
//! | [`chunks`] | `StageChunk` |
//! | [`shifts`], [`approve`], [`brake`] | `PutShift`, `EndShift`, `ShiftDue`, `Approve`, `ReleaseBrake` |
//! | [`contingencies`] | `CommitContingencies` |
//! | [`crate::replicas`] | `AdmitReplica` |
//! | [`hosts`], [`leaving`] | `AttachHost`, `Declare`, `Withdraw`, `MoveObject`, `ConfirmRemoval` |
//!
//! Verdicts are drawn anew ([`conclude`]), and [`networks`] derived from them, after each command that they may depend
//! on, in the same log entry. [`apply_next`] is for a state that no log keeps.

mod alone;
pub mod approve;
mod aside;
pub mod bootstrap;
pub mod brake;
pub mod chunks;
pub mod conclude;
pub mod contingencies;
mod contradicted;
pub mod hosts;
pub mod judge;
pub mod leaving;
pub mod level;
pub mod networks;
pub mod pending;
pub mod plans;
pub mod policies;
pub mod ramps;
pub mod registry;
pub mod safety;
pub mod shifts;
mod ties;
pub mod time;
pub mod votes;
mod waits;

pub use alone::apply_next;

use causeway_api::Generation;
use serde::{Deserialize, Serialize};

use crate::command::{Command, Request};
use crate::outcome::{Effect, Outcome, Refusal};
use crate::state::State;

/// A place in the Raft log.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct LogPosition {
    /// The term of the leader that wrote the entry.
    pub term: u64,
    /// The entry's index.
    pub index: u64,
}

/// What a command brought about: `None` where it changed nothing.
type Applied = Result<Option<Effect>, Refusal>;

/// Applies one request. Deterministic: the same requests at the same positions give the same states, byte for byte. What
/// [`crate::level::check`] holds back must not come here.
pub fn apply(state: &mut State, at: LogPosition, request: &Request) -> Outcome {
    let incarnation = match request.command {
        Command::Bootstrap { incarnation } if state.incarnation == 0 => incarnation,
        _ => state.incarnation,
    };
    let generation = Generation {
        incarnation,
        term: at.term,
        index: at.index,
    };
    state.last_applied = generation;
    if state.clients.applied(request.client, request.serial) {
        return Outcome::Duplicate;
    }
    state
        .clients
        .remember(request.client, request.serial, at.index);
    // After a restart at once, not when something is lost.
    state.derived();
    match dispatch(state, generation, request) {
        Ok(Some(mut effect)) => {
            if state.clusterset == 0 && state.feature_level >= 2 {
                state.clusterset = request.client.nonce.max(1);
            }
            let moved = !(effect.verdicts.is_empty()
                && effect.members.is_empty()
                && effect.placed.is_empty());
            if moved {
                effect.people |= brake::look(state, generation);
                ramps::look(state, &mut effect);
                effect.activated = contingencies::activate(state, generation);
            }
            // What kept a network open may have moved.
            let freed = !effect.planned.is_empty() && !state.lost_and_kept().is_empty();
            if moved || effect.people || effect.policies || freed {
                effect.networks = networks::refresh(state, generation);
            }
            Outcome::Accepted { generation, effect }
        }
        Ok(None) => Outcome::Unchanged,
        Err(refusal) => Outcome::Refused(refusal),
    }
}

fn dispatch(state: &mut State, generation: Generation, request: &Request) -> Applied {
    let command = &request.command;
    if let Command::Bootstrap { incarnation } = command {
        return bootstrap::bootstrap(state, *incarnation);
    }
    if state.incarnation == 0 {
        return Err(Refusal::NotBootstrapped);
    }
    // The level itself is what rises, so that raising it needs none.
    if command.level() > state.feature_level && !matches!(command, Command::RaiseLevel { .. }) {
        return Err(Refusal::LevelTooLow {
            what: name(command).to_owned(),
            needs: command.level(),
            in_force: state.feature_level,
        });
    }
    match command {
        Command::Bootstrap { .. } | Command::Unknown(_) => Ok(None),
        Command::Tick { elapsed_ms } => time::tick(state, generation, *elapsed_ms),
        Command::PutMember(spec) => registry::put(state, generation, spec),
        Command::RemoveMember(name) => registry::remove(state, generation, name),
        Command::PlaceMember { member, placement } => {
            registry::place(state, generation, member, placement)
        }
        Command::PutPolicy(spec) => policies::put(state, generation, spec),
        Command::RemovePolicy(key) => policies::remove(state, generation, key),
        Command::CastVotes(votes) => votes::cast(state, generation, votes),
        Command::CommitPlans(proposals) => {
            plans::commit(state, generation, proposals, plans::PROPOSALS)
        }
        Command::RaiseLevel { level } => level::raise(state, *level),
        // Replicas compare; the state does not change.
        Command::CompareDigest { .. } => Ok(None),
        Command::StageChunk(chunk) => chunks::take(state, generation, chunk),
        Command::Silence { replica } => votes::silence(state, generation, *replica),
        Command::ForgetObserver { replica } => votes::forget(state, generation, *replica),
        Command::Declare {
            host,
            origin,
            declaration,
            document,
        } => hosts::declare(state, generation, host, origin, declaration, document),
        Command::Withdraw { host, object, uid } => {
            hosts::withdraw(state, generation, host, object, uid)
        }
        Command::MoveObject { object, to } => hosts::pass_on(state, generation, object, to),
        Command::ConfirmRemoval { object } => hosts::confirm(state, generation, object),
        Command::AttachHost { host } => hosts::attach(state, request.client.replica, host),
        Command::PutShift(shift) => shifts::put(state, generation, shift),
        Command::EndShift { shift, by, reason } => {
            shifts::end(state, generation, shift, by, reason)
        }
        Command::ShiftDue { shift, due } => shifts::due(state, generation, shift, *due),
        Command::Forgive { elapsed_ms } => Ok(time::forgive(state, *elapsed_ms)),
        Command::Approve {
            what,
            seen,
            by,
            reason,
        } => approve::approve(state, generation, what, *seen, by, reason),
        Command::ReleaseBrake { seen, by, reason } => {
            brake::release(state, generation, *seen, by, reason)
        }
        Command::CommitContingencies(rows) => contingencies::commit(state, generation, rows),
        Command::AdmitReplica { replica, folder } => state.admit_replica(*replica, *folder),
    }
}

fn name(command: &Command) -> &'static str {
    match command {
        Command::CompareDigest { .. } => "CompareDigest",
        Command::StageChunk(_) => "StageChunk",
        Command::Silence { .. } => "Silence",
        Command::ForgetObserver { .. } => "ForgetObserver",
        Command::Declare { .. } => "Declare",
        Command::Withdraw { .. } => "Withdraw",
        Command::MoveObject { .. } => "MoveObject",
        Command::ConfirmRemoval { .. } => "ConfirmRemoval",
        Command::AttachHost { .. } => "AttachHost",
        Command::PutShift(_) => "PutShift",
        Command::EndShift { .. } => "EndShift",
        Command::ShiftDue { .. } => "ShiftDue",
        Command::Forgive { .. } => "Forgive",
        Command::Approve { .. } => "Approve",
        Command::ReleaseBrake { .. } => "ReleaseBrake",
        Command::CommitContingencies(_) => "CommitContingencies",
        Command::AdmitReplica { .. } => "AdmitReplica",
        _ => "a command",
    }
}

/// Refuses a batch that is too large for one command.
fn bounded(what: &str, found: usize, limit: usize) -> Result<(), Refusal> {
    if found <= limit {
        return Ok(());
    }
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Err(Refusal::TooLarge {
        what: what.to_owned(),
        found: number(found),
        limit: number(limit),
    })
}
