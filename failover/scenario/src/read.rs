//! Text → scenario, with everything that is wrong and the line that it stands in.
//!
//! What YAML or a type refuses ends reading at once; what contradicts something else in the file is collected, so that
//! one look shows it all.

mod events;
mod expectations;
mod numbers;
mod people;
mod policies;
mod rows;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::ids::{MemberName, NetworkName, Region, ServiceKey, Zone};
use causeway_api::verdict::Subject;
use serde_saphyr::{Location, Spanned};

use crate::file::File;
use crate::scenario::{Member, Scenario, Service};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line in the file, from 1; 0 where it is about the whole file.
    pub line: u64,
    /// What is wrong, with the field, what was found, and what would do.
    pub message: String,
}

/// Everything that is wrong, in order of lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|p| format!("line {}: {}", p.line, p.message)).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

/// Reads a scenario.
///
/// # Errors
/// [`Problems`] with all that is wrong with it.
pub fn read(text: &str) -> Result<Scenario, Problems> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        let message = error.without_snippet().to_string();
        Problems(vec![Problem { line, message }])
    })?;
    let mut reader = Reader::default();
    let scenario = reader.scenario(file);
    reader.problems.sort();
    reader.problems.dedup();
    if reader.problems.is_empty() {
        Ok(scenario)
    } else {
        Err(Problems(reader.problems))
    }
}

/// What was read so far, for what comes later to refer to.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
    members: BTreeMap<MemberName, Member>,
    services: BTreeMap<ServiceKey, Service>,
    regions: BTreeSet<Region>,
    observers: BTreeSet<causeway_api::verdict::ObserverId>,
}

impl Reader {
    fn scenario(&mut self, file: File) -> Scenario {
        let members = self.member_rows(&file.members);
        let services = self.service_rows(&file.services);
        let observers = self.observer_rows(&file.observers);
        let policies = self.policy_rows(&file.policies);
        let events = self.event_rows(&file.events, &policies);
        let expectations = self.expect_rows(&file.expect, &events);
        let last = events.iter().map(|event| event.at_ms).max().unwrap_or(0);
        let asked = expectations
            .iter()
            .filter_map(|expectation| expectation.at_ms);
        let until = file.until.map(|until| self.duration("until", &until));
        Scenario {
            until_ms: asked.chain(until).fold(last, u64::max),
            name: file.name,
            incarnation: file.incarnation.unwrap_or(1),
            members,
            services,
            policies,
            observers,
            events,
            expectations,
        }
    }

    fn wrong(&mut self, at: Location, message: String) {
        self.problems.push(Problem {
            line: at.line(),
            message,
        });
    }

    /// A region must be some member's.
    fn region(&mut self, what: &str, region: &Spanned<Region>) {
        if !self.regions.contains(&region.value) {
            let message = format!(
                "{what}: nothing lives in region {}: {}",
                region.value,
                one_of(&self.regions)
            );
            self.wrong(region.referenced, message);
        }
    }

    fn member(&mut self, what: &str, name: &MemberName, at: Location) -> bool {
        let known = self.members.contains_key(name);
        if !known {
            let names: BTreeSet<&MemberName> = self.members.keys().collect();
            let message = format!("{what}: no member is called {name}: {}", one_of(&names));
            self.wrong(at, message);
        }
        known
    }

    fn service(&mut self, what: &str, key: &ServiceKey, at: Location) -> bool {
        let known = self.services.contains_key(key);
        if !known {
            let names: BTreeSet<&ServiceKey> = self.services.keys().collect();
            let message = format!("{what}: no service is called {key}: {}", one_of(&names));
            self.wrong(at, message);
        }
        known
    }

    /// A network that a member's callers reach through its gateways.
    fn remote(&mut self, what: &str, from: &MemberName, network: &Spanned<NetworkName>) {
        let own = self.members.get(from).map(|member| &member.network);
        let all = self.members.values().map(|member| &member.network);
        let others: BTreeSet<&NetworkName> = all.filter(|one| Some(*one) != own).collect();
        if !others.contains(&network.value) {
            let message = format!(
                "{what}: {from} calls no network {} through gateways: {}",
                network.value,
                one_of(&others)
            );
            self.wrong(network.referenced, message);
        }
    }

    /// A zone of a member: `-` where its nodes name none.
    fn zone(&mut self, what: &str, member: &MemberName, zone: &str, at: Location) -> Option<Zone> {
        let parsed = if zone == "-" {
            None
        } else {
            match Zone::new(zone) {
                Ok(zone) => Some(zone),
                Err(error) => {
                    self.wrong(at, format!("{what}: {error}"));
                    return None;
                }
            }
        };
        let zones = self.members.get(member).map(|member| member.zones.clone());
        if zones.is_some_and(|zones| !zones.contains(&parsed)) {
            let message =
                format!("{what}: member {member} has no zone {zone}: add it to its zones");
            self.wrong(at, message);
        }
        parsed
    }

    /// A subject must be of something that there is.
    fn subject(&mut self, what: &str, subject: &Subject, at: Location) {
        match subject {
            Subject::Region { region } => {
                let region = Spanned::new(region.clone(), at, at);
                self.region(what, &region);
            }
            Subject::Member { member } | Subject::Session { member } => {
                self.member(what, member, at);
            }
            Subject::Gateway { member, .. } => {
                self.member(what, member, at);
            }
            Subject::Zone { region, zone } => {
                let mut members = self.members.values();
                let here = members.any(|member| {
                    member.region.as_ref() == Some(region)
                        && member.zones.contains(&Some(zone.clone()))
                });
                if !here {
                    self.wrong(at, format!("{what}: nothing lives in {subject}"));
                }
            }
        }
    }
}

/// `there are a, b and c`, for messages.
fn one_of<T: std::fmt::Display>(names: &BTreeSet<T>) -> String {
    let names: Vec<String> = names.iter().take(20).map(ToString::to_string).collect();
    if names.is_empty() {
        "there is none".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    }
}
