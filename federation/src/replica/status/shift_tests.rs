//! What a TrafficShift says of itself through its life.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::Name;
use causeway_api::registry::{Host, HostUid};
use causeway_api::shift::{OnExpiry, ShiftDue};
use causeway_seam::WallClock;
use causeway_state::Command;
use causeway_state::brain::Approvable;
use causeway_state::command::Declaration;
use serde_json::json;

use super::*;
use crate::replica::registry::Kind;
use crate::replica::registry::stance::{document, origin};
use crate::replica::status::world::{World, object};

const NAME: &str = "causeway-system/leave";

/// An object, and what the log knows of it.
struct Life {
    world: World,
    object: DynamicObject,
    foreseen: Foreseen,
    clock: Option<&'static str>,
}

fn root() -> Name {
    "causeway-system".parse().unwrap()
}

impl Life {
    fn of(spec: serde_json::Value) -> Self {
        let mut world = World::new();
        world.run(Command::RaiseLevel { level: 2 });
        world.member("a");
        world.member("b");
        world.plan("shop/cart");
        let object = object("TrafficShift", "leave", Some("causeway-system"), spec);
        let life = Self {
            world,
            object,
            foreseen: Foreseen::default(),
            clock: None,
        };
        life.seen();
        life
    }

    fn evacuating(more: &serde_json::Value) -> Self {
        let mut spec = json!({
            "action": "Evacuate", "awayFrom": { "member": "a" }, "expiresAfter": "60s", "reason": "x", "requestedBy": "ann",
        });
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        Self::of(spec)
    }

    /// The watch sees the object as it is.
    fn seen(&self) {
        let object = self.object.clone();
        self.world.declared.applied(Kind::Shift, object, &root());
    }

    fn shift(&self) -> Shift {
        let rows = self.world.declared.rows();
        rows.shifts[NAME].declared.clone().unwrap()
    }

    /// The object's host declares it.
    fn put(&mut self) {
        let host = Host {
            uid: HostUid("here".to_owned()),
            name: "here".to_owned(),
        };
        self.world.declared.set_here(Ok(host.clone()));
        let command = Command::Declare {
            host,
            origin: origin(&self.object),
            declaration: Declaration::Shift(self.shift()),
            document: document(&self.object),
        };
        self.world.run(command);
    }

    /// Writes the status; says its state, and `Ready`.
    fn says(&mut self) -> (String, String) {
        let rows = self.world.declared.rows();
        let state = &self.world.state;
        self.foreseen.look(&rows, state, &self.world.facts);
        let look = ShiftLook {
            rows: &rows,
            state,
            foreseen: &self.foreseen,
            clock: self.clock,
        };
        let before = patch::of(self.object.data.get("status"));
        let after = status(NAME, &rows.shifts[NAME], &look, &before, WallClock(0));
        let ready = after.conditions.iter().find(|found| found.type_ == READY);
        let ready = ready.map(|ready| format!("{}/{}", ready.status, ready.reason));
        let said = after.state.clone().unwrap();
        self.object.data["status"] = serde_json::to_value(after).unwrap();
        self.seen();
        (said, ready.unwrap())
    }

    fn message(&self, kind: &str) -> String {
        let conditions = self.object.data["status"]["conditions"].as_array().unwrap();
        let found = conditions.iter().find(|found| found["type"] == kind);
        found.unwrap()["message"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn is(&mut self, state: &str, ready: &str) {
        assert_eq!(self.says(), (state.to_owned(), ready.to_owned()));
    }
}

#[test]
fn from_its_request_to_its_expiry() {
    let mut life = Life::evacuating(&json!({ "approvalsRequired": 1 }));
    life.is("Pending", "Unknown/Pending");
    life.put();
    life.is("Waiting", "False/Waiting");
    life.world.run(Command::Approve {
        what: Approvable::Shift("causeway-system/leave".parse().unwrap()),
        seen: None,
        by: "bob".to_owned(),
        reason: "looked".to_owned(),
    });
    life.is("Active", "True/Active");
    let status = &life.object.data["status"];
    assert_eq!(status["approvedBy"], json!(["bob"]));
    assert_eq!(status["domain"], json!("member/a"));
    assert_eq!(
        (&status["requestedBy"], &status["services"]),
        (&json!("ann"), &json!(1))
    );
    life.world.wait(61);
    life.is("Expired", "True/Expired");
    // It asks for nothing any more, whatever comes.
    life.is("Expired", "True/Expired");
}

#[test]
fn a_person_ends_it_or_it_is_held_until_one_does() {
    let end = Command::EndShift {
        shift: "causeway-system/leave".parse().unwrap(),
        by: "ann".to_owned(),
        reason: "done".to_owned(),
    };
    let mut life = Life::evacuating(&json!({ "onExpiry": "Hold" }));
    assert_eq!(life.shift().on_expiry, OnExpiry::Hold);
    life.put();
    life.is("Active", "True/Active");
    life.world.wait(61);
    life.is("Held", "True/Held");
    life.world.run(end);
    life.is("Ended", "True/Ended");
}

#[test]
fn what_is_refused_says_why_and_a_start_that_is_ahead_says_so() {
    let mut life = Life::evacuating(&json!({}));
    let why = "no member is in member/ghost".to_owned();
    life.world.declared.refuse(Kind::Shift, NAME, why);
    life.is("Refused", "False/Refused");
    let mut life = Life::evacuating(&json!({ "targetRefs": [{ "name": "cart" }] }));
    life.is("Refused", "False/Invalid");
    let mut life = Life::evacuating(&json!({ "startTime": "2026-11-24T02:00:00Z" }));
    life.put();
    life.is("Scheduled", "False/Scheduled");
    let starts = life.shift().starts_at_ms.unwrap();
    life.world.run(Command::ShiftDue {
        shift: "causeway-system/leave".parse().unwrap(),
        due: ShiftDue::Start(starts),
    });
    life.is("Active", "True/Active");
    let mut life = Life::evacuating(&json!({ "dryRun": true }));
    life.put();
    life.is("DryRun", "False/DryRun");
    assert!(life.message(ACCEPTED).contains("1 services would move"));
}

#[test]
fn a_start_waits_while_the_leaders_clock_is_in_doubt() {
    let mut life = Life::evacuating(&json!({
        "startTime": "2026-11-24T02:00:00Z", "endTime": "2026-11-24T03:00:00Z",
    }));
    life.put();
    life.clock = Some("the clock of replica 1 is 3h ahead");
    life.is("Scheduled", "False/ClockInDoubt");
    assert!(life.message(READY).contains("3h ahead"));
    let starts = life.shift().starts_at_ms.unwrap();
    life.world.run(Command::ShiftDue {
        shift: NAME.parse().unwrap(),
        due: ShiftDue::Start(starts),
    });
    life.is("Active", "True/Active");
    assert!(life.message(ACTIVE).contains("its endTime waits"));
}

#[test]
fn what_another_host_owns_is_a_mirror_or_says_that_it_is_not_applied() {
    let mut life = Life::evacuating(&json!({}));
    life.put();
    let there = Host {
        uid: HostUid("there".to_owned()),
        name: "eu-1".to_owned(),
    };
    life.world.declared.set_here(Ok(there));
    life.is("Active", "True/Active");
    assert!(
        life.message(ACCEPTED)
            .contains("the mirror of the TrafficShift of host here")
    );
    let mut other = Life::evacuating(&json!({ "reason": "another" }));
    other.world = life.world;
    other.seen();
    other.is("Refused", "False/NotOwner");
    assert!(
        other
            .message(ACCEPTED)
            .contains("causeway registry move TrafficShift")
    );
    // It does not come into force by the end of the one that is.
    other.world.wait(61);
    let state = &other.world.state;
    assert!(state.brain.shifts.is_empty() && state.registry.objects.is_empty());
}

#[test]
fn an_override_that_ended_before_its_object_said_anything_does_not_come_again() {
    let mut life = Life::evacuating(&json!({}));
    life.put();
    life.world.wait(61);
    life.put();
    assert!(life.world.state.brain.shifts.is_empty());
    life.is("Expired", "True/Expired");
}
