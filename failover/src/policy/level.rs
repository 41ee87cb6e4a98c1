//! How near a policy is to a service.

use causeway_api::ServiceKey;
use causeway_api::spec::PolicySpec;

/// How near a policy is, the most general first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// In the root namespace, for all services.
    Root,
    /// In the root namespace, for named services.
    RootTargets,
    /// In the service's namespace, for all of it.
    Namespace,
    /// In the service's namespace, naming it.
    Service,
}

/// How near a policy is to a service; `None` where it does not concern it.
pub(crate) fn level_of(policy: &PolicySpec, service: &ServiceKey) -> Option<Level> {
    let named = policy.targets.contains(service);
    match (policy.root, policy.targets.is_empty()) {
        (true, true) => Some(Level::Root),
        (true, false) => named.then_some(Level::RootTargets),
        (false, _) if policy.key.namespace != service.namespace => None,
        (false, true) => Some(Level::Namespace),
        (false, false) => named.then_some(Level::Service),
    }
}
