//! When a person or a supervisor asks the process to stop.

/// Returns at Ctrl-C (SIGINT) or SIGTERM. A process that awaits it must end by itself soon; one that does not is ended
/// by the signal at once, as usual.
pub async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler the signal ends the process, which is what was asked for.
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
    }
}
