//! Overrides by people: each beats automation, has a time to live, and is kept with who asked for it and why.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::Domain;
use crate::ids::{Name, NameError, Region, ServiceKey};
use crate::spec::{PolicyKey, defaults};

/// Namespace and name of an override.
pub type ShiftKey = PolicyKey;

/// An override. A client of the admin API sends one as what it asks for; `root` and `requested_by` are then the server's to
/// say, from the namespace and the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Namespace and name.
    pub key: ShiftKey,
    /// Whether it stands in the root namespace: only there may it be about all services.
    pub root: bool,
    /// What is done.
    pub action: ShiftAction,
    /// The services that it is about; empty: all of its namespace (root: of all namespaces).
    pub targets: BTreeSet<ServiceKey>,
    /// How fast.
    pub urgency: Urgency,
    /// Steps of a planned move, in percent, rising, the last 100; empty: at once.
    pub step_percents: Vec<u8>,
    /// How long each step is watched, in milliseconds of cluster time.
    pub interval_ms: u64,
    /// It ends so long after it was accepted, in milliseconds of cluster time.
    pub expires_after_ms: u64,
    /// What happens then.
    pub on_expiry: OnExpiry,
    /// Safety rules that it overrides, by name.
    pub override_rules: BTreeSet<String>,
    /// How many people other than the requester must approve it before it takes effect.
    pub approvals_required: u32,
    /// Plan, judge and report; change nothing.
    pub dry_run: bool,
    /// Who asks for it, as authenticated.
    pub requested_by: String,
    /// Why.
    pub reason: String,
    /// A reference into a system of change requests.
    pub ticket: Option<String>,
    /// It takes effect at this time of day, in milliseconds since 1970, by the clock of whoever leads then; `None`: as soon as
    /// it has its approvals. Its time to live begins then.
    pub starts_at_ms: Option<u64>,
    /// It ends at this time of day, in milliseconds since 1970, unless its time to live is over before.
    pub ends_at_ms: Option<u64>,
}

impl Shift {
    /// An override without anything but what it does, where, for how long and why: at once, in one step, without approvals.
    #[must_use]
    pub fn new(key: ShiftKey, action: ShiftAction, expires_after_ms: u64, reason: &str) -> Self {
        Self {
            root: key.namespace.as_str() == defaults::ROOT_NAMESPACE,
            key,
            action,
            targets: BTreeSet::new(),
            urgency: Urgency::Planned,
            step_percents: Vec::new(),
            interval_ms: 0,
            expires_after_ms,
            on_expiry: OnExpiry::Restore,
            override_rules: BTreeSet::new(),
            approvals_required: 0,
            dry_run: false,
            requested_by: String::new(),
            reason: reason.to_owned(),
            ticket: None,
            starts_at_ms: None,
            ends_at_ms: None,
        }
    }

    /// A name made of what an override does: whoever asks for the same again means the same override.
    ///
    /// # Errors
    /// Where nothing that may stand in a name is left.
    pub fn name_of(
        action: &ShiftAction,
        targets: &BTreeSet<ServiceKey>,
    ) -> Result<Name, NameError> {
        const LONGEST: usize = 60;
        let mut text = action.to_string();
        if let Some(first) = targets.first() {
            text = format!("{text}-{}", first.name);
        }
        if targets.len() > 1 {
            text = format!("{text}-and-{}-more", targets.len() - 1);
        }
        let plain = |character: char| match character {
            'A'..='Z' => character.to_ascii_lowercase(),
            'a'..='z' | '0'..='9' | '-' | '.' => character,
            _ => '-',
        };
        let text: String = text.chars().map(plain).take(LONGEST).collect();
        Name::new(text.trim_matches(['-', '.']))
    }
}

/// A time of day at which something is due with an override: whoever leads then says so to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ShiftDue {
    /// `starts_at_ms`, which is this.
    Start(u64),
    /// `ends_at_ms`, which is this.
    End(u64),
}

/// What an override does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShiftAction {
    /// Traffic leaves a domain.
    Evacuate(Domain),
    /// Traffic returns to a domain now: hold-down and ramp are over for it.
    Restore(Domain),
    /// Shares by region.
    Weigh(BTreeMap<Region, u32>),
    /// Plans stay as they are, whatever changes, as long as what they name can be reached.
    Pin,
    /// Automation stops: no plan changes but for people's.
    Freeze,
}

/// In words, such as `evacuate member/ack`.
impl std::fmt::Display for ShiftAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Evacuate(domain) => f.pad(&format!("evacuate {domain}")),
            Self::Restore(domain) => f.pad(&format!("restore {domain}")),
            Self::Weigh(weights) => {
                let parts = weights
                    .iter()
                    .map(|(region, weight)| format!("{region} {weight}"));
                f.pad(&format!("weigh {}", parts.collect::<Vec<_>>().join(", ")))
            }
            Self::Pin => f.pad("pin"),
            Self::Freeze => f.pad("freeze"),
        }
    }
}

/// How fast a move is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Urgency {
    /// In steps.
    #[default]
    Planned,
    /// At once. Safety rules bind all the same.
    Emergency,
}

/// What happens when an override's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum OnExpiry {
    /// Traffic returns by the ramp of failback.
    #[default]
    Restore,
    /// It stays until a person decides, and status says that it waits.
    Hold,
}
