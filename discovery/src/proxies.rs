//! What callers' proxies leave out by themselves: ejections of Envoy's outlier detection
//! (<https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier>), read from proxies that the
//! member's owner lets the agent ask.
//!
//! An Envoy that sees errors leaves out a host, and with a remote network's gateway that whole network, within its own
//! seconds. That is a caller's word on its own requests, and errors of the application count as well: so it is no vote, and
//! concerns that caller and that service alone. In the order in which it is read:
//!
//! * [`url`]: which proxies; [`ask`]: their page `/clusters`, bounded in time and size;
//! * [`page`]: the page → for each service and remote network whether all of its hosts are ejected; [`name`]: clusters' names;
//! * [`heard`]: the last answers of all proxies → one word on each, or none;
//! * [`held`]: words over time → the fact, which takes a while to come and longer to go;
//! * [`reader`]: rounds of asking; [`mod@watch`]: for ever, into the member's own row.
//!
//! A proxy that doesn't answer says nothing: neither that it ejects something nor that it doesn't.

pub mod ask;
pub mod heard;
pub mod held;
pub mod name;
pub mod page;
pub mod places;
pub mod reader;
pub mod url;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::{NetworkName, ServiceKey};

pub use ask::{Asks, NetAsks};
pub use places::Places;
pub use reader::{Reader, ReaderConfig};
pub use url::ProxyUrl;
pub use watch::watch;

/// A service, and a remote network that serves it.
pub type Pair = (ServiceKey, NetworkName);

/// By service the remote networks that are left out.
pub type Ejected = BTreeMap<ServiceKey, BTreeSet<NetworkName>>;
