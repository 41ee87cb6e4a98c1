//! The one place where the outside world enters: clock, randomness, task spawning, disk, and the network between
//! agents and replicas. Everything else of Causeway takes an [`Env`] and never asks the operating system itself, so
//! that the same code runs on real time and, in a simulator, on virtual time from a seed.
//!
//! * [`mod@env`]: the handle that each process of the clusterset holds;
//! * [`ambient`]: which process a task belongs to, for libraries that take no handle;
//! * [`clock`], [`random`], [`spawn`], [`disk`], [`transport`]: what it is made of;
//! * [`real`]: the operating system behind it.
//!
//! A member's API enters as a `kube::Client`, which is itself a value: the real one speaks HTTP over TLS, the
//! in-memory member (crate `causeway-memory`) is a client over a service in this process.

pub mod ambient;
pub mod clock;
pub mod disk;
pub mod env;
pub mod random;
pub mod real;
pub mod spawn;
pub mod transport;

pub use clock::{Clock, Monotonic, WallClock};
pub use disk::{Disk, DiskError};
pub use env::Env;
pub use random::Random;
pub use spawn::{Spawn, TaskHandle};
