//! Which replica this agent's session is with: chosen freely, by how near they are ([`Homes`]), and left for a much nearer
//! one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_api::session::{FromAgent, FromReplica, Roll};
use causeway_core::homes::Homes;
use causeway_seam::Env;
use causeway_seam::transport::{Connection, TransportError};

use super::link::Dialer;

/// How long dialling may take.
const DIAL: Duration = Duration::from_secs(10);
/// After a refusal that only a person can mend.
const REFUSED: Duration = Duration::from_secs(30);
/// How long after a session's beginning the distances of all replicas are measured, and how often after that.
pub(crate) const FIRST_LOOK: Duration = Duration::from_secs(40);
pub(crate) const LOOK: Duration = Duration::from_secs(600);

/// How a session ended.
pub(crate) enum Ended {
    /// It was up, then broke: begin at once, jittered.
    Broke(String),
    /// It was up, and has to begin anew for a reason of this side.
    Anew(String),
    /// Another replica is much nearer.
    Nearer,
    /// The replica has its hands full, and says when to come again.
    Busy(Duration),
    /// It never came up.
    Failed(String),
    /// It was refused, and only a person can mend that.
    Refused(String),
}

/// Chooses homes.
pub(crate) struct Homing {
    env: Env,
    dialer: Arc<Dialer>,
    homes: Mutex<Homes>,
}

impl Homing {
    /// For the agent of a member, with the addresses that a person named.
    pub(crate) fn new(env: &Env, dialer: Arc<Dialer>, me: &str, named: Vec<String>) -> Self {
        Self {
            env: env.clone(),
            dialer,
            homes: Mutex::new(Homes::new(me, named)),
        }
    }

    fn homes(&self) -> MutexGuard<'_, Homes> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address to dial now, or for how long there is none; `None`: there never is one.
    pub(crate) fn next(&self) -> Result<String, Option<Duration>> {
        let homes = self.homes();
        homes.next(self.env.now().0).map(str::to_owned)
    }

    /// A session came up.
    pub(crate) fn opened(&self, address: &str) {
        self.homes().succeeded(address);
    }

    /// A replica said where all of them are.
    pub(crate) fn learn(&self, roll: &Roll) {
        self.homes().learn(&roll.addresses());
    }

    /// A session, or the attempt, ended.
    pub(crate) fn ended(&self, address: &str, how: &Ended) {
        let now = self.env.now().0;
        let spread = |wait| self.env.random().jittered(wait);
        let mut homes = self.homes();
        match how {
            Ended::Anew(_) | Ended::Nearer => {}
            Ended::Broke(_) => homes.broke(address, now, spread),
            Ended::Busy(wait) => homes.leave_alone(address, now + spread(*wait)),
            Ended::Failed(_) => homes.failed(address, now, spread),
            Ended::Refused(_) => homes.leave_alone(address, now + spread(REFUSED)),
        }
    }

    /// The agent itself has changed: whoever refused it may take it now.
    pub(crate) fn forgive(&self) {
        self.homes().forgive();
    }

    /// Whether another replica is so much nearer that moving is worth it.
    pub(crate) fn is_far(&self, home: &str) -> bool {
        self.homes().is_far(home, self.env.now().0)
    }

    /// Dials, and notes how long that took.
    pub(crate) async fn dial(
        &self,
        address: &str,
    ) -> Result<Connection<FromAgent, FromReplica>, TransportError> {
        let began = self.env.now();
        let dialled = self.env.timeout(DIAL, self.dialer.dial(address)).await;
        let connection = dialled.unwrap_or_else(|elapsed| {
            Err(TransportError::Unreachable {
                address: address.to_owned(),
                reason: elapsed.to_string(),
            })
        })?;
        let took = self.env.now().since(began);
        self.homes().took(address, took);
        Ok(connection)
    }

    /// Measures how far all replicas are, by dialling them and hanging up.
    pub(crate) async fn look(self: Arc<Self>) {
        let addresses: Vec<String> = self.homes().addresses().cloned().collect();
        if addresses.len() < 2 {
            return;
        }
        for address in addresses {
            if let Err(error) = self.dial(&address).await {
                tracing::debug!(%address, %error, "how far it is could not be measured");
            }
        }
    }
}
