//! Which replica an agent dials next: the nearest first, spread over those that are as near, and none that just failed.
//!
//! Nothing here needs a quorum: an agent chooses its home freely and changes it freely.

use std::collections::BTreeMap;
use std::time::Duration;

/// The first wait after a failure; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(15);
/// For how long others are tried first after a session broke.
const BROKEN: Duration = Duration::from_secs(5);
/// What measuring may be off by: replicas within it are as near.
const NOISE: Duration = Duration::from_millis(10);
/// Addresses that are remembered at most: more replicas there never are.
const MOST: usize = 64;

/// The replicas that an agent may dial.
#[derive(Debug, Clone)]
pub struct Homes {
    /// Who dials: each agent has an order of its own, so that they spread.
    me: String,
    rows: BTreeMap<String, Row>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    /// Whether a person named it; else replicas did.
    named: bool,
    /// How long dialling it took, the least of late.
    took: Option<Duration>,
    not_before: Duration,
    failures: u32,
}

impl Homes {
    /// For one agent, with the addresses that a person named.
    #[must_use]
    pub fn new(me: &str, named: impl IntoIterator<Item = String>) -> Self {
        let row = || Row {
            named: true,
            ..Row::default()
        };
        Self {
            me: me.to_owned(),
            rows: named.into_iter().map(|address| (address, row())).collect(),
        }
    }

    /// A replica said where all of them are. Those that a person named stay in any case.
    pub fn learn(&mut self, addresses: &[String]) {
        if addresses.is_empty() {
            return;
        }
        self.rows
            .retain(|address, row| row.named || addresses.contains(address));
        for address in addresses.iter().filter(|address| !address.is_empty()) {
            if self.rows.len() < MOST {
                self.rows.entry(address.clone()).or_default();
            }
        }
    }

    /// All addresses.
    pub fn addresses(&self) -> impl Iterator<Item = &String> {
        self.rows.keys()
    }

    /// Dialling took this long.
    pub fn took(&mut self, address: &str, took: Duration) {
        if let Some(row) = self.rows.get_mut(address) {
            // What was long once may be long for good: the least of two in a row.
            row.took = Some(row.took.map_or(took, |before| took.min(before * 2)));
        }
    }

    /// A session came up there.
    pub fn succeeded(&mut self, address: &str) {
        if let Some(row) = self.rows.get_mut(address) {
            row.failures = 0;
        }
    }

    /// It failed, and is left alone for a while, spread by `spread`.
    pub fn failed(&mut self, address: &str, now: Duration, spread: impl Fn(Duration) -> Duration) {
        let Some(row) = self.rows.get_mut(address) else {
            return;
        };
        let doubled = FIRST.saturating_mul(1 << row.failures.min(10));
        row.failures = row.failures.saturating_add(1);
        row.not_before = now.saturating_add(spread(doubled.min(LONGEST)));
    }

    /// A session there broke: if there are others, they are tried before it is tried again.
    pub fn broke(&mut self, address: &str, now: Duration, spread: impl Fn(Duration) -> Duration) {
        let wait = match self.rows.len() {
            0 | 1 => FIRST,
            _ => BROKEN,
        };
        self.leave_alone(address, now.saturating_add(spread(wait)));
    }

    /// It is not to be dialled before that.
    pub fn leave_alone(&mut self, address: &str, until: Duration) {
        if let Some(row) = self.rows.get_mut(address) {
            row.not_before = until;
        }
    }

    /// What failed may be tried again at once: the agent itself has changed.
    pub fn forgive(&mut self) {
        for row in self.rows.values_mut() {
            row.failures = 0;
            row.not_before = Duration::ZERO;
        }
    }

    /// The address to dial now.
    ///
    /// # Errors
    /// For how long there is none; `None`: there never is one.
    pub fn next(&self, now: Duration) -> Result<&str, Option<Duration>> {
        let ready = self.rows.iter().filter(|(_, row)| row.not_before <= now);
        let best = ready.min_by_key(|(address, row)| (self.band(row), self.place(address)));
        match best {
            Some((address, _)) => Ok(address),
            None => {
                let soonest = self.rows.values().map(|row| row.not_before).min();
                Err(soonest.map(|at| at.saturating_sub(now)))
            }
        }
    }

    /// Whether another one is so much nearer than `home` that moving there is worth it.
    #[must_use]
    pub fn is_far(&self, home: &str, now: Duration) -> bool {
        let took = self.rows.get(home).and_then(|row| row.took);
        let others = self.rows.iter().filter(|(address, row)| {
            *address != home && row.not_before <= now && row.failures == 0
        });
        let nearest = others.filter_map(|(_, row)| row.took).min();
        match (took, nearest) {
            (Some(took), Some(nearest)) => took > nearest * 2 + NOISE * 2,
            _ => false,
        }
    }

    /// 0: as near as any; 1: not known; 2: farther.
    fn band(&self, row: &Row) -> u8 {
        let nearest = self.rows.values().filter_map(|row| row.took).min();
        match (row.took, nearest) {
            (Some(took), Some(nearest)) if took <= nearest * 3 / 2 + NOISE => 0,
            (Some(_), _) => 2,
            (None, None) => 0,
            (None, Some(_)) => 1,
        }
    }

    /// Rendezvous hashing: each agent has its own order of all addresses, and one that goes moves only its own agents.
    fn place(&self, address: &str) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.me.bytes().chain([0xff]).chain(address.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // FNV leaves neighbours near each other.
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn homes(me: &str) -> Homes {
        Homes::new(me, ["a:1", "b:1", "c:1"].map(str::to_owned))
    }

    #[test]
    fn agents_spread_and_only_those_of_a_dead_replica_move() {
        let first = |at: usize, dead: Option<&str>| {
            let mut homes = homes(&format!("m{at}"));
            if let Some(dead) = dead {
                homes.failed(dead, Duration::ZERO, |wait| wait);
            }
            homes.next(Duration::ZERO).unwrap().to_owned()
        };
        let mut counts = BTreeMap::new();
        for at in 0..999 {
            let before = first(at, None);
            let after = first(at, Some("b:1"));
            assert!(before == after || before == "b:1");
            *counts.entry(before).or_insert(0) += 1;
            if after != "b:1" && at % 3 == 0 {
                *counts.entry(format!("{after}'")).or_insert(0) += 1;
            }
        }
        for address in ["a:1", "b:1", "c:1"] {
            assert!((250..420).contains(&counts[address]), "{counts:?}");
        }
    }

    #[test]
    fn the_nearest_comes_first_and_noise_is_no_distance() {
        let mut homes = homes("m1");
        homes.took("a:1", 130 * MS);
        homes.took("b:1", 9 * MS);
        homes.took("c:1", 12 * MS);
        for _ in 0..2 {
            let first = homes.next(Duration::ZERO).unwrap().to_owned();
            assert_ne!(first, "a:1");
            homes.failed(&first, Duration::ZERO, |wait| wait);
        }
        assert_eq!(homes.next(Duration::ZERO), Ok("a:1"), "better than none");
        homes.failed("a:1", Duration::ZERO, |wait| wait);
        assert_eq!(homes.next(Duration::ZERO), Err(Some(FIRST)));
    }

    #[test]
    fn failures_are_waited_out_longer_and_longer() {
        let mut homes = Homes::new("m1", ["a:1".to_owned()]);
        let mut now = Duration::ZERO;
        let mut waits = Vec::new();
        for _ in 0..9 {
            homes.failed("a:1", now, |wait| wait);
            let wait = homes.next(now).unwrap_err().unwrap();
            waits.push(wait);
            now += wait;
        }
        assert_eq!(&waits[..3], [FIRST, FIRST * 2, FIRST * 4]);
        assert_eq!(waits[8], LONGEST);
        homes.forgive();
        assert_eq!(homes.next(now), Ok("a:1"));
        homes.leave_alone("a:1", now + MS);
        assert_eq!(homes.next(now), Err(Some(MS)));
        assert_eq!(Homes::new("m1", []).next(now), Err(None));
    }

    #[test]
    fn what_replicas_say_replaces_what_they_said_and_not_what_people_named() {
        let mut homes = Homes::new("m1", ["a:1".to_owned()]);
        homes.learn(&["b:1".to_owned(), "c:1".to_owned()]);
        assert_eq!(homes.addresses().count(), 3);
        homes.learn(&["c:1".to_owned(), "d:1".to_owned()]);
        let all: Vec<&String> = homes.addresses().collect();
        assert_eq!(all, ["a:1", "c:1", "d:1"]);
        homes.learn(&[]);
        assert_eq!(homes.addresses().count(), 3, "an old replica says nothing");
    }

    #[test]
    fn an_agent_moves_for_much_and_not_for_little() {
        let mut homes = homes("m1");
        homes.took("a:1", 100 * MS);
        assert!(
            !homes.is_far("a:1", Duration::ZERO),
            "nothing is known of others"
        );
        homes.took("b:1", 60 * MS);
        assert!(!homes.is_far("a:1", Duration::ZERO));
        homes.took("c:1", 10 * MS);
        assert!(homes.is_far("a:1", Duration::ZERO));
        assert!(!homes.is_far("c:1", Duration::ZERO));
        homes.failed("c:1", Duration::ZERO, |wait| wait);
        assert!(
            !homes.is_far("a:1", Duration::ZERO),
            "not for one that fails"
        );
    }
}
