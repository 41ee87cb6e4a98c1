//! Selector and service accounts of a service, packed into one allocation.
//!
//! As maps of strings they would take more memory than all else that is held of a service. The form: how many labels
//! there are, then each key, value and account, each text after its length; all numbers are of four bytes.

use std::collections::BTreeMap;

use causeway_api::Name;

/// Packs.
pub(crate) fn pack(selector: &BTreeMap<String, String>, accounts: &[Name]) -> Box<[u8]> {
    if selector.is_empty() && accounts.is_empty() {
        return Box::default();
    }
    let texts = || {
        let labels = selector.iter().flat_map(|(k, v)| [k.as_str(), v.as_str()]);
        labels.chain(accounts.iter().map(Name::as_str))
    };
    let size = 4 + texts().map(|text| text.len() + 4).sum::<usize>();
    let mut packed = Vec::with_capacity(size);
    packed.extend(number(selector.len()));
    for text in texts() {
        packed.extend(number(text.len()));
        packed.extend(text.as_bytes());
    }
    packed.into_boxed_slice()
}

/// Unpacks what [`pack`] made.
pub(crate) fn unpack(packed: &[u8]) -> (BTreeMap<String, String>, Vec<Name>) {
    let mut selector = BTreeMap::new();
    let mut accounts = Vec::new();
    let mut rest = packed;
    let labels = take_number(&mut rest).unwrap_or(0);
    for _ in 0..labels {
        if let (Some(key), Some(value)) = (take_text(&mut rest), take_text(&mut rest)) {
            selector.insert(key.to_owned(), value.to_owned());
        }
    }
    while let Some(account) = take_text(&mut rest) {
        accounts.extend(Name::new(account).ok());
    }
    (selector, accounts)
}

fn number(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let len = take_number(rest)?;
    let (text, after) = rest.split_at_checked(len)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let map = |pairs: &[(&str, &str)]| {
            let owned = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            owned.collect::<BTreeMap<_, _>>()
        };
        for selector in [
            map(&[]),
            map(&[("app", "cart")]),
            map(&[("", "\0"), ("a", ""), ("ä", "ö\n")]),
        ] {
            for accounts in [
                vec![],
                vec![Name::new("a").unwrap(), Name::new("b").unwrap()],
            ] {
                let packed = pack(&selector, &accounts);
                assert_eq!(unpack(&packed), (selector.clone(), accounts));
            }
        }
    }
}
