//! The detectors that are compared.

use std::time::Duration;

use causeway_api::verdict::Ballot;
use causeway_discovery::probe::{Adaptive, Outcome};
use causeway_seam::Monotonic;

/// Which detector an observer has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Ours, and observers that suspect themselves.
    Adaptive,
    /// So many failures in a row.
    InARow(u32),
    /// No answer for so many milliseconds.
    Timeout(u64),
    /// Phi accrual over the times between answers, with this threshold.
    Phi(f64),
}

pub(crate) enum Any {
    Adaptive(Adaptive),
    InARow(InARow),
    Timeout(Timeout),
    Phi(Phi),
}

impl Any {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Adaptive => Self::Adaptive(Adaptive::new(3, "")),
            Kind::InARow(threshold) => Self::InARow(InARow {
                threshold,
                reached: false,
                failures: 0,
            }),
            Kind::Timeout(ms) => Self::Timeout(Timeout {
                after_ms: ms,
                last_ms: None,
                now_ms: 0,
            }),
            Kind::Phi(threshold) => Self::Phi(Phi {
                threshold,
                between: Vec::new(),
                next: 0,
                last_ms: None,
                now_ms: 0,
            }),
        }
    }

    pub(crate) fn observe(&mut self, at_ms: u64, answered: bool) {
        let at = Monotonic(Duration::from_millis(at_ms));
        let outcome = Outcome {
            failure: (!answered).then(String::new),
        };
        match self {
            Self::Adaptive(detector) => detector.observe(at, &outcome),
            Self::InARow(detector) => detector.observe(answered),
            Self::Timeout(detector) => {
                detector.now_ms = at_ms;
                if answered {
                    detector.last_ms = Some(at_ms);
                }
            }
            Self::Phi(detector) => detector.observe(at_ms, answered),
        }
    }

    pub(crate) fn ballot(&self) -> Ballot {
        match self {
            Self::Adaptive(detector) => detector.ballot(),
            Self::InARow(detector) => detector.ballot(),
            Self::Timeout(Timeout {
                after_ms,
                last_ms,
                now_ms,
            }) => match last_ms {
                None => Ballot::Abstain,
                Some(last) if now_ms - last >= *after_ms => Ballot::Unreachable,
                Some(_) => Ballot::Reachable,
            },
            Self::Phi(detector) => detector.ballot(),
        }
    }

    /// What an observer counts that suspects itself; the plain detectors' observers don't.
    pub(crate) fn failing(&self) -> Option<bool> {
        match self {
            Self::Adaptive(detector) => detector.failing(),
            _ => None,
        }
    }

    /// Its observer was impaired.
    pub(crate) fn forgive(&mut self) {
        if let Self::Adaptive(detector) = self {
            detector.forgive();
        }
    }
}

/// So many failures in a row, and nothing else.
pub(crate) struct InARow {
    threshold: u32,
    reached: bool,
    failures: u32,
}

impl InARow {
    fn observe(&mut self, answered: bool) {
        self.reached |= answered;
        self.failures = if answered { 0 } else { self.failures + 1 };
    }

    fn ballot(&self) -> Ballot {
        match (self.reached, self.failures >= self.threshold) {
            (false, _) => Ballot::Abstain,
            (true, true) => Ballot::Unreachable,
            (true, false) => Ballot::Reachable,
        }
    }
}

pub(crate) struct Timeout {
    after_ms: u64,
    last_ms: Option<u64>,
    now_ms: u64,
}

/// Hayashibara's detector in its plain form: times between answers as a normal distribution, the last hundred of them.
pub(crate) struct Phi {
    threshold: f64,
    between: Vec<f64>,
    next: usize,
    last_ms: Option<u64>,
    now_ms: u64,
}

impl Phi {
    fn observe(&mut self, at_ms: u64, answered: bool) {
        self.now_ms = at_ms;
        if !answered {
            return;
        }
        if let Some(last) = self.last_ms {
            #[allow(clippy::cast_precision_loss)]
            let between = (at_ms - last) as f64;
            if self.between.len() < 100 {
                self.between.push(between);
            } else {
                self.between[self.next % 100] = between;
            }
            self.next += 1;
        }
        self.last_ms = Some(at_ms);
    }

    fn ballot(&self) -> Ballot {
        let Some(last) = self.last_ms else {
            return Ballot::Abstain;
        };
        if self.between.len() < 10 {
            return Ballot::Reachable;
        }
        #[allow(clippy::cast_precision_loss)]
        let (count, since) = (self.between.len() as f64, (self.now_ms - last) as f64);
        let mean = self.between.iter().sum::<f64>() / count;
        let spread = self.between.iter().map(|b| (b - mean).powi(2)).sum::<f64>() / count;
        let z = (since - mean) / spread.sqrt().max(50.0);
        if z > 1.0 && phi(z) >= self.threshold {
            Ballot::Unreachable
        } else {
            Ballot::Reachable
        }
    }
}

/// −log₁₀ of the upper tail of the normal distribution, by its usual asymptotic form.
fn phi(z: f64) -> f64 {
    (z * z / 2.0 + (z * (2.0 * std::f64::consts::PI).sqrt()).ln()) / std::f64::consts::LN_10
}
