//! Numbers and texts in packed bytes, written and read. Numbers are of seven bits a byte, the lowest first; a text follows
//! its length.

use std::fmt;

/// Why bytes are no packed facts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, {left} bytes before the end")]
pub struct Damaged {
    pub(super) what: String,
    pub(super) left: usize,
}

/// Writes.
#[derive(Debug, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn number(&mut self, number: u32) {
        let mut rest = number;
        while rest >= 0x80 {
            self.0
                .push(u8::try_from(rest & 0x7f).unwrap_or_default() | 0x80);
            rest >>= 7;
        }
        self.0.push(u8::try_from(rest).unwrap_or_default());
    }

    /// More than four thousand million of anything do not fit into memory.
    pub(super) fn count(&mut self, count: usize) {
        self.number(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

/// Reads.
pub(super) struct In<'a>(pub(super) &'a [u8]);

impl<'a> In<'a> {
    pub(super) fn damaged(&self, what: impl fmt::Display) -> Damaged {
        Damaged {
            what: what.to_string(),
            left: self.0.len(),
        }
    }

    pub(super) fn number(&mut self) -> Result<u32, Damaged> {
        if let [byte @ ..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Ok(u32::from(*byte));
        }
        self.long_number()
    }

    fn long_number(&mut self) -> Result<u32, Damaged> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let Some((byte, rest)) = self.0.split_first() else {
                return Err(self.damaged("a number breaks off"));
            };
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| self.damaged("a number is too large"));
            }
        }
        Err(self.damaged("a number has too many bytes"))
    }

    /// How many of something follow, each of at least `least` bytes: never more than there is room for.
    pub(super) fn count(&mut self, what: &str, least: usize) -> Result<usize, Damaged> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count > self.0.len() / least.max(1) {
            return Err(self.damaged(format_args!("{count} {what} are announced")));
        }
        Ok(count)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let len = self.count("bytes", 1)?;
        let (bytes, rest) = self
            .0
            .split_at_checked(len)
            .ok_or_else(|| self.damaged("a text breaks off"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Damaged> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    /// The number of a value in a table of so many.
    pub(super) fn place(&mut self, what: &str, values: usize) -> Result<u32, Damaged> {
        let place = self.number()?;
        if (place as usize) < values {
            Ok(place)
        } else {
            Err(self.damaged(format_args!("{what} {place} of {values}")))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_come_out_as_they_went_in_and_none_is_longer_than_it_says() {
        for number in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u32::MAX - 1, u32::MAX] {
            let mut out = Out::default();
            out.number(number);
            let mut read = In(&out.0);
            assert_eq!(read.number().unwrap(), number);
            assert!(read.0.is_empty());
            for len in 0..out.0.len() {
                assert!(In(&out.0[..len]).number().is_err());
            }
        }
        assert!(In(&[0xff, 0xff, 0xff, 0xff, 0x7f]).number().is_err());
        assert!(In(&[0x80, 0x80, 0x80, 0x80, 0x80, 1]).number().is_err());
        assert!(In(&[9, 1]).bytes().is_err());
    }
}
