//! A change that is too large for one entry goes in parts, which take effect together with the last one.

use std::sync::atomic::Ordering;

use causeway_state::command::{ChangeId, Chunk};
use causeway_state::staging::{CHUNK_BYTES, STAGED_BYTES};
use causeway_state::{Command, Outcome};

use super::{Answer, Consensus};
use crate::error::ProposeError;

/// More proposals than this go in parts even where they would fit one entry.
const PROPOSALS: usize = causeway_state::apply::plans::PROPOSALS;

impl Consensus {
    /// Whether a command is to go in parts.
    pub(super) fn is_large(&self, command: &Command, size: usize) -> bool {
        let many = match command {
            Command::CommitPlans(proposals) => proposals.len() > PROPOSALS,
            _ => false,
        };
        let large = many || size > self.inner.settings.command_bytes;
        large && command.may_be_staged() && self.read(|state| state.feature_level) >= 2
    }

    /// Proposes a change in parts; the answer is that of the whole.
    pub(super) async fn propose_large(&self, command: &Command) -> Result<Answer, ProposeError> {
        let too_large = |found| ProposeError::TooLarge {
            found,
            limit: STAGED_BYTES,
        };
        let bytes = postcard::to_stdvec(command).map_err(|_| too_large(usize::MAX))?;
        if bytes.len() > STAGED_BYTES {
            return Err(too_large(bytes.len()));
        }
        let part = CHUNK_BYTES
            .min(self.inner.settings.command_bytes / 2)
            .max(1);
        let of = u32::try_from(bytes.len().div_ceil(part)).map_err(|_| too_large(bytes.len()))?;
        let change = ChangeId {
            client: self.inner.client,
            number: self.inner.serial.fetch_add(1, Ordering::Relaxed),
        };
        let mut last = None;
        for (part, number) in bytes.chunks(part).zip(0..) {
            let chunk = Chunk {
                change,
                level: command.level(),
                number,
                of,
                bytes: part.to_vec(),
            };
            let answer = self.propose_one(Command::StageChunk(chunk)).await?;
            let refused = matches!(answer.outcome, Outcome::Refused(_));
            last = Some(answer);
            if refused {
                break;
            }
        }
        last.ok_or_else(|| too_large(0))
    }
}
