//! Numbers made coarse before they may change a plan.
//!
//! A pod more or less among many should not move traffic, nor cost a commit. So a count keeps its five highest binary
//! digits: up to 32 it is exact, beyond that its steps are at most a sixteenth of it. What can serve is rounded down and
//! what is demanded is rounded up, so that a plan never counts on more than there is.
//!
//! Near a step a count may still wander from one side to the other. What the plan had before would be the argument that
//! mends it; the seam is here.

use causeway_api::plan::Rate;

/// How many binary digits are kept.
const DIGITS: u32 = 5;

/// A count of ready endpoints, rounded down: exact up to 32, never zero where it was not.
#[must_use]
pub fn ready(count: u32) -> u32 {
    let step = u32::try_from(step(u64::from(count))).unwrap_or(1);
    count - count % step
}

/// A measured demand, rounded up by at most a sixteenth, in thousandths of a request per second. A declared demand needs
/// no rounding: it does not wander.
#[must_use]
pub fn demand(rate: Rate) -> Rate {
    let step = step(rate.0);
    Rate(rate.0.div_ceil(step).saturating_mul(step))
}

/// A rate that was seen, rounded down by at most a sixteenth.
#[must_use]
pub fn seen(rate: Rate) -> Rate {
    Rate(rate.0 - rate.0 % step(rate.0))
}

/// The size of a step at a value: the power of two that leaves its five highest digits.
fn step(value: u64) -> u64 {
    let digits = u64::BITS - value.leading_zeros();
    1_u64 << digits.saturating_sub(DIGITS).min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_exact_and_large_ones_are_near() {
        for count in 0..=32 {
            assert_eq!(ready(count), count);
        }
        for count in [33, 100, 999, 5_000, u32::MAX] {
            let coarse = ready(count);
            assert!(
                coarse <= count && count - coarse <= count / 16,
                "{count} → {coarse}"
            );
        }
        assert_eq!(ready(1_000), ready(1_007));
    }

    #[test]
    fn demand_is_never_understated() {
        for rate in [0, 1, 31, 1_000, 1_840_000, u64::MAX / 2] {
            let coarse = demand(Rate(rate)).0;
            assert!(
                coarse >= rate && coarse - rate <= rate / 16 + 1,
                "{rate} → {coarse}"
            );
        }
        assert_eq!(demand(Rate(u64::MAX)), Rate(u64::MAX));
    }
}
