//! How far it is, and how long it takes yet.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How often it is said.
const SAY: Duration = Duration::from_secs(60);
/// How often it is looked whether cargo-mutants has ended.
const LOOK: Duration = Duration::from_millis(200);

/// How much there is to try, over all areas.
pub(super) struct Progress {
    begun: Instant,
    all: usize,
    before: usize,
}

impl Progress {
    /// So many mutants are to be tried from now on.
    pub(super) fn begin(all: usize) -> Self {
        Self {
            begun: Instant::now(),
            all,
            before: 0,
        }
    }

    /// Waits for cargo-mutants, and says every minute how far it is. `tried` counts what was tried in this area so far, and
    /// how much of it survived.
    ///
    /// # Errors
    /// When it can't be waited for.
    pub(super) fn wait(
        &mut self,
        area: &str,
        of: usize,
        mut child: Child,
        tried: impl Fn() -> (usize, usize),
    ) -> Result<ExitStatus> {
        let mut said = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().context("waiting for cargo-mutants")? {
                break status;
            }
            if said.elapsed() >= SAY {
                said = Instant::now();
                let (here, survived) = tried();
                let done = self.before + here;
                let left = match left(self.begun.elapsed(), done, self.all) {
                    Some(left) => format!("about {} to go", rough(left)),
                    None => "the first one is being built".to_owned(),
                };
                println!(
                    "      {area}: {here} of {of} tried, {survived} survived; {done} of {} in all, {left}",
                    self.all
                );
            }
            std::thread::sleep(LOOK);
        };
        self.before += tried().0;
        Ok(status)
    }
}

/// What is left takes as long each as what was tried.
fn left(took: Duration, done: usize, all: usize) -> Option<Duration> {
    let each = took.checked_div(u32::try_from(done).ok()?)?;
    let rest = u32::try_from(all.saturating_sub(done)).ok()?;
    Some(each.saturating_mul(rest))
}

/// `12 min`, `3 h 05 min`.
fn rough(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    match minutes {
        0..60 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_was_tried() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        assert_eq!(left(minutes(10), 0, 100), None);
        assert_eq!(left(minutes(10), 20, 100), Some(minutes(40)));
        assert_eq!(left(minutes(10), 100, 100), Some(minutes(0)));
        assert_eq!(rough(minutes(40)), "40 min");
        assert_eq!(rough(Duration::from_secs(11_050)), "3 h 05 min");
    }
}
