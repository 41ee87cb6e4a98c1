//! What a TrafficShift says of itself through its life.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::shift::{OnExpiry, ShiftDue};
use causeway_crds::TrafficShift;
use causeway_crds::convert;
use causeway_seam::WallClock;
use causeway_state::Command;
use causeway_state::brain::Approvable;
use serde_json::json;

use super::*;
use crate::replica::status::world::{World, object};

/// An object, and what the log and the keeper know of it.
struct Life {
    world: World,
    object: DynamicObject,
    shift: Result<Shift, String>,
    refused: Option<String>,
}

impl Life {
    fn of(spec: serde_json::Value) -> Self {
        let mut world = World::new();
        world.run(Command::RaiseLevel { level: 2 });
        world.member("a");
        world.member("b");
        world.plan("shop/cart");
        let object = object("TrafficShift", "leave", Some("causeway-system"), spec);
        let typed: TrafficShift = object.clone().try_parse().unwrap();
        let shift = convert::shift(&typed, "causeway-system").map_err(|error| error.to_string());
        Self {
            world,
            object,
            shift,
            refused: None,
        }
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

    fn put(&mut self) {
        let shift = self.shift.clone().unwrap();
        self.world.run(Command::PutShift(shift));
    }

    /// Writes the status, as the keeper does; says its state, and `Ready`.
    fn says(&mut self) -> (String, String) {
        let over = Over::of(&self.object);
        let said = Said {
            asked: over.is_none().then_some(&self.shift),
            over,
            taken: taken_in(&self.object),
            refused: self.refused.as_deref(),
            foreseen: None,
        };
        let (_, after) = status(&self.object, &said, &self.world.state, WallClock(0));
        let ready = after.conditions.iter().find(|found| found.type_ == READY);
        let ready = ready.map(|ready| format!("{}/{}", ready.status, ready.reason));
        let state = after.state.clone().unwrap();
        self.object.data["status"] = serde_json::to_value(after).unwrap();
        (state, ready.unwrap())
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
    assert_eq!(life.shift.as_ref().unwrap().on_expiry, OnExpiry::Hold);
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
    life.refused = Some("no member is in member/ghost".to_owned());
    life.is("Refused", "False/Refused");
    let mut life = Life::evacuating(&json!({ "targetRefs": [{ "name": "cart" }] }));
    life.is("Refused", "False/Invalid");
    let mut life = Life::evacuating(&json!({ "startTime": "2026-11-24T02:00:00Z" }));
    life.put();
    life.is("Scheduled", "False/Scheduled");
    let starts = life.shift.as_ref().unwrap().starts_at_ms.unwrap();
    life.world.run(Command::ShiftDue {
        shift: "causeway-system/leave".parse().unwrap(),
        due: ShiftDue::Start(starts),
    });
    life.is("Active", "True/Active");
    let mut life = Life::evacuating(&json!({ "dryRun": true }));
    life.put();
    life.is("DryRun", "False/DryRun");
}
