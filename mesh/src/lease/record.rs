//! The Lease object, as far as we read and write it.

use std::collections::BTreeMap;

use causeway_seam::WallClock;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;

use super::LeaseOptions;

/// Annotation: the epoch of the holder's taking.
pub(super) const EPOCH: &str = "causeway.dev/epoch";

/// Who holds it; an empty name is nobody.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}

/// The epoch that it holds; 0 where there is none, or one that nobody of us wrote.
pub(super) fn epoch(lease: &Lease) -> u64 {
    lease
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(EPOCH)?.parse().ok())
        .unwrap_or(0)
}

/// What changes with each sign of life of a holder: resourceVersion and time. Compared, never read as a time.
pub(super) type Pulse = (Option<String>, Option<String>);

pub(super) fn pulse(lease: &Lease) -> Pulse {
    let renewed = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.renew_time.as_ref())
        .map(|time| time.0.to_string());
    (lease.metadata.resource_version.clone(), renewed)
}

/// The Lease as `options.identity` holds it, with the resourceVersion of what it was made from: a write that another
/// has overtaken is refused.
pub(super) fn held(
    from: Option<&Lease>,
    options: &LeaseOptions,
    epoch: u64,
    taken: bool,
    now: WallClock,
) -> Lease {
    let now = Timestamp::from_millisecond(now.0).ok().map(MicroTime);
    let old = from
        .and_then(|lease| lease.spec.clone())
        .unwrap_or_default();
    let transitions = old.lease_transitions.unwrap_or(0);
    Lease {
        metadata: metadata(from, options, epoch),
        spec: Some(LeaseSpec {
            holder_identity: Some(options.identity.clone()),
            lease_duration_seconds: i32::try_from(options.duration.as_secs().max(1)).ok(),
            acquire_time: if taken { now.clone() } else { old.acquire_time },
            renew_time: now,
            lease_transitions: Some(transitions.saturating_add(i32::from(taken))),
            ..LeaseSpec::default()
        }),
    }
}

/// The Lease as nobody holds it.
pub(super) fn released(from: &Lease, options: &LeaseOptions) -> Lease {
    let mut spec = from.spec.clone().unwrap_or_default();
    spec.holder_identity = Some(String::new());
    Lease {
        metadata: metadata(Some(from), options, epoch(from)),
        spec: Some(spec),
    }
}

fn metadata(from: Option<&Lease>, options: &LeaseOptions, epoch: u64) -> ObjectMeta {
    let old = from.map(|lease| lease.metadata.clone()).unwrap_or_default();
    let mut annotations = old.annotations.unwrap_or_default();
    annotations.insert(EPOCH.to_owned(), epoch.to_string());
    ObjectMeta {
        name: Some(options.name.clone()),
        namespace: Some(options.namespace.clone()),
        labels: old.labels.or_else(|| {
            Some(BTreeMap::from([(
                "app.kubernetes.io/managed-by".to_owned(),
                "causeway".to_owned(),
            )]))
        }),
        annotations: Some(annotations),
        uid: old.uid,
        resource_version: old.resource_version,
        ..ObjectMeta::default()
    }
}
