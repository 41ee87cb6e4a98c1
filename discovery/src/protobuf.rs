//! Objects as protobuf, of kinds that change often: an API server sends a whole slice for each change of one of its
//! endpoints, and reading that as JSON would be most of what an event costs.
//!
//! The messages are the API's own (`generated.proto` of k8s.io/api and k8s.io/apimachinery), cut down to the fields that are
//! used: what else an object holds is skipped while it is read.

use std::collections::BTreeMap;

use prost::Message;
use prost::bytes::Bytes;

/// What a message of an object begins with, before [`Unknown`].
const MAGIC: &[u8] = b"k8s\0";

/// `k8s.io.apimachinery.pkg.apis.meta.v1.WatchEvent`, one frame of a watch.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WatchEvent {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) object: Option<RawExtension>,
}

/// `k8s.io.apimachinery.pkg.runtime.RawExtension`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RawExtension {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) raw: Bytes,
}

/// `k8s.io.apimachinery.pkg.runtime.Unknown`: an object with its kind.
#[derive(Clone, PartialEq, Message)]
struct Unknown {
    #[prost(bytes = "bytes", tag = "2")]
    raw: Bytes,
}

/// `k8s.io.apimachinery.pkg.apis.meta.v1.Status`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(string, tag = "3")]
    pub(crate) message: String,
    #[prost(int32, tag = "6")]
    pub(crate) code: i32,
}

/// `k8s.io.apimachinery.pkg.apis.meta.v1.ObjectMeta`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Meta {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "3")]
    pub(crate) namespace: String,
    #[prost(string, tag = "5")]
    pub(crate) uid: String,
    #[prost(string, tag = "6")]
    pub(crate) resource_version: String,
    #[prost(btree_map = "string, string", tag = "11")]
    pub(crate) labels: BTreeMap<String, String>,
}

/// Any object, for its version alone.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bare {
    #[prost(message, optional, tag = "1")]
    pub(crate) meta: Option<Meta>,
}

/// `k8s.io.api.discovery.v1.EndpointSlice`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EndpointSlice {
    #[prost(message, optional, tag = "1")]
    pub(crate) meta: Option<Meta>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) endpoints: Vec<Endpoint>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) ports: Vec<Port>,
    #[prost(string, tag = "4")]
    pub(crate) address_type: String,
}

/// `k8s.io.api.discovery.v1.Endpoint`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Endpoint {
    #[prost(string, repeated, tag = "1")]
    pub(crate) addresses: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) conditions: Option<Conditions>,
    #[prost(message, optional, tag = "4")]
    pub(crate) target: Option<Target>,
    #[prost(string, optional, tag = "6")]
    pub(crate) node: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(crate) zone: Option<String>,
}

/// `k8s.io.api.discovery.v1.EndpointConditions`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Conditions {
    #[prost(bool, optional, tag = "1")]
    pub(crate) ready: Option<bool>,
    #[prost(bool, optional, tag = "2")]
    pub(crate) serving: Option<bool>,
    #[prost(bool, optional, tag = "3")]
    pub(crate) terminating: Option<bool>,
}

/// `k8s.io.api.core.v1.ObjectReference`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Target {
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) uid: String,
}

/// `k8s.io.api.discovery.v1.EndpointPort`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Port {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(crate) port: Option<i32>,
}

/// Reads an object as an API server writes it.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn object<T: Message + Default>(bytes: &Bytes) -> Result<T, String> {
    let error = |error: prost::DecodeError| error.to_string();
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err("it does not begin as a protobuf object of Kubernetes does".to_owned());
    };
    let unknown = Unknown::decode(bytes.slice_ref(rest)).map_err(error)?;
    T::decode(unknown.raw).map_err(error)
}

/// Writes an object as an API server does.
#[cfg(test)]
pub(crate) fn written(object: &impl Message) -> Bytes {
    let raw = object.encode_to_vec().into();
    [MAGIC, &Unknown { raw }.encode_to_vec()].concat().into()
}
