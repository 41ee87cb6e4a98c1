//! What the product logs, as lines of the history: by the process that says it, at its virtual time.

use std::fmt::Write as _;

use causeway_seam::ambient;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::history::History;

/// Writes the product's log to a history. Made for one run, on one thread.
pub struct Voices {
    history: History,
    level: Level,
}

impl Voices {
    /// Notes what is at least of this level, and of Causeway's own crates; of others, warnings.
    #[must_use]
    pub fn new(history: &History, level: Level) -> Self {
        Self {
            history: history.clone(),
            level,
        }
    }

    fn hears(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with("causeway");
        *metadata.level() <= if ours { self.level } else { Level::ERROR }
    }
}

impl Subscriber for Voices {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.hears(metadata)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let who =
            ambient::current().map_or_else(|| "-".to_owned(), |process| process.name().to_owned());
        let (level, from) = (event.metadata().level(), event.metadata().target());
        if !from.starts_with("causeway") {
            // Others may print the time of day, which is another one in each run.
            let library = from.split("::").next().unwrap_or_default();
            self.history
                .note(&who, format_args!("{level} of {library}"));
            return;
        }
        self.history
            .note(&who, format_args!("{level}{}{}", text.message, text.fields));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.fields, " {}={value}", field.name());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, " {value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_the_product_says_becomes_a_line() {
        let history = History::begin();
        let voices = Voices::new(&history, Level::INFO);
        let listening = tracing::subscriber::set_default(voices);
        tracing::info!(number = 7, name = %"x", "a word");
        tracing::debug!("not this");
        drop(listening);
        tracing::info!("nor this");
        let (text, ..) = history.take();
        assert_eq!(text, "    0.000 -          INFO a word number=7 name=x\n");
    }
}
