//! What benches measure with, and one measure as they print it and `cargo xtask bench` reads it.
//!
//! ```
//! # use causeway_measure::Measure;
//! let measure = Measure::of("plan", "one service", 33.5, "µs").beside(622.0).aim("≤ 50 µs");
//! measure.print();
//! ```

use serde::{Deserialize, Serialize};

/// One measure. Numbers are what they were measured as; `unit` says of what.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The bench that it comes from.
    pub bench: String,
    /// What was measured, with its conditions.
    pub measure: String,
    /// What it is.
    pub ours: f64,
    /// What the same work took a peer, or the least that it can take, in the same run.
    pub peer_or_floor: Option<f64>,
    /// Of both.
    pub unit: String,
    /// Ours ÷ peer or floor.
    pub ratio: Option<f64>,
    /// What we hold ourselves to: `≤ 1.5`, `≤ 250 B`.
    pub aim: Option<String>,
}

impl Measure {
    /// Beside nothing, without an aim.
    #[must_use]
    pub fn of(bench: &str, measure: impl Into<String>, ours: f64, unit: &str) -> Self {
        Self {
            bench: bench.to_owned(),
            measure: measure.into(),
            ours,
            peer_or_floor: None,
            unit: unit.to_owned(),
            ratio: None,
            aim: None,
        }
    }

    /// Beside what a peer took, or the least that it can take. There is no ratio to nothing.
    #[must_use]
    pub fn beside(mut self, other: impl Into<Option<f64>>) -> Self {
        self.peer_or_floor = other.into();
        let other = self.peer_or_floor.filter(|other| *other > 0.0);
        self.ratio = other.map(|other| self.ours / other);
        self
    }

    /// With another ratio than that of the two numbers, such as the median of the ratios of what was measured in turn.
    #[must_use]
    pub fn ratio(mut self, ratio: impl Into<Option<f64>>) -> Self {
        self.ratio = ratio.into();
        self
    }

    /// With what we hold ourselves to.
    #[must_use]
    pub fn aim<'a>(mut self, aim: impl Into<Option<&'a str>>) -> Self {
        self.aim = aim.into().map(str::to_owned);
        self
    }

    /// Prints it as a line of JSON.
    pub fn print(&self) {
        println!("{}", serde_json::json!(self));
    }
}

/// The value at this part of the sorted values; not a number where there are none.
#[must_use]
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among values"
    )]
    let at = (part * last as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The middle value.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The middle of the ratios of what was measured together.
#[must_use]
pub fn paired(ours: &[f64], other: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours
        .iter()
        .zip(other)
        .map(|(ours, other)| ours / other)
        .collect();
    median(&ratios)
}

/// What this thread has had of a processor, in nanoseconds (Documentation/scheduler/sched-stats.rst of Linux); 0 where the
/// system doesn't say.
#[must_use]
pub fn processor_ns() -> u64 {
    of_file("/proc/thread-self/schedstat", 0).unwrap_or_default()
}

/// What of this process is resident, in bytes (proc_pid_statm(5), in pages of 4 KiB); 0 where the system doesn't say.
#[must_use]
pub fn resident_bytes() -> u64 {
    of_file("/proc/self/statm", 1).unwrap_or_default() * 4096
}

/// A number of a file of numbers.
fn of_file(path: &str, at: usize) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_ratio_to_nothing_and_pairs_have_their_own() {
        let measure = |other| Measure::of("b", "m", 3.0, "s").beside(other);
        assert_eq!(measure(2.0).ratio, Some(1.5));
        assert_eq!(
            (measure(0.0).peer_or_floor, measure(0.0).ratio),
            (Some(0.0), None)
        );
        assert_eq!(measure(2.0).ratio(7.0).aim("≤ 8").ratio, Some(7.0));
        assert_eq!(paired(&[2.0, 9.0, 8.0], &[1.0, 3.0, 2.0]), 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn work_takes_time_on_a_processor() {
        let began = processor_ns();
        let mut sum = 0_u64;
        while processor_ns() == began {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(resident_bytes() > 0, "{sum}");
    }
}
