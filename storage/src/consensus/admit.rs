//! What is refused before it reaches the log, on the replica that proposes and on the leader that it is forwarded to: what
//! is too large, and what not every replica would understand.

use causeway_state::{Command, Request, level};

use super::Consensus;
use crate::error::ProposeError;

impl Consensus {
    /// Whether a request may be proposed.
    pub(crate) fn admit(&self, request: &Request) -> Result<(), ProposeError> {
        let settings = &self.inner.settings;
        let (found, limit) = (request.size(), settings.command_bytes);
        if found > limit {
            return Err(ProposeError::TooLarge { found, limit });
        }
        self.understood(request)
    }

    /// Whether every replica of the level in force understands a request.
    fn understood(&self, request: &Request) -> Result<(), ProposeError> {
        let knows = self.inner.settings.feature_level;
        let in_force = self.read(|state| state.feature_level);
        let needs = level::needs(request);
        if needs > knows {
            return Err(ProposeError::Level {
                needs,
                has: knows,
                of: "this replica's version knows",
            });
        }
        let raises = matches!(request.command, Command::RaiseLevel { .. });
        if needs > in_force && !raises {
            return Err(ProposeError::Level {
                needs,
                has: in_force,
                of: "in force is",
            });
        }
        Ok(())
    }
}
