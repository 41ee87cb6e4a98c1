//! Requests as bytes between builds: the command in a frame of its own, with the level that it needs in front.
//!
//! A build that does not know a command can still store it, pass it on and acknowledge it; only when it comes to apply it
//! does it stop ([`crate::level::check`]).

use serde::{Deserialize, Serialize};

use crate::command::{ClientId, Command, Request, UnknownCommand};
use crate::level::FEATURE_LEVEL;

#[derive(Serialize, Deserialize)]
struct Frame<'a> {
    client: ClientId,
    serial: u64,
    level: u32,
    #[serde(borrow)]
    command: &'a [u8],
}

/// Why bytes are no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a request cannot be read: {0}")]
pub struct FrameError(String);

impl Request {
    /// As bytes.
    ///
    /// # Errors
    /// Where the encoder refuses, which no value of these types makes it do.
    pub fn to_frame(&self) -> Result<Vec<u8>, FrameError> {
        let error = |error: postcard::Error| FrameError(error.to_string());
        let own;
        let command = match &self.command {
            Command::Unknown(unknown) => &unknown.bytes,
            known => {
                own = postcard::to_stdvec(known).map_err(error)?;
                &own
            }
        };
        let frame = Frame {
            client: self.client,
            serial: self.serial,
            level: self.command.level(),
            command,
        };
        postcard::to_stdvec(&frame).map_err(error)
    }

    /// From bytes. A command that this build does not know, because it is of a higher level, is kept as it is.
    ///
    /// # Errors
    /// [`FrameError`] where the bytes are damaged.
    pub fn from_frame(bytes: &[u8]) -> Result<Self, FrameError> {
        let error = |error: postcard::Error| FrameError(error.to_string());
        let (frame, rest) = postcard::take_from_bytes::<Frame<'_>>(bytes).map_err(error)?;
        if !rest.is_empty() {
            return Err(FrameError(format!("{} bytes follow it", rest.len())));
        }
        let command = if frame.level > FEATURE_LEVEL {
            Command::Unknown(UnknownCommand {
                level: frame.level,
                bytes: frame.command.to_vec(),
            })
        } else {
            match postcard::take_from_bytes(frame.command).map_err(error)? {
                (command, []) => command,
                (_, rest) => {
                    return Err(FrameError(format!("{} bytes follow it", rest.len())));
                }
            }
        };
        Ok(Self {
            client: frame.client,
            serial: frame.serial,
            command,
        })
    }

    /// Its size as bytes; as large as can be where it cannot be written.
    #[must_use]
    pub fn size(&self) -> usize {
        Self::size_of(&self.command)
    }

    /// The size of a request with this command.
    #[must_use]
    pub fn size_of(command: &Command) -> usize {
        let bytes = match command {
            Command::Unknown(unknown) => unknown.bytes.len(),
            known => postcard::serialize_with_flavor(known, postcard::ser_flavors::Size::default())
                .unwrap_or(usize::MAX),
        };
        bytes.saturating_add(FRAME)
    }
}

/// The most that a frame adds.
const FRAME: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::ReplicaId;

    use super::*;
    use crate::level;

    fn request(command: Command) -> Request {
        Request {
            client: ClientId {
                replica: ReplicaId(1),
                nonce: 7,
            },
            serial: 3,
            command,
        }
    }

    #[test]
    fn what_is_unknown_is_passed_on_as_it_is_and_never_applied() {
        let future = request(Command::Unknown(UnknownCommand {
            level: FEATURE_LEVEL + 1,
            bytes: vec![250, 1, 2, 3],
        }));
        let bytes = future.to_frame().unwrap();
        let read = Request::from_frame(&bytes).unwrap();
        assert_eq!(read, future);
        assert_eq!(read.to_frame().unwrap(), bytes);
        let error = level::check(&read, 17, FEATURE_LEVEL).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("entry 17") && text.contains("upgrade"),
            "{text}"
        );
    }

    #[test]
    fn what_is_known_reads_back_and_what_is_damaged_is_refused() {
        let known = request(Command::Tick { elapsed_ms: 7 });
        let bytes = known.to_frame().unwrap();
        assert_eq!(Request::from_frame(&bytes).unwrap(), known);
        assert!(known.size() >= bytes.len());
        for len in 0..bytes.len() {
            assert!(Request::from_frame(&bytes[..len]).is_err(), "{len}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(Request::from_frame(&longer).is_err());
    }
}
