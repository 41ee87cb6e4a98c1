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
    /// Writes, with those of the warm-up.
    pub(crate) writes: usize,
    /// How often a thread of the servers (ours: of all replicas, one of which is the client) was exchanged for another, for each
    /// write. Unlike time this hardly depends on what else the machine does.
    #[serde(default)]
    pub(crate) switches: f64,
}

impl Load {
    /// With what the switches of these processes were before it.
    pub(crate) fn since(self, before: u64, processes: &[u32]) -> Self {
        let switches = switches(processes).saturating_sub(before) as f64 / self.writes as f64;
        Self { switches, ..self }
    }
}

/// How often threads of these processes have been exchanged for others so far.
pub(crate) fn switches(processes: &[u32]) -> u64 {
    let threads = processes
        .iter()
        .filter_map(|process| std::fs::read_dir(format!("/proc/{process}/task")).ok())
        .flat_map(|threads| threads.flatten());
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
        .map(|status| {
            let rows = status.lines().filter(|line| line.contains("ctxt_switches"));
            let numbers = rows.filter_map(|row| row.split_whitespace().nth(1)?.parse::<u64>().ok());
            numbers.sum::<u64>()
        })
        .sum()
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
            let mut writes = 0;
            for number in 0.. {
                let began = Instant::now();
                write(client, number).await?;
                writes += 1;
                let done = Instant::now();
                if done > end {
                    break;
                }
                if began >= start {
                    took.push(done - began);
                }
            }
            anyhow::Ok((took, writes))
        }));
    }
    let (mut took, mut writes) = (Vec::new(), 0);
    for task in tasks {
        let (took_one, wrote) = task.await??;
        took.extend(took_one);
        writes += wrote;
    }
    let micros: Vec<f64> = took.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    Ok(Load {
        commits_a_second: took.len() as f64 / MEASURED.as_secs_f64(),
        median_us: median(&micros),
        writes,
        switches: 0.0,
    })
}
