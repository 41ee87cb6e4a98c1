//! So many clients write as often as they can, for a while.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use causeway_measure::median;
use serde::{Deserialize, Serialize};

use super::{MEASURED, WARM_UP};

/// What came of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) commits_a_second: f64,
    pub(crate) median_us: f64,
}

/// Runs clients, each of which writes again once its last write is durable. `write` gets the client's number and that of
/// its write.
pub(crate) async fn run<Write, Done>(clients: usize, write: Write) -> anyhow::Result<Load>
where
    Write: Fn(usize, u64) -> Done + Send + Sync + 'static,
    Done: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let write = Arc::new(write);
    let start = Instant::now() + WARM_UP;
    let end = start + MEASURED;
    let mut tasks = Vec::new();
    for client in 0..clients {
        let write = Arc::clone(&write);
        tasks.push(tokio::spawn(async move {
            let mut took: Vec<Duration> = Vec::new();
            for number in 0.. {
                let began = Instant::now();
                write(client, number).await?;
                let done = Instant::now();
                if done > end {
                    break;
                }
                if began >= start {
                    took.push(done - began);
                }
            }
            anyhow::Ok(took)
        }));
    }
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    let micros: Vec<f64> = took.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    Ok(Load {
        commits_a_second: took.len() as f64 / MEASURED.as_secs_f64(),
        median_us: median(&micros),
    })
}
