//! What the fact does, second by second.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

fn pair() -> Pair {
    ("shop/cart".parse().unwrap(), "hz".parse().unwrap())
}

/// A look each second; the seconds at which the fact changed, beginning with "it is not".
fn changes(rules: Rules, words: impl IntoIterator<Item = Option<bool>>) -> Vec<u64> {
    let mut held = Held::new(rules);
    let mut was = false;
    let mut changes = Vec::new();
    for (second, word) in (0_u64..).zip(words) {
        let words = word.map(|word| (pair(), word)).into_iter().collect();
        held.look(Monotonic(Duration::from_secs(second)), &words);
        let is = !held.ejected().is_empty();
        if is != was {
            changes.push(second);
            was = is;
        }
    }
    changes
}

/// `for_s` seconds of one word.
fn of(word: Option<bool>, for_s: usize) -> impl Iterator<Item = Option<bool>> + Clone {
    std::iter::repeat_n(word, for_s)
}

const EJECTED: Option<bool> = Some(true);
const WELL: Option<bool> = Some(false);

#[test]
fn it_comes_after_ten_seconds_and_goes_after_a_minute_of_quiet() {
    let rules = Rules::default();
    for quiet in [WELL, None] {
        let words = of(EJECTED, 100).chain(of(quiet, 200));
        assert_eq!(changes(rules, words), [10, 159]);
    }
    let short = of(EJECTED, 10).chain(of(WELL, 50));
    assert_eq!(changes(rules, short), Vec::<u64>::new());
}

#[test]
fn envoys_own_returns_do_not_end_it() {
    // Our rules' ejections last 5 s, 10 s, 15 s …, with two seconds of errors before each.
    let ejections = (1..20).flat_map(|n| of(WELL, 2).chain(of(EJECTED, 5 * n)));
    assert_eq!(changes(Rules::default(), ejections), [15]);
    // The same, short each time: more well than not.
    let mostly_well = (1..200).flat_map(|_| of(WELL, 6).chain(of(EJECTED, 5)));
    assert_eq!(changes(Rules::default(), mostly_well), Vec::<u64>::new());
}

#[test]
fn what_comes_again_stays_longer_and_is_forgiven() {
    let once = || of(EJECTED, 30).chain(of(None, 2_000));
    let lasted = |changes: &[u64]| -> Vec<u64> {
        let pairs = changes.chunks(2).filter(|pair| pair.len() == 2);
        pairs.map(|pair| pair[1] - pair[0]).collect()
    };
    let soon = |n: usize| (0..n).flat_map(|_| of(EJECTED, 30).chain(of(None, 1_000)));
    let all = changes(Rules::default(), soon(7));
    assert_eq!(lasted(&all), [79, 140, 260, 500, 980, 980, 980]);
    // Half an hour of it forgives one; an hour and a half three.
    let all = changes(
        Rules::default(),
        soon(4).chain(of(None, 5_500)).chain(once()),
    );
    assert_eq!(lasted(&all), [79, 140, 260, 500, 140]);
}

#[test]
fn a_long_pause_is_not_a_long_ejection() {
    let mut held = Held::new(Rules::default());
    let words: BTreeMap<Pair, bool> = [(pair(), true)].into();
    for (second, ejected) in [(0, false), (1_000, false), (2_000, true)] {
        held.look(Monotonic(Duration::from_secs(second)), &words);
        assert_eq!(!held.ejected().is_empty(), ejected, "{second}");
    }
}

#[test]
fn what_is_forgiven_is_forgotten() {
    let mut held = Held::new(Rules::default());
    let seconds = of(EJECTED, 20).chain(of(None, 1_900));
    for (second, word) in (0_u64..).zip(seconds) {
        let words = word.map(|word| (pair(), word)).into_iter().collect();
        held.look(Monotonic(Duration::from_secs(second)), &words);
    }
    assert!(held.rows.is_empty(), "{:?}", held.rows);
}

proptest! {
    #[test]
    fn it_never_flaps(runs in prop::collection::vec((prop::option::of(any::<bool>()), 1_usize..120), 1..120)) {
        let words: Vec<Option<bool>> = runs.iter().flat_map(|(word, for_s)| of(*word, *for_s)).collect();
        let changes = changes(Rules::default(), words.clone());
        let mut since = 0;
        for (at, second) in changes.iter().enumerate() {
            let second = usize::try_from(*second).unwrap();
            let between = &words[since..=second];
            let ejections = between.iter().filter(|word| **word == EJECTED).count();
            if at % 2 == 0 {
                prop_assert!(ejections >= 10, "it came of {ejections} s");
            } else {
                prop_assert!(between.len() > 60, "it went after {} s", between.len());
                let quiet = &words[second - 59..=second];
                prop_assert!(quiet.iter().all(|word| *word != EJECTED));
            }
            since = second;
        }
        // Each return makes the next one later: 70, 130, 250, 490 and then 970 s at least, but for what is forgiven.
        let most = 2 * (5 + words.len() / 600) + 1;
        prop_assert!(changes.len() <= most, "{} in {} s", changes.len(), words.len());
    }

    #[test]
    fn nobodys_word_changes_nothing_by_itself(words in prop::collection::vec(prop::option::of(Just(false)), 0..300)) {
        prop_assert_eq!(changes(Rules::default(), words), Vec::<u64>::new());
    }
}
