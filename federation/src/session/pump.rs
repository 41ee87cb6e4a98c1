//! Between the queues of a connection and the wire, in both directions.

use causeway_seam::transport::TransportError;
use causeway_wire::{Incoming, Message, WireError};
use futures::Stream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

/// What one side of a connection shares between its two directions.
pub(super) struct Ends<In> {
    /// The other side, for messages.
    pub(super) remote: String,
    /// Ends both directions.
    pub(super) ended: CancellationToken,
    /// The largest message, in bytes.
    pub(super) limit: usize,
    /// What comes in.
    pub(super) received: mpsc::Sender<Result<In, TransportError>>,
}

impl<In> Clone for Ends<In> {
    fn clone(&self) -> Self {
        Self {
            remote: self.remote.clone(),
            ended: self.ended.clone(),
            limit: self.limit,
            received: self.received.clone(),
        }
    }
}

impl<In: Send + 'static> Ends<In> {
    fn closed(&self, reason: impl Into<String>) -> TransportError {
        TransportError::Closed {
            address: self.remote.clone(),
            reason: reason.into(),
        }
    }

    /// What is sent, as it stands on the wire. Ends when the queue is dropped and empty, or the session ends.
    pub(super) fn outgoing<Out, W>(self, queue: mpsc::Receiver<Out>) -> impl Stream<Item = W> + Send
    where
        Out: Send + 'static,
        W: Message + for<'a> From<&'a Out> + 'static,
    {
        futures::stream::unfold((self, queue), |(ends, mut queue)| async move {
            let message = tokio::select! {
                biased;
                message = queue.recv() => message?,
                () = ends.ended.cancelled() => return None,
            };
            let wire = W::from(&message);
            let size = wire.encoded_len();
            if size > ends.limit {
                let error = ends.closed(format!(
                    "a message of {size} bytes was to be sent, and at most {} are taken: what the other side holds stays in force",
                    ends.limit
                ));
                let _ = ends.received.send(Err(error)).await;
                ends.ended.cancel();
                return None;
            }
            Some((wire, (ends, queue)))
        })
    }

    /// Reads until either side ends. `refuse` is called with the reason where the other side sent what cannot be read.
    pub(super) async fn incoming<W>(
        self,
        mut stream: Streaming<W>,
        read: fn(W) -> Result<Incoming<In>, WireError>,
        refuse: impl FnOnce(String),
    ) {
        let last = loop {
            let next = tokio::select! {
                biased;
                () = self.received.closed() => break None,
                () = self.ended.cancelled() => break Some(self.closed("this side stops")),
                next = stream.message() => next,
            };
            let wire = match next {
                Ok(Some(wire)) => wire,
                Ok(None) => break Some(self.closed("the other side ended it")),
                Err(status) => {
                    let reason = describe(&status);
                    if status.code() == tonic::Code::OutOfRange {
                        refuse(reason.clone());
                    }
                    break Some(self.closed(reason));
                }
            };
            match read(wire) {
                Ok(Incoming::Message(message)) => {
                    if self.received.send(Ok(message)).await.is_err() {
                        break None;
                    }
                }
                Ok(Incoming::Unknown) => {
                    tracing::debug!(remote = %self.remote, "a message of a kind that was added later is passed over");
                }
                Err(error) => {
                    let reason = error.to_string();
                    refuse(reason.clone());
                    break Some(TransportError::Unreadable {
                        address: self.remote.clone(),
                        reason,
                    });
                }
            }
        };
        if let Some(error) = last {
            let _ = self.received.send(Err(error)).await;
        }
    }
}

fn describe(status: &tonic::Status) -> String {
    match status.code() {
        tonic::Code::OutOfRange => format!(
            "a message is too large ({}): what was held before stays in force",
            status.message()
        ),
        _ => super::refusal::chain(status),
    }
}
