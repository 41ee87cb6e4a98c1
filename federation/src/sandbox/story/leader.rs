//! The story of the replica that leads: it is killed, another takes the lead, agents that were at home there find another
//! home, and it comes back and catches up. No mesh has anything to do with it.

use causeway_api::ids::{Region, ReplicaId};

use super::{Patience, Watch};
use crate::sandbox::report::Event;

/// It was killed.
pub(super) fn killed(watch: &mut Watch<'_>, led: Option<(ReplicaId, Region)>) {
    let who = led.map_or_else(
        || "the replica that leads".to_owned(),
        |(id, region)| format!("replica {id} in {region}, which leads,"),
    );
    let text = format!(
        "{who} is killed: decisions wait until another leads, agents with a session there look for another home, meshes stay as they are"
    );
    watch.say(Event::Dark, text);
}

/// It was started again.
pub(super) fn started(watch: &mut Watch<'_>) {
    watch.say(
        Event::Back,
        "the replica that was killed is started again, with its data".to_owned(),
    );
}

/// Returns when another led and every agent had a session, in milliseconds since the loss.
pub(super) async fn until_led(watch: &mut Watch<'_>) -> anyhow::Result<Option<u64>> {
    let former = watch.leader.clone();
    let mut patience = Patience::new(watch.env.now());
    loop {
        watch.look().await?;
        let led = watch
            .world
            .leader()
            .is_some_and(|now| Some(&now) != former.as_ref());
        let (connected, members) = (watch.world.sessions().len(), watch.fleet.members.len());
        if led && connected >= members {
            let ms = watch.now_ms();
            watch.say(
                Event::Connected,
                format!("all {members} agents have a session with the others"),
            );
            return Ok(Some(ms));
        }
        patience.see(watch.env.now(), (led, connected));
        if patience.is_over(watch.env.now()) {
            let text = if led {
                format!("{connected} of {members} agents have a session")
            } else {
                "no other replica leads".to_owned()
            };
            watch.say(Event::TooLong, text);
            return Ok(None);
        }
    }
}

/// Returns when the replica was back and had caught up, in milliseconds since the loss.
pub(super) async fn until_whole(watch: &mut Watch<'_>) -> anyhow::Result<Option<u64>> {
    let mut patience = Patience::new(watch.env.now());
    loop {
        watch.look().await?;
        let members = watch.fleet.members.len();
        let connected = watch.world.sessions().len();
        if watch.world.is_whole() && connected >= members {
            let ms = watch.now_ms();
            watch.say(
                Event::Restored,
                "restored: it follows, and has applied what was decided meanwhile".to_owned(),
            );
            return Ok(Some(ms));
        }
        patience.see(watch.env.now(), connected);
        if patience.is_over(watch.env.now()) {
            watch.say(
                Event::TooLong,
                "the replica that came back has not caught up".to_owned(),
            );
            return Ok(None);
        }
    }
}
