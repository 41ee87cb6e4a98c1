//! Nothing acknowledged is lost: a write that a client was told of is in the log, at the place that it was told, after
//! everything has healed.

use super::Decided;
use crate::clients::{Entry, Op, Ret, write};

/// Compares what clients were told with what was decided.
#[derive(Debug, Clone, Copy, Default)]
pub struct Acknowledged;

impl Acknowledged {
    /// Judges all that clients were told. `applied` is the index up to which every replica has applied.
    ///
    /// # Errors
    /// What was lost.
    pub fn judge(entries: &[Entry], decided: &Decided, applied: u64) -> Result<(), String> {
        for entry in entries {
            let (Op::Write(value), Some((_, Ret::Written(index)))) = (entry.op, entry.answered)
            else {
                continue;
            };
            if index > applied {
                return Err(format!(
                    "client{} was told that {value} was written to m{} at index {index}, and after healing the log ends at {applied}",
                    entry.client, entry.register
                ));
            }
            // What a snapshot jumped over was applied by somebody else.
            let found = decided.at(index).map(|request| &request.command);
            let expected = write(entry.register, value);
            if found != expected.as_ref() {
                return Err(format!(
                    "client{} was told that {value} was written to m{} at index {index}, where there is {found:?}",
                    entry.client, entry.register
                ));
            }
        }
        Ok(())
    }
}
