//! Saying how it goes: a moving line on a terminal, else a line now and then for a log.

use std::{
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// In a log, nothing is silent for longer than this.
const SAY_EVERY: Duration = Duration::from_secs(20);

/// The progress of one step whose length is known only roughly.
#[derive(Debug)]
pub(super) struct Progress {
    label: String,
    started: Instant,
    said: Instant,
    line: Option<ProgressBar>,
}

impl Progress {
    /// Announces the step `label`, which usually takes `typical_s` seconds.
    #[must_use]
    pub(super) fn start(label: String, typical_s: u64) -> Self {
        let line = stderr().is_terminal().then(|| {
            let line = ProgressBar::new(typical_s.max(1));
            // A template that doesn't parse is no reason to fail: the default one is shown.
            if let Ok(style) = ProgressStyle::with_template(
                "{spinner} {msg} {wide_bar} {elapsed} of about {len} s",
            ) {
                line.set_style(style);
            }
            line.set_message(label.clone());
            line
        });
        if line.is_none() {
            eprintln!("{label}: started, usually takes {typical_s} s");
        }
        let now = Instant::now();
        Self {
            label,
            started: now,
            said: now,
            line,
        }
    }

    /// To be called several times a second.
    pub(super) fn tick(&mut self) {
        if let Some(line) = &self.line {
            let end = line.length().unwrap_or(1);
            line.set_position(self.started.elapsed().as_secs().min(end));
            line.tick();
        } else if self.said.elapsed() >= SAY_EVERY {
            self.said = Instant::now();
            eprintln!(
                "{}: still at it after {} s",
                self.label,
                self.started.elapsed().as_secs()
            );
        }
    }

    /// The step is over; `result` says how in a few words.
    pub(super) fn finish(self, result: &str) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
        eprintln!(
            "{}: {result} after {:.1} s",
            self.label,
            self.started.elapsed().as_secs_f64()
        );
    }
}
