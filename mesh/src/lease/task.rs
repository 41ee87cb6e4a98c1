//! The task behind a [`super::Lease`]: look, wait, take, renew, lose.

use std::sync::Arc;
use std::time::Duration;

use causeway_seam::{Env, Monotonic};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PostParams};
use tokio::sync::{Notify, watch};

use super::record;
use super::{LeaseOptions, LeaseState};
use crate::refusal::{Refused, refused};

pub(super) struct Task {
    env: Env,
    leases: Api<Lease>,
    namespaces: Api<Namespace>,
    options: LeaseOptions,
    say: watch::Sender<LeaseState>,
    heard: watch::Receiver<u64>,
    leave: Arc<Notify>,
    /// The Lease's last sign of life, and when it was first seen.
    seen: Option<(record::Pulse, Monotonic)>,
    /// The highest epoch that this process held: it outlives a Lease that somebody deletes.
    highest: u64,
}

/// What became of an attempt to renew.
enum Renewal {
    Held(Box<Lease>),
    Lost,
    Failed,
}

impl Task {
    pub(super) fn new(
        env: Env,
        client: kube::Client,
        options: LeaseOptions,
        say: watch::Sender<LeaseState>,
        heard: watch::Receiver<u64>,
        leave: Arc<Notify>,
    ) -> Self {
        Self {
            leases: Api::namespaced(client.clone(), &options.namespace),
            namespaces: Api::all(client),
            env,
            options,
            say,
            heard,
            leave,
            seen: None,
            highest: 0,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let taken = match self.look().await {
                Ok(taken) => taken,
                Err(refused) => {
                    self.standby(None, Some(refused.message));
                    None
                }
            };
            match taken {
                Some((lease, sent)) => {
                    if self.hold(lease, sent).await {
                        return;
                    }
                }
                None => {
                    let pause = self.env.random().jittered(self.options.renew_every);
                    let leave = self.leave.clone();
                    tokio::select! {
                        biased;
                        () = leave.notified() => return,
                        () = self.env.sleep(pause) => {}
                    }
                }
            }
        }
    }

    /// Reads the Lease, and takes it where it is free: then it is returned, with the time before it was asked for.
    async fn look(&mut self) -> Result<Option<(Lease, Monotonic)>, Refused> {
        let found = self.within(self.leases.get_opt(&self.options.name)).await?;
        let now = self.env.now();
        let Some(lease) = found else {
            return self.take(None).await;
        };
        let pulse = record::pulse(&lease);
        let since = match &self.seen {
            Some((seen, since)) if *seen == pulse => *since,
            _ => {
                self.seen = Some((pulse, now));
                now
            }
        };
        let silent = now.since(since) >= self.options.duration;
        let holder = record::holder(&lease).map(str::to_owned);
        // Our own name, though we do not hold it: an earlier life of this process, which cannot be alive beside us.
        let free = holder
            .as_ref()
            .is_none_or(|holder| *holder == self.options.identity);
        if free || silent {
            return self.take(Some(&lease)).await;
        }
        self.standby(holder, None);
        Ok(None)
    }

    async fn take(&mut self, from: Option<&Lease>) -> Result<Option<(Lease, Monotonic)>, Refused> {
        let sent = self.env.now();
        let epoch = from
            .map_or(0, record::epoch)
            .max(*self.heard.borrow())
            .max(self.highest)
            .saturating_add(1);
        let wanted = record::held(from, &self.options, epoch, true, self.env.wall());
        let name = &self.options.name;
        let params = PostParams::default();
        let answer = match from {
            Some(_) => {
                self.within(self.leases.replace(name, &params, &wanted))
                    .await
            }
            None => self.create(&wanted).await,
        };
        match answer {
            Ok(lease) => {
                tracing::info!(identity = %self.options.identity, epoch, "took the Lease");
                Ok(Some((lease, sent)))
            }
            // Another was quicker.
            Err(refused) if refused.is_conflict() => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    async fn create(&self, wanted: &Lease) -> Result<Lease, Refused> {
        let params = PostParams::default();
        match self.within(self.leases.create(&params, wanted)).await {
            Err(refused) if refused.is_absent() => {
                let mut namespace = Namespace::default();
                namespace.metadata.name = Some(self.options.namespace.clone());
                match self
                    .within(self.namespaces.create(&params, &namespace))
                    .await
                {
                    Err(refused) if !refused.is_conflict() => return Err(refused),
                    _ => {}
                }
                self.within(self.leases.create(&params, wanted)).await
            }
            answer => answer,
        }
    }

    /// Renews until the Lease is lost, its time is up, or it is given back (then the answer is true).
    async fn hold(&mut self, mut lease: Lease, mut sent: Monotonic) -> bool {
        let mut until = self.valid_until(sent);
        self.heard.mark_unchanged();
        loop {
            let epoch = record::epoch(&lease);
            self.highest = self.highest.max(epoch);
            self.say.send_replace(LeaseState::Held { epoch, until });
            let rest = self.rest(sent, until);
            let leave = self.leave.clone();
            tokio::select! {
                biased;
                () = leave.notified() => {
                    self.give_back(&lease).await;
                    return true;
                }
                Ok(()) = self.heard.changed() => {
                    if *self.heard.borrow() <= record::epoch(&lease) {
                        continue;
                    }
                }
                () = self.env.sleep(rest) => {}
            }
            if self.env.now() >= until {
                self.standby(None, Some(self.expired()));
                return false;
            }
            let asked = self.env.now();
            match self.renew(&lease, until.since(asked)).await {
                Renewal::Held(renewed) => {
                    lease = *renewed;
                    sent = asked;
                    until = self.valid_until(asked);
                }
                Renewal::Lost => {
                    self.standby(None, None);
                    return false;
                }
                Renewal::Failed => {}
            }
        }
    }

    /// When to renew next: some way into the interval, and quickly once a renewal has failed.
    fn rest(&self, sent: Monotonic, until: Monotonic) -> Duration {
        let now = self.env.now();
        let due = sent.plus(self.options.renew_every).since(now);
        let retry = self.options.renew_every / 4;
        due.max(self.env.random().jittered(retry))
            .min(until.since(now))
    }

    /// The end of what was renewed by a request that was sent at `sent`. A standby begins to count when it sees the
    /// renewal, which is later; a tenth is left for clocks that run unlike ours.
    fn valid_until(&self, sent: Monotonic) -> Monotonic {
        sent.plus(self.options.duration - self.options.duration / 10)
    }

    async fn renew(&self, lease: &Lease, left: Duration) -> Renewal {
        let wanted = self.renewed(lease);
        let name = &self.options.name;
        let params = PostParams::default();
        let request = self.leases.replace(name, &params, &wanted);
        let answer = match self.env.timeout(left, self.within(request)).await {
            Ok(answer) => answer,
            Err(_) => return Renewal::Failed,
        };
        match answer {
            Ok(lease) => Renewal::Held(Box::new(lease)),
            Err(refused) if refused.is_conflict() || refused.is_absent() => self.reread(left).await,
            Err(refused) => {
                tracing::warn!(problem = %refused.message, "could not renew the Lease");
                Renewal::Failed
            }
        }
    }

    /// Another sign of life, under an epoch above all that was heard of.
    fn renewed(&self, lease: &Lease) -> Lease {
        let heard = *self.heard.borrow();
        let own = record::epoch(lease).max(self.highest);
        let epoch = if heard > own {
            heard.saturating_add(1)
        } else {
            own
        };
        record::held(Some(lease), &self.options, epoch, false, self.env.wall())
    }

    /// Somebody else wrote the Lease: it is still ours where only other fields changed (people annotate).
    async fn reread(&self, left: Duration) -> Renewal {
        let request = self.within(self.leases.get_opt(&self.options.name));
        match self.env.timeout(left, request).await {
            Ok(Ok(Some(lease)))
                if record::holder(&lease) == Some(self.options.identity.as_str()) =>
            {
                let own = self.renewed(&lease);
                let params = PostParams::default();
                let request = self.leases.replace(&self.options.name, &params, &own);
                match self.env.timeout(left, self.within(request)).await {
                    Ok(Ok(lease)) => Renewal::Held(Box::new(lease)),
                    Ok(Err(refused)) if refused.is_conflict() => Renewal::Lost,
                    _ => Renewal::Failed,
                }
            }
            Ok(Ok(_)) => Renewal::Lost,
            _ => Renewal::Failed,
        }
    }

    async fn give_back(&self, lease: &Lease) {
        self.standby(None, None);
        let empty = record::released(lease, &self.options);
        let params = PostParams::default();
        let request = self.leases.replace(&self.options.name, &params, &empty);
        if let Err(refused) = self.within(request).await {
            tracing::info!(problem = %refused.message, "the Lease was not given back: it runs out");
        }
    }

    fn standby(&self, holder: Option<String>, problem: Option<String>) {
        let why = problem.clone();
        let state = LeaseState::Standby { holder, problem };
        let news = self.say.send_if_modified(|old| {
            let differs = *old != state;
            *old = state;
            differs
        });
        if let Some(problem) = why.filter(|_| news) {
            tracing::warn!(%problem, "the Lease cannot be read or taken; it is tried again");
        }
    }

    fn expired(&self) -> String {
        format!(
            "Lease {}/{} could not be renewed in time: nothing is written until it is ours again. Look at the API \
             server and at the agent's rights on leases.coordination.k8s.io.",
            self.options.namespace, self.options.name
        )
    }

    /// A request's answer, within the time between two renewals.
    async fn within<T>(
        &self,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Refused> {
        match self.env.timeout(self.options.renew_every, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(refused(&error)),
            Err(elapsed) => Err(Refused::silent(elapsed)),
        }
    }
}
