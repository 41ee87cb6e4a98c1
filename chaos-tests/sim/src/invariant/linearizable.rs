//! Commands and reads are linearizable: to the clients it looks as if each took effect at one moment between question
//! and answer (Herlihy and Wing, 1990). Judged by stateright's checker, register by register, which is enough since
//! linearizability is local.

use std::collections::BTreeMap;

use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

use crate::clients::{Entry, Op, Ret};

/// A register that is set and read.
#[derive(Debug, Clone, Default)]
struct Register(Option<u64>);

/// A question, as the specification sees it.
#[derive(Debug, Clone, PartialEq)]
enum Question {
    Write(u64),
    Read,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Written,
    Value(Option<u64>),
}

impl SequentialSpec for Register {
    type Op = Question;
    type Ret = Answer;

    fn invoke(&mut self, op: &Question) -> Answer {
        match op {
            Question::Write(value) => {
                self.0 = Some(*value);
                Answer::Written
            }
            Question::Read => Answer::Value(self.0),
        }
    }
}

/// Judges all that clients asked and were answered.
///
/// # Errors
/// The register whose history fits no order, with that history.
pub fn judge(entries: &[Entry]) -> Result<(), String> {
    let mut registers: BTreeMap<u64, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        registers.entry(entry.register).or_default().push(entry);
    }
    for (register, entries) in registers {
        if !is_linearizable(&entries)? {
            let lines: Vec<String> = entries
                .iter()
                .map(|entry| {
                    format!(
                        "  {:>4} client{} {:?} -> {:?}",
                        entry.asked, entry.client, entry.op, entry.answered
                    )
                })
                .collect();
            return Err(format!(
                "no order of what was asked of m{register} fits what was answered:\n{}",
                lines.join("\n")
            ));
        }
    }
    Ok(())
}

fn is_linearizable(entries: &[&Entry]) -> Result<bool, String> {
    let mut events: Vec<(u64, usize, bool)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match (entry.op, entry.answered) {
            // It had no effect, or told nothing.
            (_, Some((_, Ret::Refused))) | (Op::Read, None | Some((_, Ret::Unknown))) => {}
            // It may take effect at any time from then on.
            (Op::Write(_), None | Some((_, Ret::Unknown))) => events.push((entry.asked, at, true)),
            (_, Some((answered, _))) => {
                events.push((entry.asked, at, true));
                events.push((answered, at, false));
            }
        }
    }
    events.sort_unstable();
    // Each question is a thread of its own: a client goes on after a question that was never answered.
    let mut tester = LinearizabilityTester::new(Register::default());
    for (_, at, asked) in events {
        let Some(entry) = entries.get(at) else {
            continue;
        };
        if asked {
            let question = match entry.op {
                Op::Write(value) => Question::Write(value),
                Op::Read => Question::Read,
            };
            tester.on_invoke(at, question)?;
        } else {
            let answer = match entry.answered {
                Some((_, Ret::Value(value))) => Answer::Value(value),
                _ => Answer::Written,
            };
            tester.on_return(at, answer)?;
        }
    }
    Ok(tester.is_consistent())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(client: u64, op: Op, asked: u64, answered: Option<(u64, Ret)>) -> Entry {
        Entry {
            client,
            register: 1,
            op,
            asked,
            answered,
        }
    }

    #[test]
    fn a_stale_read_is_caught_and_a_concurrent_one_is_not() {
        let write = entry(1, Op::Write(5), 1, Some((4, Ret::Written(7))));
        let during = entry(2, Op::Read, 2, Some((3, Ret::Value(None))));
        let after = entry(2, Op::Read, 5, Some((6, Ret::Value(None))));
        let right = entry(2, Op::Read, 5, Some((6, Ret::Value(Some(5)))));
        assert!(judge(&[write, during, right]).is_ok());
        assert!(judge(&[write, after]).is_err());
    }

    #[test]
    fn what_was_never_answered_may_have_been_done_late_or_never() {
        let lost = entry(1, Op::Write(5), 1, Some((2, Ret::Unknown)));
        let none = entry(2, Op::Read, 3, Some((4, Ret::Value(None))));
        let some = entry(2, Op::Read, 5, Some((6, Ret::Value(Some(5)))));
        assert!(judge(&[lost, none, some]).is_ok());
        let back = entry(2, Op::Read, 7, Some((8, Ret::Value(None))));
        assert!(judge(&[lost, none, some, back]).is_err());
        let refused = entry(1, Op::Write(5), 1, Some((2, Ret::Refused)));
        assert!(judge(&[refused, some]).is_err());
    }
}
