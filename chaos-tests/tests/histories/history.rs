//! What clients asked and were answered, and whether it is linearizable: whether to the clients it looks as if each
//! question took effect at one moment between question and answer (Herlihy and Wing, 1990). Judged by stateright's
//! checker, object by object, which is enough since linearizability is local.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::ensure;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// A host cluster, by its number.
pub(crate) type Host = u8;

/// A question about one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Another host owns it from now on.
    Move(Host),
    /// Who owns it?
    Read,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ret {
    /// It was moved. A command that was sent twice answers so, too, where the first of them changed nothing.
    Moved,
    /// It was owned by that host already.
    Unchanged,
    /// Who owns it.
    Owner(Host),
}

/// Who owns an object.
#[derive(Debug, Clone, Copy)]
struct Owner(Host);

impl SequentialSpec for Owner {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match op {
            Op::Move(host) if self.0 == *host => Ret::Unchanged,
            Op::Move(host) => {
                self.0 = *host;
                Ret::Moved
            }
            Op::Read => Ret::Owner(self.0),
        }
    }

    fn is_valid_step(&mut self, op: &Op, ret: &Ret) -> bool {
        let answer = self.invoke(op);
        answer == *ret || (answer == Ret::Unchanged && *ret == Ret::Moved)
    }
}

#[derive(Debug, Clone)]
struct Entry {
    client: usize,
    op: Op,
    asked: u64,
    /// When and what; `None`: it was never answered, or the answer was that nobody knows.
    answered: Option<(u64, Ret)>,
}

/// A question that is under way.
#[derive(Debug)]
pub(crate) struct Asked {
    object: usize,
    at: usize,
}

/// The history of several objects.
#[derive(Debug)]
pub(crate) struct History {
    clock: AtomicU64,
    objects: Mutex<BTreeMap<usize, Vec<Entry>>>,
    first: Host,
}

impl History {
    /// Of objects that are owned by `first`.
    pub(crate) fn new(first: Host) -> Self {
        Self {
            clock: AtomicU64::new(0),
            objects: Mutex::default(),
            first,
        }
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// A client asks.
    pub(crate) fn ask(&self, client: usize, object: usize, op: Op) -> Asked {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = objects.entry(object).or_default();
        let asked = self.now();
        entries.push(Entry {
            client,
            op,
            asked,
            answered: None,
        });
        let at = entries.len() - 1;
        Asked { object, at }
    }

    /// It is answered. A question that is never answered may take effect at any time.
    pub(crate) fn answer(&self, asked: &Asked, ret: Ret) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let entry = objects
            .get_mut(&asked.object)
            .and_then(|entries| entries.get_mut(asked.at));
        if let Some(entry) = entry {
            entry.answered = Some((now, ret));
        }
    }

    /// It was refused, and has no effect.
    pub(crate) fn refuse(&self, asked: &Asked) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = objects
            .get_mut(&asked.object)
            .and_then(|entries| entries.get_mut(asked.at));
        if let Some(entry) = entry {
            // As good as a read of which nothing came back.
            entry.op = Op::Read;
        }
    }

    /// How many questions were answered.
    pub(crate) fn answered(&self) -> usize {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let all = objects.values().flatten();
        all.filter(|entry| entry.answered.is_some()).count()
    }

    /// Judges it.
    ///
    /// # Errors
    /// The object whose history fits no order, with that history.
    pub(crate) fn judge(&self) -> anyhow::Result<()> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        for (object, entries) in objects.iter() {
            let lines = || {
                let line = |entry: &Entry| {
                    let Entry {
                        client,
                        op,
                        asked,
                        answered,
                    } = entry;
                    format!("  {asked:>4} client {client}: {op:?} -> {answered:?}")
                };
                entries.iter().map(line).collect::<Vec<_>>().join("\n")
            };
            ensure!(
                is_linearizable(entries, self.first)?,
                "no order of what was asked of object {object} fits what was answered:\n{}",
                lines()
            );
        }
        Ok(())
    }
}

fn is_linearizable(entries: &[Entry], first: Host) -> anyhow::Result<bool> {
    let mut events: Vec<(u64, usize, bool)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match (entry.op, entry.answered) {
            (Op::Read, None) => {}
            (Op::Move(_), None) => events.push((entry.asked, at, true)),
            (_, Some((answered, _))) => {
                events.push((entry.asked, at, true));
                events.push((answered, at, false));
            }
        }
    }
    events.sort_unstable();
    let mut tester = LinearizabilityTester::new(Owner(first));
    for (_, at, asked) in events {
        let entry = &entries[at];
        // What was never answered is a thread of its own, which the checker looks at last: its client went on.
        let thread = match entry.answered {
            Some(_) => (0, entry.client),
            None => (1, at),
        };
        let told = if asked {
            tester.on_invoke(thread, entry.op).map(drop)
        } else if let Some((_, ret)) = entry.answered {
            tester.on_return(thread, ret).map(drop)
        } else {
            Ok(())
        };
        told.map_err(anyhow::Error::msg)?;
    }
    Ok(tester.is_consistent())
}

fn entry(client: usize, op: Op, asked: u64, answered: Option<(u64, Ret)>) -> Entry {
    Entry {
        client,
        op,
        asked,
        answered,
    }
}

#[test]
fn a_stale_read_is_caught_and_a_concurrent_one_is_not() {
    let moved = entry(1, Op::Move(2), 1, Some((4, Ret::Moved)));
    let during = entry(2, Op::Read, 2, Some((3, Ret::Owner(1))));
    let after = entry(2, Op::Read, 5, Some((6, Ret::Owner(2))));
    let stale = entry(2, Op::Read, 5, Some((6, Ret::Owner(1))));
    let right = [moved.clone(), during, after];
    assert!(is_linearizable(&right, 1).unwrap());
    assert!(!is_linearizable(&[moved, stale], 1).unwrap());
}

#[test]
fn a_move_that_was_acknowledged_and_lost_is_caught() {
    let moved = entry(1, Op::Move(2), 1, Some((2, Ret::Moved)));
    let unchanged = entry(2, Op::Move(1), 3, Some((4, Ret::Unchanged)));
    assert!(!is_linearizable(&[moved.clone(), unchanged], 1).unwrap());
    let again = entry(2, Op::Move(2), 3, Some((4, Ret::Moved)));
    assert!(is_linearizable(&[moved, again], 1).unwrap());
}

#[test]
fn what_was_never_answered_may_have_been_done_late_or_never() {
    let lost = entry(1, Op::Move(2), 1, None);
    let before = entry(2, Op::Read, 3, Some((4, Ret::Owner(1))));
    let after = entry(2, Op::Read, 5, Some((6, Ret::Owner(2))));
    let back = entry(1, Op::Read, 7, Some((8, Ret::Owner(1))));
    let fine = [lost.clone(), before.clone(), after.clone()];
    assert!(is_linearizable(&fine, 1).unwrap());
    assert!(is_linearizable(&[lost.clone(), before.clone()], 1).unwrap());
    assert!(!is_linearizable(&[lost, before, after, back], 1).unwrap());
}
