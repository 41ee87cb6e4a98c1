//! A member whose view the test writes by hand, from the samples.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::ensure;
use causeway_api::spec::Mode;
use causeway_api::view::{Applied, ServiceView, Versioned};
use causeway_api::{Generation, ServiceKey};
use causeway_chaos_tests::eventually;
use causeway_mesh::{Fence, LeaseState, Source, Versions, Writer, WriterHandle, WriterOptions};
use causeway_render::{Kind, MemberInputs, ServiceInputs};
pub(crate) use causeway_render_samples::*;
use causeway_seam::{Env, Monotonic};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;
use tokio::sync::watch;

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn key(name: &str) -> ServiceKey {
    ServiceKey::new("app", name).unwrap()
}

/// What the member's agent would hold.
pub(crate) struct Memory {
    pub(crate) complete: bool,
    pub(crate) member: MemberInputs,
    pub(crate) services: BTreeMap<ServiceKey, ServiceInputs>,
    index: u64,
}

impl Memory {
    fn next(&mut self) -> Generation {
        self.index += 1;
        generation(self.index)
    }
}

/// A [`Source`] that the test writes.
pub(crate) struct HandWritten(Mutex<Memory>);

impl Source for HandWritten {
    fn is_complete(&self) -> bool {
        self.0.lock().unwrap().complete
    }

    fn member(&self) -> Option<Arc<MemberInputs>> {
        Some(Arc::new(self.0.lock().unwrap().member.clone()))
    }

    fn services(&self) -> Vec<ServiceKey> {
        self.0.lock().unwrap().services.keys().cloned().collect()
    }

    fn service(&self, key: &ServiceKey) -> ServiceInputs {
        let memory = self.0.lock().unwrap();
        memory.services.get(key).cloned().unwrap_or_default()
    }

    fn versions(&self) -> Versions {
        Versions {
            generation: generation(self.0.lock().unwrap().index),
            owners: BTreeMap::new(),
            incarnation: 1,
        }
    }
}

/// A member with a writer.
pub(crate) struct Member {
    pub(crate) client: kube::Client,
    pub(crate) env: Env,
    pub(crate) source: Arc<HandWritten>,
    writer: Option<Writer>,
}

impl Member {
    /// `echo` is imported and exported; nothing is started yet.
    pub(crate) fn new(client: kube::Client, mode: Mode) -> Self {
        let member = MemberInputs {
            settings: settings(mode),
            generation: generation(3),
            seen: generation(1_000_000),
            networks: BTreeMap::new(),
            mesh_namespace: "istio-system".to_owned(),
        };
        let memory = Memory {
            complete: true,
            member,
            services: BTreeMap::new(),
            index: 10,
        };
        let this = Self {
            client,
            env: causeway_seam::real::env(),
            source: Arc::new(HandWritten(Mutex::new(memory))),
            writer: None,
        };
        this.set_network("net2", Some(&["203.0.113.2"]), "r2/z1");
        this.set_network("net3", Some(&["203.0.113.3"]), "r3/z1");
        this.set("echo", |inputs| {
            inputs.owners = vec![owner("two", "net2", 4), owner("three", "net3", 7)];
            inputs.local = local("echo");
        });
        this.plan("echo", Some(nearest()));
        this
    }

    /// Starts (again) with a fence of that epoch that nobody takes away.
    pub(crate) fn start(&mut self, epoch: u64) {
        let state = LeaseState::Held {
            epoch,
            until: Monotonic(Duration::MAX),
        };
        self.start_with(Fence::from(watch::channel(state).1));
    }

    pub(crate) fn start_with(&mut self, fence: impl Into<Fence>) {
        self.writer = None;
        let options = WriterOptions {
            retry_max: Duration::from_secs(2),
            ..WriterOptions::default()
        };
        self.writer = Some(Writer::start(
            &self.env,
            self.client.clone(),
            fence,
            self.source.clone(),
            options,
        ));
    }

    pub(crate) fn stop(&mut self) {
        self.writer = None;
    }

    pub(crate) fn handle(&self) -> WriterHandle {
        self.writer.as_ref().expect("a started writer").handle()
    }

    fn mark(&self, name: &str) {
        if let Some(writer) = &self.writer {
            writer.handle().mark_services([key(name)]);
        }
    }

    /// Changes what is known of a service, without a decision.
    pub(crate) fn set(&self, name: &str, change: impl FnOnce(&mut ServiceInputs)) {
        let mut memory = self.source.0.lock().unwrap();
        change(memory.services.entry(key(name)).or_default());
        drop(memory);
        self.mark(name);
    }

    /// A decision about a service.
    pub(crate) fn plan(&self, name: &str, view: Option<ServiceView>) {
        let mut memory = self.source.0.lock().unwrap();
        let generation = memory.next();
        let inputs = memory.services.entry(key(name)).or_default();
        inputs.plan = Some(Versioned {
            generation,
            value: view,
        });
        drop(memory);
        self.mark(name);
    }

    /// A decision about a network; `None`: it is gone from the view.
    pub(crate) fn set_network(&self, name: &str, addresses: Option<&[&str]>, locality: &str) {
        let mut memory = self.source.0.lock().unwrap();
        let generation = memory.next();
        let value = addresses.map(|addresses| network_view(addresses, locality));
        let networks = &mut memory.member.networks;
        match value {
            Some(value) => {
                let value = Some(value);
                networks.insert(network(name), Versioned { generation, value });
            }
            None => {
                networks.remove(&network(name));
            }
        }
        drop(memory);
        self.mark_member();
    }

    pub(crate) fn memory(&self, change: impl FnOnce(&mut Memory)) {
        let mut memory = self.source.0.lock().unwrap();
        let _ = memory.next();
        change(&mut memory);
        drop(memory);
        self.mark_member();
    }

    fn mark_member(&self) {
        if let Some(writer) = &self.writer {
            writer.handle().mark_member();
        }
    }

    /// Waits until all of the view as it is now was applied.
    pub(crate) async fn applied(&self) -> anyhow::Result<Applied> {
        let wanted = self.source.versions().generation;
        let applied = self.handle().applied();
        eventually(DEADLINE, "the view is applied", || async {
            let now = applied.borrow().clone();
            ensure!(
                now.generation == wanted && now.would_change == 0,
                "{now:#?}"
            );
            Ok(now)
        })
        .await
    }

    /// Waits for a condition of this reason, and returns its message.
    pub(crate) async fn condition(&self, reason: &str) -> anyhow::Result<String> {
        let applied = self.handle().applied();
        eventually(DEADLINE, &format!("condition {reason}"), || async {
            let now = applied.borrow().clone();
            let found = now.conditions.iter().find(|found| found.reason == reason);
            ensure!(found.is_some(), "{now:#?}");
            Ok(found.unwrap().message.clone())
        })
        .await
    }

    pub(crate) fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk(kind.group(), kind.version(), kind.as_str());
        let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural());
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    /// All objects of the kinds that we write, whoever wrote them, by name.
    pub(crate) async fn objects(&self) -> anyhow::Result<BTreeMap<String, Value>> {
        let mut all = BTreeMap::new();
        for kind in Kind::ALL {
            let namespace = if kind == Kind::Gateway {
                "istio-system"
            } else {
                "app"
            };
            for object in self.api(kind, namespace).list(&<_>::default()).await? {
                let name = object.metadata.name.clone().unwrap();
                all.insert(format!("{kind} {name}"), serde_json::to_value(object)?);
            }
        }
        Ok(all)
    }

    /// Name → resourceVersion.
    pub(crate) async fn versions(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let version = |object: &Value| {
            let text = object["metadata"]["resourceVersion"].as_str().unwrap();
            text.parse().unwrap()
        };
        Ok(self
            .objects()
            .await?
            .iter()
            .map(|(name, object)| (name.clone(), version(object)))
            .collect())
    }
}
