//! GET with `watch`: a stream of changes from a revision on, one line of JSON each.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_seam::Monotonic;
use futures::Stream;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::kinds::Kind;
use crate::member::Shared;
use crate::object;
use crate::query::Query;
use crate::read::render;
use crate::selector::Selector;
use crate::status::Refusal;
use crate::store::{Event, Store, Stored};

/// How often a watch that asks for bookmarks gets one, at least.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long before its end a watch gets its last bookmark.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

/// What a watch asks for.
#[derive(Debug)]
struct Wanted {
    kind: &'static Kind,
    version: String,
    namespace: Option<String>,
    selector: Selector,
    bookmarks: bool,
}

/// A running watch.
struct Watch {
    shared: Arc<Shared>,
    wanted: Wanted,
    changes: watch::Receiver<u64>,
    /// Changes up to here were seen.
    seen: u64,
    /// Lines to be sent.
    lines: VecDeque<Bytes>,
    /// The number of watches' generation: see `Faults::watches`.
    generation: u64,
    end: Option<Monotonic>,
    bookmark: Monotonic,
    /// Nothing comes after the lines.
    over: bool,
}

/// Starts a watch.
pub(crate) fn start(
    shared: &Arc<Shared>,
    store: &Store,
    kind: &'static Kind,
    version: &str,
    namespace: Option<&str>,
    query: &Query,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, Refusal> {
    let now = shared.env.now();
    let timeout = query.number("timeoutSeconds")?;
    let end = timeout.map(|seconds| now.plus(Duration::from_secs(seconds)));
    let mut watch = Watch {
        shared: Arc::clone(shared),
        changes: shared.changes.subscribe(),
        wanted: Wanted {
            kind,
            version: version.to_owned(),
            namespace: namespace.map(str::to_owned),
            selector: query.selector()?,
            bookmarks: query.is("allowWatchBookmarks"),
        },
        seen: store.revision,
        lines: VecDeque::new(),
        generation: store.faults.watches,
        end,
        bookmark: next_bookmark(now, end),
        over: false,
    };
    match query.text("resourceVersion") {
        None | Some("0") => watch.start_with_all(store),
        Some(text) => {
            watch.seen = text.parse().map_err(|_| {
                Refusal::bad_request(format!(
                    "Invalid value: {text:?}: resourceVersion is no number"
                ))
            })?;
        }
    }
    Ok(futures::stream::unfold(watch, |mut watch| async {
        watch.next().await.map(|line| (line, watch))
    }))
}

/// The next bookmark: once a minute, and a little before the end.
fn next_bookmark(now: Monotonic, end: Option<Monotonic>) -> Monotonic {
    let regular = now.plus(BOOKMARK_EVERY);
    let last = end.map(|end| Monotonic(end.0.saturating_sub(BOOKMARK_BEFORE_END)));
    match last {
        Some(last) if last > now && last < regular => last,
        _ => regular,
    }
}

impl Watch {
    /// Without a revision a watch begins with what is there.
    fn start_with_all(&mut self, store: &Store) {
        for stored in store.of(self.wanted.kind).objects.values() {
            if self.wanted.fits(stored) {
                let line = self.wanted.line("ADDED", stored, None);
                self.lines.push_back(line);
            }
        }
    }

    /// The next line; `None` once the watch is over.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if self.shared.lock().faults.dark {
                // Nothing comes, not even the end: what is in the dark cannot be told from what is silent.
                let _ = self.changes.changed().await;
                continue;
            }
            if let Err(error) = self.read() {
                self.over = true;
                self.lines.clear();
                return Some(Err(error));
            }
            if let Some(line) = self.lines.pop_front() {
                return Some(Ok(line));
            }
            if self.over {
                return None;
            }
            let now = self.shared.env.now();
            if self.end.is_some_and(|end| end <= now) {
                return None;
            }
            if self.wanted.bookmarks && self.bookmark <= now {
                self.bookmark = next_bookmark(now, self.end);
                return Some(Ok(self.wanted.bookmark(self.seen)));
            }
            let until = self.end.map_or(self.bookmark, |end| end.min(self.bookmark));
            tokio::select! {
                biased;
                changed = self.changes.changed() => if changed.is_err() { return None },
                () = self.shared.env.sleep(until.since(now)) => {}
            }
        }
    }

    /// Takes what changed since the last look.
    ///
    /// # Errors
    /// Where the connection broke.
    fn read(&mut self) -> io::Result<()> {
        self.changes.borrow_and_update();
        let shared = Arc::clone(&self.shared);
        let store = shared.lock();
        if self.over {
            return Ok(());
        }
        if store.faults.refused || store.faults.watches != self.generation {
            let kind = io::ErrorKind::ConnectionReset;
            return Err(io::Error::new(kind, "the connection was reset"));
        }
        if self.seen > store.revision {
            // A revision of the future: nothing is known yet.
            return Ok(());
        }
        match store.of(self.wanted.kind).since(self.seen) {
            Ok(events) => {
                for event in events {
                    self.lines.extend(self.wanted.event(event));
                }
                self.seen = store.revision;
            }
            Err(oldest) => {
                let message = format!("too old resource version: {} ({oldest})", self.seen);
                let status = Refusal::expired(message).to_json();
                self.lines
                    .push_back(line(&json!({ "type": "ERROR", "object": status })));
                self.over = true;
            }
        }
        Ok(())
    }
}

impl Wanted {
    fn fits(&self, stored: &Stored) -> bool {
        let namespace = object::meta(&stored.object, "namespace");
        self.namespace
            .as_deref()
            .is_none_or(|wanted| wanted == namespace)
            && self.selector.matches(&stored.object)
    }

    /// A change as this watch sees it: what ceases to fit is deleted, what begins to fit is added.
    fn event(&self, event: &Event) -> Option<Bytes> {
        let fits = |stored: &&Arc<Stored>| self.fits(stored);
        let before = event.before.as_ref().filter(fits);
        let after = event.after.as_ref().filter(fits);
        match (before, after) {
            (None, None) => None,
            (None, Some(after)) => Some(self.line("ADDED", after, None)),
            (Some(_), Some(after)) => Some(self.line("MODIFIED", after, None)),
            (Some(before), None) => Some(self.line("DELETED", before, Some(event.revision))),
        }
    }

    fn line(&self, what: &str, stored: &Stored, revision: Option<u64>) -> Bytes {
        let mut object = render(self.kind, &self.version, stored);
        if let (Some(revision), Value::Object(fields)) = (revision, &mut object) {
            object::set_meta(fields, "resourceVersion", revision.to_string());
        }
        line(&json!({ "type": what, "object": object }))
    }

    fn bookmark(&self, revision: u64) -> Bytes {
        line(&json!({
            "type": "BOOKMARK",
            "object": {
                "kind": self.kind.kind,
                "apiVersion": self.kind.api_version(&self.version),
                "metadata": { "resourceVersion": revision.to_string(), "creationTimestamp": null },
            },
        }))
    }
}

fn line(value: &Value) -> Bytes {
    Bytes::from(format!("{value}\n"))
}
