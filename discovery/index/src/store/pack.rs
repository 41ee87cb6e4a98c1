//! Selector and service accounts of a service, packed into one allocation.
//!
//! As maps of strings they would take more memory than all else that is held of a service. The form: how many labels
//! there are, then each key, value and account, each text after its length; all numbers are of four bytes.

use std::collections::{BTreeMap, BTreeSet};

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

/// Whether bytes of somebody else are what [`pack`] would have made; `accounts` are those that are known to be names.
pub(super) fn check<'a>(
    packed: &'a [u8],
    text_bytes: usize,
    items: usize,
    accounts: &mut BTreeSet<&'a str>,
) -> Result<(), &'static str> {
    if packed.is_empty() {
        return Ok(());
    }
    let mut rest = packed;
    let labels = take_number(&mut rest).ok_or("selector and accounts break off")?;
    if labels > items || (labels == 0 && rest.is_empty()) {
        return Err("a selector has an impossible size");
    }
    let mut before = None;
    for _ in 0..labels {
        let key = take_text(&mut rest).ok_or("a selector breaks off")?;
        let value = take_text(&mut rest).ok_or("a selector breaks off")?;
        if before >= Some(key) {
            return Err("a selector is out of order");
        }
        if key.len() > text_bytes || value.len() > text_bytes {
            return Err("a label is too long");
        }
        before = Some(key);
    }
    let mut count = 0;
    while !rest.is_empty() {
        let account = take_text(&mut rest).ok_or("accounts break off")?;
        if !accounts.contains(account) {
            Name::new(account).map_err(|_| "an account is no name")?;
            accounts.insert(account);
        }
        count += 1;
    }
    if count > items {
        return Err("there are too many accounts");
    }
    Ok(())
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
                assert_eq!(check(&packed, 9, 9, &mut BTreeSet::new()), Ok(()));
                assert_eq!(unpack(&packed), (selector.clone(), accounts));
            }
        }
    }
}
