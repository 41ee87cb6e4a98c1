//! Three replicas as real processes under concurrent clients, with wires cut and processes killed: whatever they answer is
//! linearizable, and nothing that was acknowledged is lost.
//!
//! Clients move declarations between host clusters and ask who owns them, through any replica, by the admin API. The host
//! clusters are in memory, each behind a port.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod history;
mod hosts;
mod kills;
mod levels;
mod load;
mod partitions;
mod trio;

use tokio::sync::Mutex;
use trio::Trio;

/// One at a time: each has three busy processes.
static ONE: Mutex<()> = Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_cut_answers_are_linearizable() -> anyhow::Result<()> {
    let _one = ONE.lock().await;
    let trio = Trio::start(60, 3, &[]).await?;
    partitions::stale_reads_are_found(&trio).await?;
    partitions::a_healed_cut_changes_nothing(&trio).await?;
    partitions::every_cut(&trio).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_killed_nothing_acknowledged_is_lost() -> anyhow::Result<()> {
    let _one = ONE.lock().await;
    let trio = Trio::start(20, 4, &["--snapshot-every", "40"]).await?;
    kills::amid_commits(&trio).await?;
    kills::amid_snapshots(&trio).await?;
    kills::amid_a_transfer(&trio).await?;
    kills::amid_a_change_of_members(&trio).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_the_replicas_on_the_state_format_before_go_on_together() -> anyhow::Result<()> {
    let _one = ONE.lock().await;
    let before = causeway_state::level::FEATURE_LEVEL - 1;
    let trio = Trio::begin(0, 3, &["--feature-level", &before.to_string()]).await?;
    levels::upgraded_one_by_one(&trio).await
}
