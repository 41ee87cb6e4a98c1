//! What a URL's path is about.

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/version`
    Version,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`
    Resources { group: String, version: String },
    /// A collection or an object.
    Objects(ObjectPath),
}

/// A collection, an object, or a subresource of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ObjectPath {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

/// Reads a path; `None` where no API server has such a one.
pub(crate) fn parse(path: &str) -> Option<Target> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["version"] => return Some(Target::Version),
        ["api"] => return Some(Target::CoreVersions),
        ["apis"] => return Some(Target::Groups),
        ["apis", group] => return Some(Target::Group((*group).to_owned())),
        ["api", rest @ ..] => ("", rest),
        ["apis", group, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let (version, rest) = rest.split_first()?;
    let path = |plural: &str, namespace: Option<&str>, rest: &[&str]| {
        let (name, subresource) = match rest {
            [] => (None, None),
            [name] => (Some(*name), None),
            [name, subresource] => (Some(*name), Some(*subresource)),
            _ => return None,
        };
        Some(Target::Objects(ObjectPath {
            group: group.to_owned(),
            version: (*version).to_owned(),
            plural: plural.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            subresource: subresource.map(str::to_owned),
        }))
    };
    match rest {
        [] => Some(Target::Resources {
            group: group.to_owned(),
            version: (*version).to_owned(),
        }),
        // `/api/v1/namespaces/shop/status` is the status of a namespace; what else stands third is a collection in it.
        ["namespaces", _, "status" | "finalize"] => path("namespaces", None, rest.get(1..)?),
        ["namespaces", namespace, plural, rest @ ..] => path(plural, Some(namespace), rest),
        [plural, rest @ ..] => path(plural, None, rest),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    fn objects(path: &str) -> ObjectPath {
        match parse(path) {
            Some(Target::Objects(found)) => found,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn paths_are_those_of_the_api() {
        let all = objects("/api/v1/services");
        assert_eq!(
            (all.plural.as_str(), all.namespace, all.name),
            ("services", None, None)
        );
        let one = objects("/apis/networking.istio.io/v1/namespaces/shop/workloadentries/cw-a");
        assert_eq!(one.group, "networking.istio.io");
        assert_eq!(
            (one.namespace.as_deref(), one.name.as_deref()),
            (Some("shop"), Some("cw-a"))
        );
        let status = objects("/apis/causeway.dev/v1alpha1/memberclusters/ack/status");
        assert_eq!(
            (status.name.as_deref(), status.subresource.as_deref()),
            (Some("ack"), Some("status"))
        );
        let namespace = objects("/api/v1/namespaces/shop");
        assert_eq!(
            (namespace.plural.as_str(), namespace.name.as_deref()),
            ("namespaces", Some("shop"))
        );
        let status = objects("/api/v1/namespaces/shop/status");
        assert_eq!(
            (status.name.as_deref(), status.subresource.as_deref()),
            (Some("shop"), Some("status"))
        );
        let inside = objects("/api/v1/namespaces/shop/services");
        assert_eq!(
            (inside.plural.as_str(), inside.namespace.as_deref()),
            ("services", Some("shop"))
        );
        assert_eq!(
            parse("/apis/a.b/v1"),
            Some(Target::Resources {
                group: "a.b".into(),
                version: "v1".into()
            })
        );
        assert_eq!(parse("/healthz"), None);
    }
}
