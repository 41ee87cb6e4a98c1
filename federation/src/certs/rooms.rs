//! Room for handshakes: bounded, and shared fairly by where connections come from, so that one host that opens many and
//! finishes none starves nobody.
//!
//! One source never has more than half of the room. Where all of it is taken, whoever has least comes first: the oldest
//! handshake of the source that has most gives way, unless the newcomer's source would have as many then.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where a connection comes from: an IPv4 address, or the network of an IPv6 address (RFC 4291: a host may have any of the
/// addresses of its /64).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source(IpAddr);

impl From<SocketAddr> for Source {
    fn from(address: SocketAddr) -> Self {
        Self(match address.ip().to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// Who is in a handshake.
#[derive(Debug)]
pub(super) struct Rooms {
    most: usize,
    next: u64,
    rows: BTreeMap<u64, Row>,
}

#[derive(Debug)]
struct Row {
    source: Source,
    /// It has proven who it is, and waits to be taken: it gives way to nobody.
    proven: bool,
}

/// Who may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number; later ones are higher.
    pub(super) number: u64,
    /// Whose handshake ends for it.
    pub(super) instead_of: Option<u64>,
}

impl Rooms {
    /// For so many at once.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            next: 0,
            rows: BTreeMap::new(),
        }
    }

    /// One comes; `None`: there is no room for it.
    pub(super) fn enter(&mut self, source: Source) -> Option<Place> {
        let mut counts: BTreeMap<Source, usize> = BTreeMap::new();
        for row in self.rows.values() {
            *counts.entry(row.source).or_default() += 1;
        }
        let of = |source| counts.get(&source).copied().unwrap_or(0);
        let own = of(source);
        if own >= self.most.div_ceil(2) {
            return None;
        }
        let mut instead_of = None;
        if self.rows.len() >= self.most {
            let waiting = self.rows.iter().filter(|(_, row)| !row.proven);
            let greedy = waiting.map(|(number, row)| (of(row.source), std::cmp::Reverse(*number)));
            let (count, std::cmp::Reverse(oldest)) = greedy.max()?;
            if count <= own + 1 {
                return None;
            }
            self.rows.remove(&oldest);
            instead_of = Some(oldest);
        }
        let number = self.next;
        self.next += 1;
        let proven = false;
        self.rows.insert(number, Row { source, proven });
        Some(Place { number, instead_of })
    }

    /// One has proven who it is.
    pub(super) fn proven(&mut self, number: u64) {
        if let Some(row) = self.rows.get_mut(&number) {
            row.proven = true;
        }
    }

    /// One leaves, whether it has finished or not.
    pub(super) fn leave(&mut self, number: u64) {
        self.rows.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn source(text: &str) -> Source {
        Source::from(SocketAddr::new(text.parse().unwrap(), 1))
    }

    #[test]
    fn one_source_has_half_of_the_room_at_most_and_leaves_it_to_others() {
        let (bad, good) = (source("192.0.2.1"), source("192.0.2.2"));
        let mut rooms = Rooms::new(8);
        let places: Vec<_> = (0..20).filter_map(|_| rooms.enter(bad)).collect();
        assert_eq!(places.len(), 4);
        for _ in 0..4 {
            assert_eq!(rooms.enter(good).unwrap().instead_of, None);
        }
        assert_eq!(rooms.enter(good), None, "it has as many");
        rooms.leave(places.first().unwrap().number);
        assert!(rooms.enter(bad).is_some(), "a place that is free again");
    }

    #[test]
    fn whoever_has_least_comes_first_where_all_is_taken() {
        let mut rooms = Rooms::new(8);
        let (one, two) = (source("192.0.2.1"), source("192.0.2.2"));
        let first = (0..4).map(|_| rooms.enter(one).unwrap().number).min();
        for _ in 0..4 {
            rooms.enter(two).unwrap();
        }
        let third = rooms.enter(source("192.0.2.3")).unwrap();
        assert_eq!(third.instead_of, first, "the oldest of those who have most");
        // Those who have proven who they are give way to nobody.
        for number in 0..9 {
            rooms.proven(number);
        }
        assert_eq!(rooms.enter(source("192.0.2.4")), None);
    }

    #[test]
    fn where_each_has_one_a_newcomer_waits() {
        let mut rooms = Rooms::new(3);
        for at in 1..=3 {
            let place = rooms.enter(source(&format!("192.0.2.{at}"))).unwrap();
            assert_eq!(place.instead_of, None);
        }
        assert_eq!(rooms.enter(source("192.0.2.9")), None);
    }

    #[test]
    fn a_source_is_an_address_or_a_network_of_ipv6() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
