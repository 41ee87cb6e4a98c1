//! Sees every write into every member, in order, and judges it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_memory::Change;
use serde_json::Value;

use super::members::Member;
use super::world::World;
use crate::invariant::{Generations, NoFlap, NotEmpty, OneWriter};

/// Kinds that agents write.
const OURS: [&str; 4] = [
    "Gateway",
    "DestinationRule",
    "ServiceEntry",
    "WorkloadEntry",
];

/// The label of what is ours.
const OWNER: &str = "/metadata/labels/causeway.dev~1owner";

/// Judges the writes into one member.
#[derive(Default)]
struct Judges {
    seen: u64,
    writer: OneWriter,
    generations: Generations,
    not_empty: NotEmpty,
    flap: NoFlap,
    excused: Option<std::time::Duration>,
}

/// Witnesses of all members.
pub struct Witness {
    world: Arc<World>,
    /// Whether policies may forbid regions.
    residency: bool,
    judges: Vec<Mutex<Judges>>,
}

/// A text in an object.
pub(crate) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

impl Witness {
    /// Of the world as it is; `residency`: policies may forbid regions.
    #[must_use]
    pub fn new(world: &Arc<World>, residency: bool) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            residency,
            judges: world.members.iter().map(|_| Mutex::default()).collect(),
        })
    }

    /// For as long as `until`, writes of a member that come late are excused from the rule of one writer: its process was
    /// frozen, or its API server slow.
    pub fn excuse(&self, member: &str, until: std::time::Duration) {
        for (at, held) in self.world.members.iter().enumerate() {
            if held.name == member {
                self.judges(at).excused = Some(until);
            }
        }
    }

    /// Somebody changes a service somewhere now.
    pub fn caused(&self, service: &str) {
        for at in 0..self.judges.len() {
            self.judges(at)
                .flap
                .caused(service, self.world.history.now());
        }
    }

    /// Follows one member for as long as it is let.
    pub async fn follow(self: Arc<Self>, at: usize) {
        let Some(member) = self.world.members.get(at) else {
            return;
        };
        let mut changes = member.cluster.subscribe();
        loop {
            self.look(at);
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Judges what is new in a member; to be called before its history is forgotten.
    pub fn look(&self, at: usize) {
        let Some(member) = self.world.members.get(at) else {
            return;
        };
        let mut judges = self.judges(at);
        let Some(changes) = member.cluster.journal(judges.seen) else {
            judges.seen = member.cluster.revision();
            return;
        };
        for change in changes {
            judges.seen = change.revision;
            self.judge(&mut judges, member, &change);
        }
    }

    fn judges(&self, at: usize) -> MutexGuard<'_, Judges> {
        static NONE: Mutex<Judges> = Mutex::new(Judges {
            seen: 0,
            writer: OneWriter::new(),
            generations: Generations::new(),
            not_empty: NotEmpty::new(),
            flap: NoFlap::new(),
            excused: None,
        });
        let judges = self.judges.get(at).unwrap_or(&NONE);
        judges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, judges: &mut Judges, member: &Member, change: &Change) {
        let history = &self.world.history;
        if change.kind == "Lease" {
            if change.key == "causeway-system/causeway-agent" {
                let epoch = change
                    .after
                    .as_ref()
                    .map(|lease| text(lease, "/metadata/annotations/causeway.dev~1epoch"));
                let epoch = epoch.and_then(|epoch| epoch.parse().ok());
                judges.writer.lease(epoch);
                if let Some(epoch) = epoch {
                    judges.flap.lease(epoch, history.now());
                }
            }
            return;
        }
        let object = change.after.as_ref().or(change.before.as_ref());
        let ours = object.is_some_and(|object| text(object, OWNER) == "causeway");
        if !ours || !OURS.contains(&change.kind) {
            return;
        }
        let what = match (&change.before, &change.after) {
            (None, _) => "created",
            (_, None) => "deleted",
            _ => "changed",
        };
        let generation = object.map_or("", |object| {
            text(object, "/metadata/annotations/causeway.dev~1generation")
        });
        history.note(
            &format!("api-{}", member.name),
            format_args!("{what} {} {} ({generation})", change.kind, change.key),
        );
        let excused = judges.excused.is_some_and(|until| history.now() <= until);
        let found = [
            ("one_writer", judges.writer.see(change, excused)),
            ("generations", judges.generations.see(change)),
            ("no_flap", judges.flap.see(change, history.now())),
            (
                "not_empty",
                judges
                    .not_empty
                    .see(change, |service| self.has_others(member, service)),
            ),
        ];
        for (invariant, result) in found {
            if let Err(message) = result {
                history.violated(invariant, format_args!("member {}: {message}", member.name));
            }
        }
    }

    /// Whether callers of a service in a member have nobody but other members to call, and these offer it.
    fn has_others(&self, member: &Member, service: &str) -> bool {
        let offers = |other: &Member| other.exports(service) && other.ready(service) > 0;
        let mut others = self
            .world
            .members
            .iter()
            .filter(|other| other.name != member.name);
        // Where policies may forbid one of the others, only both together leave callers somewhere to go for sure.
        member.ready(service) == 0
            && match self.residency {
                true => others.all(offers),
                false => others.any(offers),
            }
    }
}
