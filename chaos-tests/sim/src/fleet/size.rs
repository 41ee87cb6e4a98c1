//! How large a clusterset is and how long its trouble lasts. Most seeds are small, so that there can be many of them; some are
//! large.

use std::time::Duration;

use super::members::SERVICES;
use crate::dice::Dice;

/// How large one is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Replicas at the beginning.
    pub replicas: u64,
    /// Services in each member.
    pub services: &'static [&'static str],
    /// How long there is trouble.
    pub trouble: Duration,
    /// How many of a hundred faults last as long as a Lease, or a hold.
    pub long_percent: u64,
    /// Whether operators change replicas.
    pub operated: bool,
    /// Whether the quorum is lost for good.
    pub disaster: bool,
    /// Whether policies may forbid regions.
    pub residency: bool,
}

impl Size {
    /// That of a seed.
    #[must_use]
    pub fn draw(dice: &Dice) -> Self {
        let large = dice.percent(15);
        let some = usize::try_from(dice.between(1, 2)).unwrap_or(1);
        Self {
            replicas: if large && dice.percent(50) { 5 } else { 3 },
            services: match large {
                true => &SERVICES,
                false => SERVICES.get(..some).unwrap_or(&SERVICES),
            },
            trouble: match large {
                true => dice.millis(20_000, 60_000),
                false => dice.millis(6_000, 18_000),
            },
            long_percent: if large { 25 } else { 12 },
            operated: dice.percent(if large { 60 } else { 8 }),
            disaster: dice.percent(if large { 40 } else { 6 }),
            residency: dice.percent(50),
        }
    }
}
