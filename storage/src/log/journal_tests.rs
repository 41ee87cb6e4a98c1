//! Tests of the journal: what is torn, damaged or missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;

fn append(index: u64, bytes: usize) -> Vec<Change> {
    let row: Vec<u8> = (0..bytes)
        .map(|n| 1 + u8::try_from(n % 250).unwrap())
        .collect();
    vec![Change::Append(vec![(index, row.into())])]
}

/// A file with records of these sizes, numbered from `first` on, and the places at which they begin.
fn file(first: u64, sizes: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let mut content = vec![0; SECTOR + (16 << 10)];
    let (mut at, mut places) = (SECTOR, Vec::new());
    for (number, bytes) in (first..).zip(sizes) {
        let record = write(number, &append(number, *bytes)).unwrap();
        content[at..at + record.len()].copy_from_slice(&record);
        places.push(at);
        at += record.len();
    }
    places.push(at);
    (content, places)
}

fn indexes(changes: &[Change]) -> Vec<u64> {
    let index = |change: &Change| match change {
        Change::Append(rows) => rows[0].0,
        _ => panic!("no entry"),
    };
    changes.iter().map(index).collect()
}

#[test]
fn records_read_back_behind_those_that_are_in_the_tables() {
    let (content, _) = file(5, &[10, 2_000, 0, 300]);
    for (after, left) in [(4, vec![5, 6, 7, 8]), (6, vec![7, 8]), (8, vec![])] {
        let (changes, last) = records(&content, after).unwrap();
        assert_eq!((indexes(&changes), last), (left, 8), "after {after}");
    }
    let empty = vec![0; 4 * SECTOR];
    assert_eq!(records(&empty, 7).unwrap().1, 7);
}

#[test]
fn every_kind_of_change_reads_back() {
    let changes = vec![
        Change::Append(vec![(1, vec![1, 2].into()), (2, vec![].into())]),
        Change::Vote(vec![3]),
        Change::Committed(vec![4, 5]),
        Change::TruncateAfter(None),
        Change::TruncateAfter(Some(7)),
        Change::Purge {
            upto: 9,
            purged: vec![6],
        },
    ];
    let record = write(1, &changes).unwrap();
    let Ok(Found::Whole { number, body, next }) = find(&record, 0) else {
        panic!("it is not whole");
    };
    assert_eq!((number, next), (1, record.len()));
    let again = write(1, &decode(body).unwrap()).unwrap();
    assert_eq!(again, record);
}

/// The last record without any of its sectors, in all combinations, is the end; with all of them it is there.
#[test]
fn a_torn_record_was_never_there() {
    let (content, places) = file(1, &[100, 1_500]);
    let (start, end) = (places[1], places[2]);
    let borders: Vec<usize> = std::iter::once(start)
        .chain((start..end).filter(|at| at % SECTOR == 0 && *at > start))
        .chain([end])
        .collect();
    let sectors = borders.len() - 1;
    assert!(sectors >= 4);
    for kept in 0..1_u32 << sectors {
        let mut torn = content.clone();
        for (sector, border) in borders.windows(2).enumerate() {
            if kept & 1 << sector == 0 {
                torn[border[0]..border[1]].fill(0);
            }
        }
        let whole = kept + 1 == 1 << sectors;
        let (changes, last) = records(&torn, 0).unwrap();
        let wanted = if whole { vec![1, 2] } else { vec![1] };
        assert_eq!(
            (indexes(&changes), last),
            (wanted.clone(), wanted.len() as u64)
        );
    }
}

/// Each flipped bit of what was written is found, in the last record too.
#[test]
fn a_flipped_bit_is_refused() {
    let (content, places) = file(1, &[30, 700, 5]);
    let starts = &places[..3];
    for at in SECTOR..places[3] {
        for bit in [0, 3, 7] {
            let mut flipped = content.clone();
            flipped[at] ^= 1 << bit;
            match records(&flipped, 0) {
                Err(reason) => assert!(reason.contains("damaged"), "{reason}"),
                // Between the end of one and the border at which the next one begins.
                Ok((changes, 3)) => assert_eq!(indexes(&changes), [1, 2, 3]),
                Ok((_, last)) => panic!("byte {at} of {starts:?}: it ends with record {last}"),
            }
        }
    }
}

#[test]
fn what_is_missing_before_other_records_is_a_hole() {
    let (content, places) = file(1, &[30, 700, 5]);
    for gone in [0, 1] {
        let mut content = content.clone();
        content[places[gone]..places[gone + 1]].fill(0);
        let reason = records(&content, 0).err().unwrap();
        assert!(reason.contains("hole"), "{reason}");
    }
    let reason = records(&file(4, &[30]).0, 1).err().unwrap();
    assert!(
        reason.contains("record 4") && reason.contains("record 1 is not"),
        "{reason}"
    );
}

/// The power went while the journal was made empty, after all was carried over.
#[test]
fn what_is_left_of_a_cleared_journal_is_passed_over() {
    let (content, places) = file(1, &[100, 1_500, 20]);
    let sectors: Vec<usize> = (SECTOR..places[3]).step_by(SECTOR).collect();
    for kept in 0..1_u32 << sectors.len() {
        let mut left = content.clone();
        for (number, at) in sectors.iter().enumerate() {
            if kept & 1 << number == 0 {
                left[*at..at + SECTOR].fill(0);
            }
        }
        let (changes, last) = records(&left, 3).unwrap();
        assert!(changes.is_empty() && last == 3);
    }
}
