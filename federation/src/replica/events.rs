//! Kubernetes Events about MemberClusters: verdicts that change, and registrations that go wrong or right again.
//!
//! Events are for people who look with `kubectl describe`; what they say stands in status and log too, so that some may
//! be left out when there are many ([`budget`]).

mod budget;
mod tale;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::MemberName;
use causeway_state::outcome::Outcome;
use causeway_storage::Next;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::core::DynamicObject;
use kube::{Api, Client};

use super::registry::Kind;
use super::shared::Shared;
use super::status::conditions::conditions;
use super::status::look::{Known, Look};
use super::status::scope::Scope;
use budget::Budget;
use tale::{Said, Tale};

/// Events about objects without a namespace stand in this one, as the API asks.
const NAMESPACE: &str = "default";
/// Conditions are compared at most this often.
const PACE: Duration = Duration::from_secs(2);
/// All conditions are compared at least this often while anything changes.
const LOOK: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(5);
/// The longest note that the API takes, in characters (1 kB; ours are mostly ASCII).
const NOTE: usize = 900;

/// Tells until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>, host: Client) {
    let verdicts = tell_verdicts(&shared, &host);
    let conditions = tell_conditions(&shared, &host);
    tokio::join!(biased; verdicts, conditions);
}

async fn tell_verdicts(shared: &Shared, host: &Client) {
    let mut decisions = shared.consensus.decisions();
    let mut budget = Budget::new(shared.env.now());
    while let Some(next) = decisions.next().await {
        let Next::Decision(decision) = next else {
            continue;
        };
        let Outcome::Accepted { effect, .. } = &decision.outcome else {
            continue;
        };
        if !shared.consensus.is_leader() {
            continue;
        }
        let tales: Vec<Tale> = shared.consensus.read(|state| {
            let of = |(subject, from, to): &(_, _, _)| {
                tale::of_verdict(subject, *from, *to, state.verdict(subject).as_ref())
            };
            effect.verdicts.iter().filter_map(of).collect()
        });
        for tale in tales {
            tell(shared, host, &mut budget, &tale).await;
        }
    }
}

async fn tell_conditions(shared: &Shared, host: &Client) {
    let mut changes = shared.status_changes();
    let mut budget = Budget::new(shared.env.now());
    let mut said = Said::new(shared.env.wall());
    loop {
        if shared.speaks_for_host() {
            let scope = changes.take(&shared.env, LOOK);
            for tale in news(shared, &scope, &mut said) {
                tell(shared, host, &mut budget, &tale).await;
            }
        }
        shared.env.sleep(PACE).await;
        if !changes.changed().await {
            return;
        }
    }
}

fn news(shared: &Shared, scope: &Scope, said: &mut Said) -> Vec<Tale> {
    let known = Known::now(shared, scope);
    let rows = &known.rows;
    said.keep(rows.members.keys());
    let found = Look::now(shared, &known, |look| {
        let of = |name: &String| {
            let member = MemberName::new(name).ok();
            let one = member
                .as_ref()
                .map_or_else(|| look.nameless(name), |member| look.member(member));
            (name.clone(), conditions(&one))
        };
        let names = rows.members.keys().filter(|name| scope.has(name));
        names.map(of).collect::<BTreeMap<_, _>>()
    });
    let mut tales = Vec::new();
    for (name, conditions) in found {
        let object = rows.members.get(&name).map(|row| row.object.as_ref());
        tales.extend(said.compare(&name, object, &conditions));
    }
    tales
}

async fn tell(shared: &Shared, host: &Client, budget: &mut Budget, tale: &Tale) {
    let row = shared.declared.rows().members.get(&tale.member).cloned();
    let Some(row) = row.filter(|_| budget.take(&tale.member, &tale.reason, shared.env.now()))
    else {
        return;
    };
    let api: Api<Event> = Api::namespaced(host.clone(), NAMESPACE);
    let event = event(shared, tale, &row.object);
    let result = shared
        .env
        .timeout(LIMIT, api.create(&PostParams::default(), &event))
        .await;
    if let Ok(Err(error)) = result {
        tracing::debug!(%error, member = %tale.member, "an Event could not be written");
    }
}

fn event(shared: &Shared, tale: &Tale, object: &DynamicObject) -> Event {
    let resource = Kind::Member.resource();
    let now = shared.env.wall().0;
    let time = k8s_openapi::jiff::Timestamp::from_millisecond(now).unwrap_or_default();
    Event {
        metadata: ObjectMeta {
            name: Some(format!(
                "{}.{:016x}",
                tale.member,
                shared.env.random().next_u64()
            )),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        action: Some(tale.action.to_owned()),
        event_time: Some(MicroTime(time)),
        note: Some(tale.note.chars().take(NOTE).collect()),
        reason: Some(tale.reason.chars().take(128).collect()),
        regarding: Some(ObjectReference {
            api_version: Some(resource.api_version),
            kind: Some(resource.kind),
            name: object.metadata.name.clone(),
            uid: object.metadata.uid.clone(),
            resource_version: object.metadata.resource_version.clone(),
            ..ObjectReference::default()
        }),
        reporting_controller: Some("causeway.dev/controller".to_owned()),
        reporting_instance: Some(shared.id.to_string()),
        type_: Some(if tale.warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}
