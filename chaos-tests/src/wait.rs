//! Waiting for something to become true, with a deadline.

use std::{future::Future, time::Duration};

use anyhow::anyhow;
use tokio::time::{Instant, sleep, timeout_at};

use crate::scratch::note_trouble;

/// Calls `look` again and again until it gives `Ok`, which is returned. An error from it means
/// "not yet" and should say what was seen: at the deadline the last one becomes the message.
///
/// # Errors
/// If the deadline passes.
pub async fn eventually<T, Look, Answer>(
    deadline: Duration,
    what: &str,
    mut look: Look,
) -> anyhow::Result<T>
where
    Look: FnMut() -> Answer,
    Answer: Future<Output = anyhow::Result<T>>,
{
    let end = Instant::now() + deadline;
    let mut pause = Duration::from_millis(10);
    let mut seen = anyhow!("the first look at it took all that time");
    loop {
        match timeout_at(end, look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => seen = error,
            Err(_) => {}
        }
        if Instant::now() + pause >= end {
            note_trouble();
            return Err(anyhow!(
                "not so after {deadline:?}: {what}; last seen: {seen:#}"
            ));
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(200));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicU32, Ordering};

    use anyhow::ensure;

    use super::*;

    #[tokio::test]
    async fn it_looks_until_it_is_so() {
        let looks = AtomicU32::new(0);
        let value = eventually(Duration::from_secs(30), "three looks", || async {
            let look = looks.fetch_add(1, Ordering::Relaxed);
            ensure!(look == 2, "look {look}");
            Ok(look)
        });
        assert_eq!(value.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn the_message_has_what_was_wanted_and_what_was_seen_last() {
        let error = eventually(Duration::from_millis(30), "the moon is blue", || async {
            anyhow::Ok(()).and_then(|()| anyhow::bail!("it is grey")) as anyhow::Result<()>
        });
        let text = error.await.unwrap_err().to_string();
        assert!(
            text.contains("the moon is blue; last seen: it is grey"),
            "{text}"
        );
    }
}
