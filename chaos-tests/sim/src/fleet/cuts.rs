//! What goes wrong on the ways: between replicas, and between them and agents.

use std::time::Duration;

use super::world::{MEMBERS, World, member_host};
use crate::clients::{Ground as _, host};
use crate::dice::Dice;

/// A fault of the ways of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing reaches it, and nothing leaves it.
    Isolated,
    /// What it sends to other replicas does not arrive.
    Mute,
    /// What other replicas send to it does not arrive.
    Deaf,
    /// One other replica and it do not hear each other.
    Parted,
    /// The replicas fall into two halves, each with the members of its regions.
    Halved,
    /// It is isolated again and again, for a moment.
    Flaps,
    /// All its messages take long.
    Slow,
    /// All its connections break.
    Resets,
    /// No agent reaches it, though replicas do.
    Unreached,
    /// What an agent says to it does not arrive.
    AgentMute,
    /// What it says to an agent does not arrive.
    AgentDeaf,
}

impl Cut {
    /// One of them.
    #[must_use]
    pub fn draw(dice: &Dice) -> Self {
        match dice.between(0, 99) {
            0..20 => Self::Isolated,
            20..28 => Self::Mute,
            28..36 => Self::Deaf,
            36..46 => Self::Parted,
            46..54 => Self::Halved,
            54..64 => Self::Flaps,
            64..72 => Self::Slow,
            72..78 => Self::Resets,
            78..84 => Self::Unreached,
            84..92 => Self::AgentMute,
            _ => Self::AgentDeaf,
        }
    }

    /// Makes it, lets it last, and ends it.
    pub async fn run(self, world: &World, dice: &Dice, id: u64, lasts: Duration) {
        let (wires, me) = (&world.wires, host(id));
        let ids = world.ids();
        let others: Vec<String> = ids
            .iter()
            .filter(|other| **other != id)
            .map(|other| host(*other))
            .collect();
        let agents = || MEMBERS.iter().map(|member| member_host(member));
        let other = dice.pick(&others).cloned().unwrap_or_default();
        let agent = agents().nth(usize::try_from(dice.between(0, 2)).unwrap_or(0));
        let agent = agent.unwrap_or_default();
        let wait = || tokio::time::sleep(lasts);
        let both = |a: &str, b: &str| [(a.to_owned(), b.to_owned()), (b.to_owned(), a.to_owned())];
        let ways: Vec<(String, String)> = match self {
            Self::Isolated => {
                wires.darken(&me);
                wait().await;
                wires.lighten(&me);
                return;
            }
            Self::Flaps => {
                for _ in 0..dice.between(3, 8) {
                    wires.darken(&me);
                    tokio::time::sleep(dice.millis(50, 2_000)).await;
                    wires.lighten(&me);
                    tokio::time::sleep(dice.millis(50, 2_000)).await;
                }
                return;
            }
            Self::Slow => {
                let by = dice.millis(20, 400);
                let there: Vec<String> = others.iter().cloned().chain(agents()).collect();
                let slow = |by: Duration| {
                    for there in &there {
                        wires.slow(&me, there, by);
                        wires.slow(there, &me, by);
                    }
                };
                slow(by);
                wait().await;
                slow(Duration::ZERO);
                return;
            }
            Self::Resets => {
                for there in others.iter().cloned().chain(agents()) {
                    wires.reset(&me, &there);
                }
                return;
            }
            Self::Mute => others
                .iter()
                .map(|other| (me.clone(), other.clone()))
                .collect(),
            Self::Deaf => others
                .iter()
                .map(|other| (other.clone(), me.clone()))
                .collect(),
            Self::Parted => both(&me, &other).into(),
            Self::Halved => {
                let side = |host: &str| host == me || host.ends_with(&agent);
                let all: Vec<String> = others
                    .iter()
                    .cloned()
                    .chain([me.clone()])
                    .chain(agents())
                    .collect();
                let (here, there): (Vec<_>, Vec<_>) = all.into_iter().partition(|h| side(h));
                let pairs = here
                    .iter()
                    .flat_map(|h| there.iter().map(move |t| (h.clone(), t.clone())));
                pairs.flat_map(|(h, t)| both(&h, &t)).collect()
            }
            Self::Unreached => agents().flat_map(|agent| both(&me, &agent)).collect(),
            Self::AgentMute => vec![(agent, me.clone())],
            Self::AgentDeaf => vec![(me.clone(), agent)],
        };
        ways.iter().for_each(|(from, to)| wires.cut(from, to));
        wait().await;
        ways.iter().for_each(|(from, to)| wires.mend(from, to));
    }
}
