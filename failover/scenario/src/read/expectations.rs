//! What is expected.

use std::collections::BTreeMap;

use causeway_api::ids::{MemberName, NetworkName, Zone};
use causeway_api::plan::{Destination, Source};
use serde_saphyr::Spanned;

use super::Reader;
use super::numbers::MOST_RPS;
use crate::file::{ExpectRow, SharesRow};
use crate::scenario::{Event, Expectation, Wish};

impl Reader {
    pub(super) fn expect_rows(
        &mut self,
        rows: &[Spanned<ExpectRow>],
        events: &[Event],
    ) -> Vec<Expectation> {
        let mut all: Vec<Expectation> = Vec::new();
        let last_event = events.iter().map(|event| event.at_ms).max().unwrap_or(0);
        for row in rows {
            let at = row.value.at.as_ref();
            let at_ms = at.map(|at| self.duration("expect: at", at));
            if all
                .last()
                .is_some_and(|last| last.at_ms.unwrap_or(last_event) > at_ms.unwrap_or(u64::MAX))
            {
                let message =
                    "expect: it comes before the one above it: write them in order of time";
                self.wrong(row.referenced, message.to_owned());
            }
            let wishes = self.wishes(row);
            if wishes.is_empty() {
                self.wrong(
                    row.referenced,
                    "expect: nothing is expected here".to_owned(),
                );
            }
            all.push(Expectation {
                at_ms,
                line: row.referenced.line(),
                wishes,
            });
        }
        all
    }

    fn wishes(&mut self, row: &Spanned<ExpectRow>) -> Vec<Wish> {
        let (found, at) = (&row.value, row.referenced);
        let mut wishes = Vec::new();
        for (subject, state) in &found.verdicts {
            self.subject("expect: verdicts", subject, at);
            wishes.push(Wish::Verdict(subject.clone(), *state));
        }
        for shares in &found.shares {
            wishes.extend(self.shares(shares));
        }
        if let Some(most) = &found.unserved_at_most {
            let most = self.number("expect: unservedAtMost", most, 0, MOST_RPS);
            wishes.push(Wish::UnservedAtMost(most));
        }
        if let Some(most) = &found.peak_percent_at_most {
            let most = self.number("expect: peakPercentAtMost", most, 0, 10_000);
            wishes.push(Wish::PeakAtMost(most));
        }
        if let Some(most) = &found.lost_at_most {
            let most = self.number("expect: lostAtMost", most, 0, 100_000);
            wishes.push(Wish::LostAtMost(most));
        }
        if let Some(waits) = &found.waits {
            for service in waits.keys() {
                self.service("expect: waits", service, at);
            }
            wishes.push(Wish::Waits(waits.clone()));
        }
        if let Some(held) = &found.held_back {
            for service in held.keys() {
                self.service("expect: heldBack", service, at);
            }
            wishes.push(Wish::HeldBack(held.clone()));
        }
        wishes.extend(found.brake.map(Wish::Brake));
        wishes.extend(found.shifts.clone().map(Wish::Shifts));
        for kind in &found.refused {
            wishes.push(Wish::Refused(kind.clone()));
        }
        wishes
    }

    fn shares(&mut self, row: &Spanned<SharesRow>) -> Option<Wish> {
        let (found, at) = (&row.value, row.referenced);
        self.service("expect: shares", &found.service, at);
        let Some((member, zone)) = found.from.split_once('/') else {
            let message = format!("expect: shares from {:?}: give member/zone", found.from);
            self.wrong(at, message);
            return None;
        };
        let member = match MemberName::new(member) {
            Ok(member) => member,
            Err(error) => {
                self.wrong(at, format!("expect: shares: {error}"));
                return None;
            }
        };
        self.member("expect: shares", &member, at);
        let zone = self.zone("expect: shares", &member, zone, at);
        let mut percent = BTreeMap::new();
        for (destination, value) in &found.percent {
            let Some(destination) = parse(destination) else {
                let message = format!(
                    "expect: shares to {destination:?}: give member/zone or `network NAME`"
                );
                self.wrong(at, message);
                continue;
            };
            let value = self.number("expect: percent", &Spanned::new(*value, at, at), 0, 100);
            percent.insert(destination.to_string(), u32::try_from(value).unwrap_or(0));
        }
        let sum: u32 = percent.values().sum();
        if !percent.is_empty() && sum.abs_diff(100) > 2 {
            self.wrong(
                at,
                format!("expect: the shares from {} sum to {sum} %", found.from),
            );
        }
        Some(Wish::Shares(
            found.service.clone(),
            Source { member, zone },
            percent,
        ))
    }
}

fn parse(text: &str) -> Option<Destination> {
    if let Some(network) = text.strip_prefix("network ") {
        return NetworkName::new(network).ok().map(Destination::Network);
    }
    let (member, zone) = text.split_once('/')?;
    Some(Destination::Zone {
        member: MemberName::new(member).ok()?,
        zone: if zone == "-" {
            None
        } else {
            Some(Zone::new(zone).ok()?)
        },
    })
}
