//! Entries are sent as they come, without waiting for the answers to those before; answers are given back in order.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use futures::stream::{FuturesOrdered, Stream, StreamExt};
use openraft::errors::{RPCError, Unreachable};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, StreamAppendResult};

use super::Link;
use crate::peers::PeerCallKind;
use crate::types::{LogId, Types};

/// Requests that may be under way to one replica: at 80 ms and 1 MB each, more than any line carries.
const UNDER_WAY: usize = 32;

type Answered = Result<StreamAppendResult<Types>, RPCError<Types>>;

struct Sent {
    answer: Answered,
    /// The place up to which it would have been taken whole.
    whole: Option<LogId>,
}

type Sending = Pin<Box<dyn Future<Output = Sent> + Send>>;

struct Pipeline<S> {
    link: Link,
    input: Option<S>,
    under_way: FuturesOrdered<Sending>,
}

/// The answers to what `input` brings. Ends with the first that is not a success in full: what follows it depends on it.
pub(super) fn run<S>(link: Link, input: S) -> impl Stream<Item = Answered> + Send
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
{
    let pipeline = Pipeline {
        link,
        input: Some(input),
        under_way: FuturesOrdered::new(),
    };
    futures::stream::unfold(Some(pipeline), |pipeline| async move {
        let mut pipeline = pipeline?;
        let sent = pipeline.next().await?;
        let whole = matches!(&sent.answer, Ok(Ok(matching)) if *matching == sent.whole);
        Some((sent.answer, whole.then_some(pipeline)))
    })
}

impl<S: Stream<Item = AppendEntriesRequest<Types>> + Unpin> Pipeline<S> {
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if self.input.is_none() && self.under_way.is_empty() {
                return None;
            }
            let room = self.under_way.len() < UNDER_WAY;
            let input = async {
                match self.input.as_mut().filter(|_| room) {
                    Some(input) => input.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(sent) = self.under_way.next(), if !self.under_way.is_empty() => return Some(sent),
                request = input => match request {
                    Some(request) => {
                        let mut sending: Sending = Box::pin(send(self.link.clone(), request));
                        // Polled once here, which sends it: after those before, and ahead of those that follow.
                        let first = futures::poll!(&mut sending);
                        self.under_way.push_back(match first {
                            Poll::Ready(sent) => Box::pin(std::future::ready(sent)),
                            Poll::Pending => sending,
                        });
                    }
                    None => self.input = None,
                },
            }
        }
    }
}

async fn send(link: Link, request: AppendEntriesRequest<Types>) -> Sent {
    let before = request.prev_log_id;
    let last = request.entries.last().map(|entry| entry.log_id);
    let whole = last.or(before);
    let answer: Result<AppendEntriesResponse<Types>, Unreachable<Types>> =
        link.call(PeerCallKind::Append, &request).await;
    let answer = match answer {
        Ok(AppendEntriesResponse::Conflict) if before.is_none() => {
            Err(link.failed("it refused entries that follow nothing").into())
        }
        Ok(answer) => Ok(answer.into_stream_result(before, whole)),
        Err(error) => Err(error.into()),
    };
    Sent { answer, whole }
}
