//! What is done to log and snapshots.

use causeway_faults::Seeded;
use causeway_seam::Random;

/// One thing that openraft does to its storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// So many entries of so many bytes, of the current term.
    Append { entries: u64, bytes: usize },
    /// So many of the last entries go, as far as they are not purged; the term rises.
    Truncate { entries: u64 },
    /// A vote of a higher term.
    Vote,
    /// All entries are committed.
    Commit,
    /// A snapshot of all entries is built, of so many bytes.
    Build { bytes: usize },
    /// A snapshot that leads so many entries beyond the log comes from the leader, and the log begins behind it.
    Install { beyond: u64, bytes: usize },
    /// All entries of the newest snapshot but so many go.
    Purge { keep: u64 },
    /// Wait until all is acknowledged.
    Wait,
    /// The same, and nothing is asked for a while.
    Rest,
}

/// Each kind of step alone and after each other kind that matters, small and large.
pub(super) fn scripted() -> Vec<Step> {
    use Step::{Append, Build, Commit, Install, Purge, Rest, Truncate, Vote, Wait};
    let append = |entries, bytes| Append { entries, bytes };
    let build = Build { bytes: 3_000 };
    vec![
        Vote,
        append(1, 20),
        Wait,
        append(3, 200),
        append(2, 5_000),
        Wait,
        Commit,
        append(1, 10),
        Wait,
        Rest,
        Truncate { entries: 2 },
        append(2, 300),
        Wait,
        Vote,
        Commit,
        build.clone(),
        Purge { keep: 2 },
        append(4, 100),
        Wait,
        append(1, 40_000),
        Commit,
        Vote,
        build,
        Purge { keep: 0 },
        Wait,
        append(2, 50),
        Truncate { entries: 1 },
        Install {
            beyond: 10,
            bytes: 9_000,
        },
        append(3, 700),
        Wait,
        Commit,
        Rest,
        Vote,
    ]
}

/// A workload from a seed.
pub(super) fn random(seed: u64, steps: usize) -> Vec<Step> {
    let random = Seeded::new(seed);
    let size = |most: u64| usize::try_from(random.below(most)).unwrap();
    let step = |_| match random.below(20) {
        0..=7 => Step::Append {
            entries: 1 + random.below(5),
            bytes: if random.below(8) == 0 {
                size(30_000)
            } else {
                size(600)
            },
        },
        8 => Step::Truncate {
            entries: 1 + random.below(4),
        },
        9 | 10 => Step::Vote,
        11 | 12 => Step::Commit,
        13 => Step::Build {
            bytes: size(20_000),
        },
        14 => Step::Purge {
            keep: random.below(4),
        },
        15 => Step::Install {
            beyond: random.below(6),
            bytes: size(20_000),
        },
        16 => Step::Rest,
        _ => Step::Wait,
    };
    (0..steps).map(step).collect()
}
