//! A planted bug: cluster time advances by more than has passed, as if its leader counted some of it twice.

use std::sync::Arc;
use std::time::Duration;

use causeway_state::Command;

use super::world::World;

/// Proposes time that has not passed, for as long as it is let.
pub async fn run(world: Arc<World>) {
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let leading = world.leader().and_then(|id| world.replica(id));
        let Some((process, replica)) = leading else {
            continue;
        };
        let log = replica.log();
        drop(replica);
        // Whatever becomes of it.
        let proposing = process.spawn(async move {
            let _ = log.propose(Command::Tick { elapsed_ms: 1_000 }).await;
        });
        drop(process);
        let _ = proposing.await;
    }
}
