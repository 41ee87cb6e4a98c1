//! The lane of facts: links make, check and watch its connections; what is said on them is the handler's.

use std::future::Future;
use std::pin::Pin;

use causeway_api::peer::{FromPeer, PeerHello, ToPeer};
use tokio::sync::mpsc;

/// One end of a connection on the lane of facts, after both have introduced themselves. Pings are answered already.
#[derive(Debug)]
pub struct LaneEnd<Out, In> {
    /// The other side.
    pub peer: PeerHello,
    /// What is sent; bounded, so that a slow peer holds nobody else up.
    pub sender: mpsc::Sender<Out>,
    /// What comes in; it ends with the connection.
    pub receiver: mpsc::Receiver<In>,
}

/// Runs while the connection lasts, and is dropped with it. When it ends, the connection does.
pub type Talk = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is done with connections on the lane of facts.
pub trait FactsLane: Send + Sync + 'static {
    /// This replica dialled.
    fn dialled(&self, end: LaneEnd<ToPeer, FromPeer>) -> Talk;
    /// The other one dialled.
    fn accepted(&self, end: LaneEnd<FromPeer, ToPeer>) -> Talk;
}
