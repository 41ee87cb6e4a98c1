//! What a delta changed: what those who compute from facts have to look at again, and nothing else.

use std::collections::BTreeSet;

use causeway_api::{Name, ServiceKey};

/// What differs between before and after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Services of which a row differs: the service itself, or endpoints.
    pub services: BTreeSet<ServiceKey>,
    /// Whether any gateway differs.
    pub gateways: bool,
    /// Namespaces that came or went.
    pub namespaces: BTreeSet<Name>,
    /// Whether the member's own row differs.
    pub member: bool,
}

impl Touched {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && !self.gateways && self.namespaces.is_empty() && !self.member
    }

    /// Both together.
    pub fn merge(&mut self, other: Self) {
        self.services.extend(other.services);
        self.gateways |= other.gateways;
        self.namespaces.extend(other.namespaces);
        self.member |= other.member;
    }
}
