//! Facts between replicas: what a replica says to each other one, and what it makes of what it hears. No IO, no clock.
//!
//! * [`Giver`]: one connection's giving end: first-hand facts at once, what was asked for, and a digest now and then. It
//!   remembers names and versions only, so that a slow peer costs memory for what differs and never for how often it
//!   changed;
//! * [`Taker`]: the taking end of all connections: merges, asks one peer for what is missing, never two at a time;
//! * [`Recent`]: the last deltas, so that who missed some is sent those and not the whole;
//! * [`Presences`]: which replica has, or had, the session of which member.
//!
//! Versions decide everything ([`FactStore::merge`]): what comes twice, late or in another order does no harm.

mod giver;
mod presence;
mod recent;
mod taker;

use causeway_api::FactVersion;
use causeway_api::exchange::{GivenFacts, OwnerHeld};
use causeway_api::facts::FactDelta;
use causeway_index::{ApplyError, FactStore, OwnerFacts, Touched};

pub use giver::{Asked, Giver};
pub use presence::{Presences, Seen};
pub use recent::Recent;
pub use taker::{Changed, Heard, Taker};

/// What a store holds of each owner, by name.
pub fn table(facts: &FactStore) -> impl Iterator<Item = OwnerHeld> + '_ {
    facts.owners().map(|(owner, held)| OwnerHeld {
        owner: owner.clone(),
        version: held.version,
        stated: held.stated,
    })
}

/// A fingerprint of a store's table: FNV-1a of 64 bits. It finds what accidents left different.
#[must_use]
pub fn digest(facts: &FactStore) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for (owner, held) in facts.owners() {
        add(owner.as_str().as_bytes());
        add(&[0xff]);
        for version in [held.version, held.stated] {
            add(&version.epoch.to_le_bytes());
            add(&version.sequence.to_le_bytes());
        }
    }
    hash
}

/// What came of an agent's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstHand {
    /// What differs from before.
    pub touched: Touched,
    /// Whether it was newer than what was held; only then there is something to pass on.
    pub newer: bool,
    /// The version that it followed; `None`: it replaced what was held.
    pub base: Option<FactVersion>,
    /// Whether only now the owner has spoken of more than itself.
    pub became_whole: bool,
}

/// Applies an agent's own word, and remembers it for other replicas as it was understood here.
///
/// # Errors
/// [`ApplyError`] where it was not applied; nothing has changed then.
pub fn hear_first_hand(
    facts: &mut FactStore,
    recent: &mut Recent,
    delta: FactDelta,
) -> Result<FirstHand, ApplyError> {
    let owner = delta.owner.clone();
    let before = facts.owner(&owner).map(|held| held.version);
    let was_whole = facts.owner(&owner).is_some_and(OwnerFacts::is_whole);
    // One row never replaces what was stated; see `FactStore::apply`.
    let alone = delta.rows() == 1 && delta.member.is_some() && was_whole;
    let base = if alone { before } else { delta.base };
    let kept = base.map(|_| delta.clone());
    let touched = facts.apply(delta)?;
    let Some(held) = facts.owner(&owner) else {
        return Ok(FirstHand {
            touched,
            newer: false,
            base,
            became_whole: false,
        });
    };
    let newer = before < Some(held.version);
    if newer {
        match kept {
            Some(mut delta) => {
                delta.base = base;
                if delta.member.is_some() {
                    delta.member.clone_from(&held.member);
                }
                recent.push(GivenFacts {
                    delta,
                    stated: held.stated,
                });
            }
            None => recent.forget(&owner),
        }
    }
    Ok(FirstHand {
        touched,
        newer,
        base,
        became_whole: !was_whole && held.is_whole(),
    })
}
