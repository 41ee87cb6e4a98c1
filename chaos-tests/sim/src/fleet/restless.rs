//! A planted bug: somebody has decided again and again what is decided already.

use std::sync::Arc;
use std::time::Duration;

use super::world::World;
use crate::clients::write;

/// Proposes it for as long as it is let.
pub async fn run(world: Arc<World>) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let leading = world.leader().and_then(|id| world.replica(id));
        let (Some((process, replica)), Some(command)) = (leading, write(1, 7)) else {
            continue;
        };
        let log = replica.log();
        drop(replica);
        // Whatever becomes of it.
        let proposing = process.spawn(async move {
            let _ = log.propose(command).await;
        });
        drop(process);
        let _ = proposing.await;
    }
}
