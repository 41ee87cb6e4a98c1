//! One service → its objects and what could not be said.

use std::collections::{BTreeMap, BTreeSet};

use causeway_api::plan::Destination;
use causeway_api::spec::HostKind;
use causeway_api::view::{MeshCondition, ServiceView};
use causeway_api::{Generation, ServiceKey};

use crate::condition::{of_service, reason};
use crate::entry;
use crate::foreign::{Foreign, ForeignIndex};
use crate::host;
use crate::input::{MemberInputs, ServiceInputs};
use crate::keep;
use crate::limits;
use crate::locality;
use crate::name;
use crate::object::{DesiredObject, Kind, LiveObject, ObjectKey};
use crate::ports::{self, CarriedPort};
use crate::rule::rule;
use crate::shares;

/// What a rendering came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rendered {
    /// The objects that should be there. All others of ours for this service should not.
    pub objects: Vec<DesiredObject>,
    /// What could not be expressed or must not be written.
    pub conditions: Vec<MeshCondition>,
}

/// Renders one service. `live` are the objects of ours that are there for it now: for the last destination, and for
/// inputs beyond all sense, they stay.
#[must_use]
pub fn render_service(
    member: &MemberInputs,
    service: &ServiceKey,
    inputs: &ServiceInputs,
    foreign: &ForeignIndex,
    live: &[&LiveObject],
) -> Rendered {
    if !inputs.local.namespace_exists {
        // Nothing can be written; what is still there goes with its namespace, or the namespace is not known yet.
        return Rendered {
            objects: kept(live),
            conditions: Vec::new(),
        };
    }
    if let Some(message) = limits::too_large(inputs) {
        return hold(live, of_service(reason::TOO_LARGE, service, "", message));
    }
    let one = One {
        member,
        service,
        inputs,
        foreign,
        live,
        generation: inputs
            .generation()
            .map_or(member.generation, |own| own.max(member.generation)),
    };
    let mut rendered = match inputs.view() {
        Some(view) => one.imported(view),
        None => one.not_imported(),
    };
    let has_rule = |object: &DesiredObject| object.key.kind == Kind::DestinationRule;
    if let Some(view) = inputs.view()
        && rendered.objects.iter().any(has_rule)
    {
        keep::keep_unheard(&mut rendered.objects, live, view, &inputs.unheard);
    }
    let known = match inputs.generation() {
        Some(own) => own.max(member.generation),
        None => member.seen.max(member.generation),
    };
    let Rendered {
        objects,
        conditions,
    } = &mut rendered;
    keep::keep_newer(Some(service), objects, conditions, live, known);
    // A decision that the service is gone is obeyed; that nothing is said of it is no decision.
    if !inputs.is_gone() && keep::would_empty(member, inputs, &rendered.objects, live) {
        return one.keep_last(rendered);
    }
    rendered
}

/// All stays as it is.
fn hold(live: &[&LiveObject], condition: MeshCondition) -> Rendered {
    Rendered {
        objects: kept(live),
        conditions: vec![condition],
    }
}

fn kept(live: &[&LiveObject]) -> Vec<DesiredObject> {
    live.iter()
        .filter(|object| object.is_ours())
        .map(|object| object.kept())
        .collect()
}

struct One<'a> {
    member: &'a MemberInputs,
    service: &'a ServiceKey,
    inputs: &'a ServiceInputs,
    foreign: &'a ForeignIndex,
    live: &'a [&'a LiveObject],
    generation: Generation,
}

impl One<'_> {
    /// There is no plan for callers here: at most, others call in.
    fn not_imported(&self) -> Rendered {
        let mut rendered = Rendered::default();
        if self.inputs.local.exported && !self.inputs.local.headless {
            let (ports, _) = ports::carried(self.service, self.inputs);
            self.set_host(&ports, &mut rendered);
        }
        rendered
    }

    /// The entries stay, behind the rules that were rendered; where none were, behind those that are there.
    fn keep_last(&self, mut rendered: Rendered) -> Rendered {
        let has_rule = |object: &DesiredObject| object.key.kind == Kind::DestinationRule;
        let condition = keep::kept(self.service, self.live);
        if rendered.objects.iter().any(has_rule) {
            keep::keep_entries(&mut rendered.objects, self.live);
            rendered.conditions.push(condition);
        } else {
            let held = hold(self.live, condition);
            rendered.objects = held.objects;
            rendered.conditions.extend(held.conditions);
        }
        rendered
    }

    fn imported(&self, view: &ServiceView) -> Rendered {
        let local = &self.inputs.local;
        if local.headless {
            return Rendered {
                objects: Vec::new(),
                conditions: vec![self.condition(
                    reason::HEADLESS,
                    "a headless Service is sent to its pods' own addresses, which no gateway carries: it is not \
                     federated. Give callers a Service with a cluster IP."
                        .to_owned(),
                )],
            };
        }
        let (ports, conditions) = ports::carried(self.service, self.inputs);
        let mut rendered = Rendered {
            objects: Vec::new(),
            conditions,
        };
        if ports.is_empty() {
            return rendered;
        }
        let hosts = self.hosts(view, &mut rendered);
        if let Some(condition) = self.covered_by_others(&hosts, &mut rendered) {
            rendered.conditions.push(condition);
            return rendered;
        }
        if let Some(condition) = self.picked_by_others() {
            rendered.conditions.push(condition);
            return rendered;
        }
        self.objects(view, &ports, &hosts, &mut rendered);
        rendered
    }

    /// The hosts that need a rule, by kind of name.
    fn hosts(&self, view: &ServiceView, rendered: &mut Rendered) -> BTreeMap<HostKind, String> {
        let wanted = |kind| view.hosts.is_empty() || view.hosts.contains(&kind);
        let mut hosts = BTreeMap::new();
        if wanted(HostKind::ClusterSet) {
            hosts.insert(HostKind::ClusterSet, self.service.clusterset_host());
        }
        if wanted(HostKind::ClusterLocal) {
            hosts.insert(HostKind::ClusterLocal, self.service.cluster_local_host());
        } else if self.inputs.local.exists && !self.inputs.local.selector.is_empty() {
            // The Service picks the entries by the very labels that pick its pods: without a rule for its own name
            // they would stand beside the pods.
            hosts.insert(HostKind::ClusterLocal, self.service.cluster_local_host());
            rendered.conditions.push(self.condition(
                reason::HOSTS_NOT_SEPARABLE,
                format!(
                    "policy names ClusterSet alone, but the Service's selector picks our entries too: {} fails over \
                     as well.",
                    self.service.cluster_local_host()
                ),
            ));
        }
        hosts
    }

    /// Another owner's rule for one of the hosts, where it is in force for all callers or would let remote endpoints
    /// stand beside local ones.
    fn covered_by_others(
        &self,
        hosts: &BTreeMap<HostKind, String>,
        rendered: &mut Rendered,
    ) -> Option<MeshCondition> {
        let own = self.service.namespace.as_str();
        for host in hosts.values() {
            for (key, rule) in self.foreign.covering(Kind::DestinationRule, host) {
                let Foreign::Rule {
                    keeps_priorities, ..
                } = rule
                else {
                    continue;
                };
                let elsewhere = key.namespace != own && key.namespace != self.member.mesh_namespace;
                if elsewhere && *keeps_priorities {
                    rendered.conditions.push(of_service(
                        reason::HIDDEN_IN_NAMESPACE,
                        self.service,
                        &key.to_string(),
                        format!(
                            "{key} hides our rule from callers in its namespace: they fail over by its outlier \
                             detection, without our timeouts and shares. Remove it, or add them to it."
                        ),
                    ));
                    continue;
                }
                return Some(of_service(
                    reason::FOREIGN_DESTINATION_RULE,
                    self.service,
                    &key.to_string(),
                    format!(
                        "{key} covers {host}, and beside it our endpoints would take traffic away from local ones: \
                         the service is left alone. Remove that rule, or narrow its host."
                    ),
                ));
            }
        }
        None
    }

    /// Services beside this one that would pick our entries, without a rule that keeps those behind their own pods.
    fn picked_by_others(&self) -> Option<MeshCondition> {
        let others: Vec<_> = self
            .inputs
            .local
            .also_picked_by
            .iter()
            .map(|name| name.as_str())
            .collect();
        (!others.is_empty()).then(|| {
            self.condition(
                reason::PICKED_BY_OTHERS,
                format!(
                    "the selectors of {} pick the same labels: our endpoints would take their traffic away from their \
                     own pods, so the service is left alone. Export them too, or give the selectors a label that \
                     tells them apart.",
                    others.join(", ")
                ),
            )
        })
    }

    fn objects(
        &self,
        view: &ServiceView,
        ports: &[CarriedPort],
        hosts: &BTreeMap<HostKind, String>,
        rendered: &mut Rendered,
    ) {
        let remotes = entry::remotes(self.member, view, self.inputs);
        let local: BTreeSet<_> = locality::local_patterns(self.member, view)
            .into_values()
            .collect();
        let networks = remotes.keys().cloned().collect();
        let places = locality::places(self.member, &networks, &local, shares::spills(view));
        let (balance, conditions) =
            shares::balance(self.member, self.service, view, &self.inputs.local, &places);
        rendered.conditions.extend(conditions);
        for (kind, host) in hosts {
            let name = match kind {
                HostKind::ClusterLocal => name::local_rule(self.service),
                HostKind::ClusterSet => name::set_rule(self.service),
            };
            rendered
                .objects
                .push(rule(self.service, name, host, self.generation, &balance));
        }
        if hosts.contains_key(&HostKind::ClusterLocal) {
            self.local_host(ports, rendered);
        }
        if hosts.contains_key(&HostKind::ClusterSet) || self.inputs.local.exported {
            self.set_host(ports, rendered);
        }
        let (entries, conditions) = entry::entries(
            self.service,
            self.generation,
            self.inputs,
            ports,
            &remotes,
            &places,
        );
        rendered.objects.extend(entries);
        rendered.conditions.extend(conditions);
        rendered.conditions.extend(self.same_network(view));
    }

    /// `svc.ns.svc.cluster.local`, where the mesh has no Service that picks our entries.
    fn local_host(&self, ports: &[CarriedPort], rendered: &mut Rendered) {
        let local = &self.inputs.local;
        if local.exists && !local.selector.is_empty() {
            return;
        }
        let host = self.service.cluster_local_host();
        if !local.exists {
            rendered.conditions.push(self.condition(
                reason::NAME_NEEDS_DNS,
                format!(
                    "there is no Service here: {host} works in the mesh, and resolves only with Istio's DNS proxy or \
                     a Service of that name without pods."
                ),
            ));
        }
        let name = name::local_host(self.service);
        self.host(name, &host, ports, rendered);
    }

    /// `svc.ns.svc.clusterset.local`.
    fn set_host(&self, ports: &[CarriedPort], rendered: &mut Rendered) {
        if ports.is_empty() {
            return;
        }
        let local = &self.inputs.local;
        if local.exists && local.selector.is_empty() {
            rendered.conditions.push(self.condition(
                reason::LOCAL_NOT_IN_CLUSTERSET,
                format!(
                    "the Service has no selector: its own endpoints answer by {}, not by {}.",
                    self.service.cluster_local_host(),
                    self.service.clusterset_host()
                ),
            ));
        }
        rendered
            .conditions
            .extend(host::unknown_targets(self.service, ports));
        let host = self.service.clusterset_host();
        self.host(name::set_host(self.service), &host, ports, rendered);
    }

    /// One ServiceEntry, unless another owner has that host.
    fn host(&self, name: String, host: &str, ports: &[CarriedPort], rendered: &mut Rendered) {
        let other = self
            .foreign
            .covering(Kind::ServiceEntry, host)
            .map(|(key, _)| key)
            .next();
        if let Some(key) = other {
            rendered.conditions.push(self.foreign_host(key, host));
            return;
        }
        rendered.objects.push(host::host(
            self.service,
            name,
            host,
            self.generation,
            &self.inputs.local,
            ports,
        ));
    }

    fn foreign_host(&self, key: &ObjectKey, host: &str) -> MeshCondition {
        of_service(
            reason::FOREIGN_SERVICE_ENTRY,
            self.service,
            &key.to_string(),
            format!(
                "{key} has the host {host} already: ours is not written. Remove one of the two."
            ),
        )
    }

    /// Shares of other members of the own network.
    fn same_network(&self, view: &ServiceView) -> Option<MeshCondition> {
        let others: BTreeSet<_> = view
            .sources
            .iter()
            .flat_map(|plan| {
                plan.shares
                    .iter()
                    .filter(|share| !locality::is_local(&plan.source, &share.destination))
            })
            .filter_map(|share| match &share.destination {
                Destination::Zone { member, .. } => Some(member.as_str()),
                Destination::Network(_) => None,
            })
            .collect();
        (!others.is_empty()).then(|| {
            self.condition(
                reason::SAME_NETWORK,
                format!(
                    "the plan also sends to {} in this member's own network: only a mesh that reads both clusters \
                     carries that out.",
                    others.into_iter().collect::<Vec<_>>().join(", ")
                ),
            )
        })
    }

    fn condition(&self, reason: &str, message: String) -> MeshCondition {
        of_service(reason, self.service, "", message)
    }
}
