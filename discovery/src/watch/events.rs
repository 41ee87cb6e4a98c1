//! The events of one watch, as they come over the wire: a line of JSON each, or a frame of protobuf where the kind can be
//! read from that and the API server writes it.

use std::marker::PhantomData;

use futures::StreamExt;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyDataStream, BodyExt};
use kube::Client;
use kube::client::Body;
use kube::core::{Status, WatchEvent};
use prost::Message;
use prost::bytes::{Buf, Bytes, BytesMut};

use crate::objects::Watched;
use crate::protobuf;
use crate::trouble::Trouble;

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
/// The order of preference; an API server without protobuf for the kind answers JSON.
const EITHER: &str = "application/vnd.kubernetes.protobuf,application/json";
const JSON: &str = "application/json";
/// No event is larger: an API server takes no object beyond a few megabytes.
const LONGEST: usize = 64 << 20;

/// What an event says.
#[derive(Debug)]
pub(super) enum Event<K> {
    /// It is there, and like this.
    There(K),
    /// It is gone; how it was.
    Gone(K),
    /// Nothing changed up to this version.
    Bookmark(String),
    /// The watch cannot go on: a code of HTTP and a sentence.
    Refused(u16, String),
    /// An object that cannot be read, and why.
    Unreadable(String),
}

/// The events of one watch.
pub(super) struct Events<K> {
    body: BodyDataStream<Body>,
    cutter: Cutter,
    kind: PhantomData<fn() -> K>,
}

impl<K: Watched> Events<K> {
    /// Asks for them.
    ///
    /// # Errors
    /// Where the request is refused, or fails.
    pub(super) async fn open(
        client: &Client,
        mut request: http::Request<Vec<u8>>,
    ) -> Result<Self, kube::Error> {
        let accept = K::PROTOBUF.map_or(JSON, |_| EITHER);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        // Of a compressed stream each event would be a member of its own, of which only the first is read.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = client.send(request.map(Body::from)).await?;
        let kind = answer.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or(JSON);
        let protobuf = kind.starts_with(PROTOBUF);
        let code = answer.status();
        if code.is_client_error() || code.is_server_error() {
            let bytes = answer.into_body().collect_bytes().await?;
            let status = refusal(&bytes, protobuf, code.as_u16());
            return Err(kube::Error::Api(status.boxed()));
        }
        Ok(Self {
            body: answer.into_body().into_data_stream(),
            cutter: Cutter::new(protobuf),
            kind: PhantomData,
        })
    }

    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// Where the stream breaks.
    pub(super) async fn next(&mut self) -> Option<Result<Event<K>, Trouble>> {
        loop {
            match self.cutter.next() {
                Ok(Some(piece)) if self.cutter.protobuf => return Some(Ok(frame(&piece))),
                Ok(Some(piece)) if piece.is_empty() => continue,
                Ok(Some(piece)) => return Some(Ok(line(&piece))),
                Ok(None) => {}
                Err(trouble) => return Some(Err(trouble)),
            }
            match self.body.next().await? {
                Ok(bytes) => self.cutter.held.extend_from_slice(&bytes),
                Err(error) if is_cut(&error) => return None,
                Err(error) => return Some(Err(Trouble::of(&error))),
            }
        }
    }
}

/// Cuts what arrives into events.
struct Cutter {
    protobuf: bool,
    held: BytesMut,
    /// So much of it holds no end of a line.
    looked: usize,
}

impl Cutter {
    fn new(protobuf: bool) -> Self {
        Self {
            protobuf,
            held: BytesMut::new(),
            looked: 0,
        }
    }

    /// The next event that is there as a whole.
    fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        let too_long = || Trouble::Unreadable("an event without an end".to_owned());
        if self.protobuf {
            // Four bytes say how long it is.
            let Some(head) = self.held.first_chunk::<4>() else {
                return Ok(None);
            };
            let length = usize::try_from(u32::from_be_bytes(*head)).map_err(|_| too_long())?;
            if length > LONGEST {
                return Err(too_long());
            }
            if self.held.len() < length + 4 {
                self.held.reserve(length + 4 - self.held.len());
                return Ok(None);
            }
            self.held.advance(4);
            return Ok(Some(self.held.split_to(length).freeze()));
        }
        let mut fresh = self.held.iter().skip(self.looked);
        let Some(end) = fresh.position(|byte| *byte == b'\n') else {
            self.looked = self.held.len();
            return match self.looked > LONGEST {
                true => Err(too_long()),
                false => Ok(None),
            };
        };
        let line = self.held.split_to(self.looked + end).freeze();
        self.held.advance(1);
        self.looked = 0;
        Ok(Some(line))
    }
}

fn line<K: Watched>(line: &[u8]) -> Event<K> {
    match serde_json::from_slice::<WatchEvent<K>>(line) {
        Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => Event::There(object),
        Ok(WatchEvent::Deleted(object)) => Event::Gone(object),
        Ok(WatchEvent::Bookmark(mark)) => Event::Bookmark(mark.metadata.resource_version),
        Ok(WatchEvent::Error(status)) => Event::Refused(status.code, status.message),
        Err(error) => match status_of(line) {
            Some(status) => Event::Refused(status.code, status.message),
            None => Event::Unreadable(error.to_string()),
        },
    }
}

fn frame<K: Watched>(frame: &Bytes) -> Event<K> {
    read_frame(frame).unwrap_or_else(Event::Unreadable)
}

fn read_frame<K: Watched>(frame: &Bytes) -> Result<Event<K>, String> {
    let event = protobuf::WatchEvent::decode(frame.clone()).map_err(|error| error.to_string())?;
    let raw = event.object.unwrap_or_default().raw;
    let read = || K::PROTOBUF.ok_or("it came as protobuf unasked")?(&raw);
    Ok(match event.kind.as_str() {
        "ADDED" | "MODIFIED" => Event::There(read()?),
        "DELETED" => Event::Gone(read()?),
        "BOOKMARK" => {
            let bare: protobuf::Bare = protobuf::object(&raw)?;
            Event::Bookmark(bare.meta.unwrap_or_default().resource_version)
        }
        "ERROR" => {
            let status: protobuf::Status = protobuf::object(&raw)?;
            Event::Refused(u16::try_from(status.code).unwrap_or(0), status.message)
        }
        other => return Err(format!("an event of type {other:?}")),
    })
}

/// A refusal as JSON. Any object can be read as one, since none of its fields has to be there.
fn status_of(text: &[u8]) -> Option<Status> {
    let status = serde_json::from_slice::<Status>(text).ok();
    status.filter(|status| status.code != 0)
}

/// Whatever a server that refuses says.
fn refusal(bytes: &Bytes, protobuf: bool, code: u16) -> Status {
    if let Some(status) = status_of(bytes) {
        return status;
    }
    let status = protobuf.then(|| protobuf::object::<protobuf::Status>(bytes).ok());
    let said = status.flatten().map(|status| status.message);
    // It need not be an API server that answers, but what stands before it.
    let said = said.unwrap_or_else(|| String::from_utf8_lossy(bytes).trim().to_owned());
    Status::failure(&said, "Refused").with_code(code)
}

/// Whether a stream was cut off rather than failed, as some servers do at the end of a watch.
fn is_cut(error: &kube::Error) -> bool {
    if error.to_string().contains("unexpected EOF during chunk") {
        return true;
    }
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    for _ in 0..16 {
        let Some(error) = next else { return false };
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof) {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
