//! Whether a replica that introduces itself may have a link, and what it hears if not. Both sides ask this.

use std::collections::BTreeMap;

use super::Known;
use causeway_api::ReplicaId;
use causeway_api::peer::{Fenced, PeerHello};

/// Why there is no link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It hears the sentence.
    Refused {
        /// Why, with the remedy.
        reason: String,
        /// Whether to try again soon.
        retry: bool,
    },
    /// It has no part in the clusterset any more: it is of an older incarnation, or was removed.
    Fenced(Fenced),
}

/// Judges `other`, whose certificate names `identity` (`None` where the transport has none), from where `me` stands and knows of replicas.
///
/// # Errors
/// [`Unfit`], with what the other side is to hear.
pub fn judge(
    me: &PeerHello,
    known: &BTreeMap<ReplicaId, Known>,
    identity: Option<&str>,
    other: &PeerHello,
) -> Result<(), Unfit> {
    let refuse = |retry, reason: String| Err(Unfit::Refused { reason, retry });
    let (here, there) = (me.replica, other.replica);
    if let Some(found) = identity.filter(|name| *name != there.to_string()) {
        return refuse(
            false,
            format!(
                "the certificate is of replica {found}, and it introduced itself as {there}: give replica {there} a \
                 certificate of its own (causeway certs replica --name {there})"
            ),
        );
    }
    if there == here {
        // Who was told to join a name that is of all replicas may meet itself: next time another one answers.
        let itself = other.boot == me.boot;
        return refuse(
            itself && other.to.is_none(),
            if itself {
                format!("replica {here} dialled itself: check the addresses of the other replicas")
            } else {
                format!(
                    "the id {here} is used twice: another process runs as replica {here} (at {}); stop one of them for good",
                    or_unknown(&me.addresses.peers)
                )
            },
        );
    }
    if let Some(wanted) = other.to.filter(|wanted| *wanted != here) {
        return refuse(
            true,
            format!(
                "replica {wanted} was looked for at this address, and here is {here}: correct --peer-address of {wanted}"
            ),
        );
    }
    if other.protocols.common(me.protocols).is_none() {
        return refuse(
            false,
            format!(
                "replica {there} speaks protocol {} between replicas, and {here} {}: upgrade the one with the lower number",
                other.protocols, me.protocols
            ),
        );
    }
    if other.clusterset != 0 && me.clusterset != 0 && other.clusterset != me.clusterset {
        return refuse(
            false,
            format!(
                "replica {there} belongs to another clusterset than {here} ({:016x} and {:016x}): it was started with another \
                 clusterset's data folder, or with the addresses of this one. Start {there} with the data folder that is its \
                 own here, or with an empty one under a new --replica-id and --join; or correct its --join and --peer-address \
                 (causeway replica inspect --data-dir shows whose a data folder is)",
                other.clusterset, me.clusterset
            ),
        );
    }
    let row = known.get(&there);
    let incarnation = me.highest.incarnation;
    // Only a wiped folder, or another one, has another number.
    let same = |row: &&Known| row.folder == 0 || row.folder == other.folder;
    let ours = row.filter(same).is_some_and(|row| row.removed.is_none());
    if other.highest.incarnation != 0 && other.highest.incarnation < incarnation && !ours {
        return Err(Unfit::Fenced(Fenced {
            incarnation,
            by: here,
            removed: None,
        }));
    }
    if let Some(at) = row.and_then(|row| row.removed) {
        // It got no entries since, so that it need not know.
        if other.highest.incarnation != 0 {
            return Err(Unfit::Fenced(Fenced {
                incarnation,
                by: here,
                removed: Some(at),
            }));
        }
        return refuse(
            false,
            format!(
                "replica {there} was removed, and an id is never used twice: empty its data folder, start it under a new id \
                 and add that (causeway replica add)"
            ),
        );
    }
    if row.is_some() && !ours {
        return refuse(
            false,
            format!(
                "the data folder of replica {there} is not the one that it was added with: an id is never used twice. Remove \
                 {there} (causeway replica remove {there}) and add this one under a new id"
            ),
        );
    }
    if other.features.common(me.features).is_none() {
        return refuse(
            false,
            format!(
                "replica {there} knows feature levels {}, and {here} {}: upgrade one version at a time",
                other.features, me.features
            ),
        );
    }
    Ok(())
}

fn or_unknown(address: &str) -> &str {
    if address.is_empty() {
        "an unknown address"
    } else {
        address
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use causeway_api::Generation;
    use causeway_api::peer::{Lane, PeerAddresses, Range};

    use super::*;

    fn hello(id: u64) -> PeerHello {
        PeerHello {
            replica: ReplicaId(id),
            to: None,
            lane: Lane::Raft,
            protocols: Range {
                oldest: 1,
                newest: 1,
            },
            features: Range {
                oldest: 1,
                newest: 1,
            },
            version: "0.1.0".into(),
            boot: id * 10,
            folder: id * 100,
            clusterset: 7,
            highest: Generation {
                incarnation: 2,
                term: 1,
                index: 1,
            },
            domain: "d".into(),
            addresses: PeerAddresses::default(),
            others: Vec::new(),
        }
    }

    fn members() -> BTreeMap<ReplicaId, Known> {
        let row = |id: u64, removed: Option<Generation>| Known {
            folder: id * 100,
            removed,
        };
        let at = Generation {
            incarnation: 2,
            term: 1,
            index: 9,
        };
        BTreeMap::from([
            (ReplicaId(1), row(1, None)),
            (ReplicaId(2), row(2, None)),
            (ReplicaId(5), row(5, Some(at))),
        ])
    }

    fn reason(other: &PeerHello, identity: &str) -> String {
        match judge(&hello(1), &members(), Some(identity), other).unwrap_err() {
            Unfit::Refused { reason, .. } => reason,
            Unfit::Fenced(fenced) => match fenced.removed {
                Some(at) => format!("removed at {at}"),
                None => format!("fenced by incarnation {}", fenced.incarnation),
            },
        }
    }

    #[test]
    fn a_fit_replica_is_taken() {
        assert_eq!(judge(&hello(1), &members(), Some("r2"), &hello(2)), Ok(()));
        // One that waits to be added.
        let mut new = hello(4);
        new.clusterset = 0;
        new.highest = Generation::default();
        assert_eq!(judge(&hello(1), &members(), Some("r4"), &new), Ok(()));
        // One of the members that has not caught up with the new incarnation.
        let mut behind = hello(2);
        behind.highest.incarnation = 1;
        assert_eq!(judge(&hello(1), &members(), Some("r2"), &behind), Ok(()));
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        assert!(reason(&hello(2), "r3").contains("certs replica --name r2"));
        assert!(reason(&hello(1), "r1").contains("dialled itself"));
        let mut twin = hello(1);
        twin.boot = 99;
        assert!(reason(&twin, "r1").contains("used twice"));
        let mut lost = hello(2);
        lost.to = Some(ReplicaId(3));
        assert!(reason(&lost, "r2").contains("r3 was looked for"));
        let mut newer = hello(2);
        newer.protocols = Range {
            oldest: 2,
            newest: 3,
        };
        assert!(reason(&newer, "r2").contains("protocol 2-3"));
        let mut foreign = hello(2);
        foreign.clusterset = 8;
        assert!(reason(&foreign, "r2").contains("another clusterset"));
        let mut wiped = hello(2);
        wiped.folder = 5;
        assert!(reason(&wiped, "r2").contains("replica remove r2"));
        assert_eq!(reason(&hello(5), "r5"), "removed at 2/1/9");
        // Another one, with an empty folder, under an id that is used up.
        let mut again = hello(5);
        (again.highest, again.clusterset, again.folder) = (Generation::default(), 0, 501);
        assert!(reason(&again, "r5").contains("under a new id"));
        let mut ahead = hello(2);
        ahead.features = Range {
            oldest: 3,
            newest: 4,
        };
        assert!(reason(&ahead, "r2").contains("one version at a time"));
        let mut old = hello(3);
        old.highest.incarnation = 1;
        assert_eq!(reason(&old, "r3"), "fenced by incarnation 2");
        // A member of before under the id of one of now.
        let mut old = hello(2);
        (old.highest.incarnation, old.folder) = (1, 5);
        assert_eq!(reason(&old, "r2"), "fenced by incarnation 2");
    }
}
