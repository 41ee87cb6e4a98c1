//! What the member serves: a row for each kind, with what differs between kinds.

use crate::fields::Shape;

/// A kind, as it is served.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its group; empty for the core.
    pub(crate) group: &'static str,
    /// Its versions, the preferred first.
    pub(crate) versions: &'static [&'static str],
    /// Its name in `kind`.
    pub(crate) kind: &'static str,
    /// Its name in URLs.
    pub(crate) plural: &'static str,
    /// Its singular.
    pub(crate) singular: &'static str,
    /// Whether its objects stand in namespaces.
    pub(crate) namespaced: bool,
    /// Whether it is defined by a CustomResourceDefinition, which may be absent.
    pub(crate) custom: bool,
    /// Whether it has a status subresource.
    pub(crate) status: bool,
    /// Whether an object can be created with a status.
    pub(crate) created_with_status: bool,
    /// Whether `metadata.generation` counts changes of its spec.
    pub(crate) generation: bool,
    /// Whether a replacement without a resourceVersion is taken.
    pub(crate) unconditional_update: bool,
    /// Whether a deletion answers with the object, not with a Status.
    pub(crate) returns_deleted: bool,
    /// Whether requests can only read it.
    pub(crate) read_only: bool,
    /// Whether server-side apply is offered.
    pub(crate) apply: bool,
    /// Where lists and maps are merged otherwise than by default (maps by key, lists whole), by dotted path.
    pub(crate) shapes: &'static [(&'static str, Shape)],
}

const CONDITIONS: (&str, Shape) = ("status.conditions", Shape::MapList(&["type"]));

/// What most built-in kinds have in common.
const BUILT_IN: Kind = Kind {
    group: "",
    versions: &["v1"],
    kind: "",
    plural: "",
    singular: "",
    namespaced: true,
    custom: false,
    status: false,
    created_with_status: false,
    generation: false,
    unconditional_update: true,
    returns_deleted: false,
    read_only: false,
    apply: true,
    shapes: &[],
};

/// What custom kinds have in common.
const CUSTOM: Kind = Kind {
    custom: true,
    status: true,
    generation: true,
    unconditional_update: false,
    shapes: &[CONDITIONS],
    ..BUILT_IN
};

const ISTIO: Kind = Kind {
    group: "networking.istio.io",
    versions: &["v1", "v1beta1", "v1alpha3"],
    ..CUSTOM
};

const MULTI_CLUSTER: Kind = Kind {
    group: "multicluster.x-k8s.io",
    versions: &["v1beta1", "v1alpha1"],
    ..CUSTOM
};

/// Every kind.
pub(crate) static KINDS: &[Kind] = &[
    Kind {
        kind: "Namespace",
        plural: "namespaces",
        singular: "namespace",
        namespaced: false,
        status: true,
        returns_deleted: true,
        ..BUILT_IN
    },
    Kind {
        kind: "Node",
        plural: "nodes",
        singular: "node",
        namespaced: false,
        status: true,
        created_with_status: true,
        shapes: &[CONDITIONS, ("status.addresses", Shape::MapList(&["type"]))],
        ..BUILT_IN
    },
    Kind {
        kind: "Service",
        plural: "services",
        singular: "service",
        status: true,
        returns_deleted: true,
        shapes: &[
            CONDITIONS,
            ("spec.ports", Shape::MapList(&["port", "protocol"])),
            ("spec.selector", Shape::Atomic),
        ],
        ..BUILT_IN
    },
    Kind {
        kind: "Pod",
        plural: "pods",
        singular: "pod",
        status: true,
        returns_deleted: true,
        apply: false,
        ..BUILT_IN
    },
    Kind {
        group: "discovery.k8s.io",
        kind: "EndpointSlice",
        plural: "endpointslices",
        singular: "endpointslice",
        ..BUILT_IN
    },
    Kind {
        group: "coordination.k8s.io",
        kind: "Lease",
        plural: "leases",
        singular: "lease",
        unconditional_update: false,
        ..BUILT_IN
    },
    Kind {
        group: "events.k8s.io",
        kind: "Event",
        plural: "events",
        singular: "event",
        apply: false,
        ..BUILT_IN
    },
    Kind {
        group: "apiextensions.k8s.io",
        kind: "CustomResourceDefinition",
        plural: "customresourcedefinitions",
        singular: "customresourcedefinition",
        namespaced: false,
        read_only: true,
        ..BUILT_IN
    },
    Kind {
        group: "causeway.dev",
        versions: &["v1alpha1"],
        kind: "MemberCluster",
        plural: "memberclusters",
        singular: "membercluster",
        namespaced: false,
        shapes: &[
            CONDITIONS,
            ("spec.network.gateways", Shape::MapList(&["name"])),
            ("spec.topology.failureDomains", Shape::SetList),
            ("status.gateways", Shape::MapList(&["name"])),
        ],
        ..CUSTOM
    },
    Kind {
        group: "causeway.dev",
        versions: &["v1alpha1"],
        kind: "FailoverPolicy",
        plural: "failoverpolicies",
        singular: "failoverpolicy",
        shapes: &[
            CONDITIONS,
            (
                "spec.targetRefs",
                Shape::MapList(&["group", "kind", "name"]),
            ),
            ("spec.hosts", Shape::SetList),
            ("spec.demand", Shape::MapList(&["from"])),
            ("spec.destinations.failover", Shape::MapList(&["from"])),
            ("spec.destinations.failover.to", Shape::SetList),
            ("spec.destinations.allowedRegions", Shape::SetList),
        ],
        ..CUSTOM
    },
    Kind {
        group: "causeway.dev",
        versions: &["v1alpha1"],
        kind: "TrafficShift",
        plural: "trafficshifts",
        singular: "trafficshift",
        shapes: &[
            CONDITIONS,
            (
                "spec.targetRefs",
                Shape::MapList(&["group", "kind", "name"]),
            ),
            ("spec.weights", Shape::MapList(&["region"])),
            ("spec.overrideRules", Shape::SetList),
            ("status.approvedBy", Shape::SetList),
        ],
        ..CUSTOM
    },
    Kind {
        kind: "ServiceExport",
        plural: "serviceexports",
        singular: "serviceexport",
        ..MULTI_CLUSTER
    },
    Kind {
        kind: "ServiceImport",
        plural: "serviceimports",
        singular: "serviceimport",
        shapes: &[
            CONDITIONS,
            ("status.clusters", Shape::MapList(&["cluster"])),
        ],
        ..MULTI_CLUSTER
    },
    Kind {
        kind: "DestinationRule",
        plural: "destinationrules",
        singular: "destinationrule",
        ..ISTIO
    },
    Kind {
        kind: "ServiceEntry",
        plural: "serviceentries",
        singular: "serviceentry",
        shapes: &[CONDITIONS, ("spec.ports", Shape::MapList(&["name"]))],
        ..ISTIO
    },
    Kind {
        kind: "WorkloadEntry",
        plural: "workloadentries",
        singular: "workloadentry",
        ..ISTIO
    },
    Kind {
        kind: "VirtualService",
        plural: "virtualservices",
        singular: "virtualservice",
        ..ISTIO
    },
    Kind {
        kind: "Gateway",
        plural: "gateways",
        singular: "gateway",
        ..ISTIO
    },
    Kind {
        group: "gateway.networking.k8s.io",
        versions: &["v1", "v1beta1"],
        kind: "Gateway",
        plural: "gateways",
        singular: "gateway",
        shapes: &[CONDITIONS, ("spec.listeners", Shape::MapList(&["name"]))],
        ..CUSTOM
    },
];

impl Kind {
    /// The name of its CustomResourceDefinition, and its name in messages: `plural` or `plural.group`.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `apiVersion` of its objects in that version.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() {
            version.to_owned()
        } else {
            format!("{}/{version}", self.group)
        }
    }
}

/// A kind by its group and its name in URLs.
pub(crate) fn find(group: &str, plural: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|kind| kind.group == group && kind.plural == plural)
}

/// A kind by what objects carry.
pub(crate) fn of_object(api_version: &str, kind: &str) -> Option<(&'static Kind, &'static str)> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let found = KINDS
        .iter()
        .find(|known| known.group == group && known.kind == kind)?;
    let version = found.versions.iter().find(|known| **known == version)?;
    Some((found, version))
}
