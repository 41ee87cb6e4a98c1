//! Tests of how events are cut out of a stream and read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::json;

use super::*;
use crate::objects::{EndpointSlice, Node};

/// A slice as protobuf, and the same as JSON.
fn slice() -> (protobuf::EndpointSlice, serde_json::Value) {
    let meta = protobuf::Meta {
        name: "web-1".to_owned(),
        namespace: "shop".to_owned(),
        uid: "u".to_owned(),
        resource_version: "77".to_owned(),
        labels: [("kubernetes.io/service-name".to_owned(), "web".to_owned())].into(),
    };
    let conditions = protobuf::Conditions {
        ready: Some(true),
        serving: None,
        terminating: Some(false),
    };
    let target = protobuf::Target {
        kind: "Pod".to_owned(),
        name: "web-1-a".to_owned(),
        // What is empty is written, too.
        uid: String::new(),
    };
    let endpoint = protobuf::Endpoint {
        addresses: vec!["10.0.0.1".to_owned()],
        conditions: Some(conditions),
        target: Some(target),
        node: Some("n1".to_owned()),
        zone: Some("z1".to_owned()),
    };
    let other = protobuf::Endpoint {
        addresses: vec!["10.0.0.2".to_owned()],
        ..protobuf::Endpoint::default()
    };
    let port = protobuf::Port {
        name: Some("http".to_owned()),
        port: Some(8080),
    };
    let slice = protobuf::EndpointSlice {
        meta: Some(meta),
        endpoints: vec![endpoint, other],
        ports: vec![port],
        address_type: "IPv4".to_owned(),
    };
    let json = json!({
        "metadata": { "name": "web-1", "namespace": "shop", "uid": "u", "resourceVersion": "77",
                      "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4",
        "endpoints": [
            { "addresses": ["10.0.0.1"], "conditions": { "ready": true, "terminating": false }, "nodeName": "n1", "zone": "z1",
              "targetRef": { "kind": "Pod", "name": "web-1-a" } },
            { "addresses": ["10.0.0.2"] },
        ],
        "ports": [{ "name": "http", "port": 8080 }],
    });
    (slice, json)
}

/// What a real API server answered to a watch of a kind that it does not have.
const NO_SUCH_KIND: &str = "6b3873000a0c0a0276311206537461747573125c0a060a0012001a0012074661696c7572651a307468652073657276657220636f756c64\
     206e6f742066696e642074686520726571756573746564207265736f7572636522084e6f74466f756e642a0a0a0012001a002800320030\
     94031a002200";

/// A bookmark of a watch of slices, as it came from there.
const BOOKMARK: &str = "000000790a08424f4f4b4d41524b126d0a6b6b3873000a240a13646973636f766572792e6b38732e696f2f7631120d456e64706f696e74\
     536c696365123b0a370a0012001a0022002a003204313436333800420062210a196b38732e696f2f696e697469616c2d6576656e74732d\
     656e6412047472756522001a002200";

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| c.is_ascii_hexdigit()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn what_an_api_server_wrote_is_read() {
    let status = refusal(&unhex(NO_SUCH_KIND).into(), true, 404);
    let said = "the server could not find the requested resource";
    assert_eq!((status.code, status.message.as_str()), (404, said));
    let mark = cut(&unhex(BOOKMARK), true, 50).remove(0);
    let event = super::frame::<EndpointSlice>(&mark);
    assert!(matches!(event, Event::Bookmark(version) if version == "1463"));
}

fn framed(kind: &str, object: &impl Message) -> Vec<u8> {
    let event = protobuf::WatchEvent {
        kind: kind.to_owned(),
        object: Some(protobuf::RawExtension {
            raw: protobuf::written(object),
        }),
    };
    let bytes = event.encode_to_vec();
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], &bytes].concat()
}

/// Everything that comes out where so many bytes arrive at a time.
fn cut(bytes: &[u8], protobuf: bool, at_once: usize) -> Vec<Bytes> {
    let mut cutter = Cutter::new(protobuf);
    let mut all = Vec::new();
    for part in bytes.chunks(at_once) {
        cutter.held.extend_from_slice(part);
        while let Some(piece) = cutter.next().unwrap() {
            all.push(piece);
        }
    }
    all
}

#[test]
fn however_the_bytes_arrive_the_events_are_the_same() {
    let (slice, _) = slice();
    let frames = [framed("ADDED", &slice), framed("DELETED", &slice)].concat();
    let lines = b"{\"a\":1}\n\n{\"b\":2}\n{\"incomplete\":";
    for at_once in [1, 2, 3, 7, 64, 100_000] {
        let found = cut(&frames, true, at_once);
        assert_eq!(found, cut(&frames, true, 5), "{at_once}");
        assert_eq!(found.len(), 2);
        let found = cut(lines, false, at_once);
        assert_eq!(found, ["{\"a\":1}", "", "{\"b\":2}"], "{at_once}");
    }
    let mut endless = Cutter::new(true);
    endless.held.extend_from_slice(&[0xff; 8]);
    assert!(endless.next().is_err());
}

#[test]
fn a_slice_is_the_same_in_either_form() {
    let (slice, json) = slice();
    let frame = cut(&framed("MODIFIED", &slice), true, 9).remove(0);
    let Event::There(found) = super::frame::<EndpointSlice>(&frame) else {
        panic!("not read");
    };
    let text = json!({ "type": "MODIFIED", "object": json }).to_string();
    let Event::There(read) = super::line::<EndpointSlice>(text.as_bytes()) else {
        panic!("not read");
    };
    assert_eq!(found, read);
    assert_eq!(found.meta().resource_version, "77");
    let frame = cut(&framed("DELETED", &slice), true, 9).remove(0);
    assert!(matches!(super::frame::<EndpointSlice>(&frame), Event::Gone(gone) if gone == read));
}

#[test]
fn bookmarks_and_refusals_are_read_in_either_form() {
    let meta = Some(protobuf::Meta {
        resource_version: "9".to_owned(),
        ..protobuf::Meta::default()
    });
    let mark = cut(&framed("BOOKMARK", &protobuf::Bare { meta }), true, 9).remove(0);
    assert!(
        matches!(super::frame::<EndpointSlice>(&mark), Event::Bookmark(version) if version == "9")
    );
    let gone = protobuf::Status {
        message: "too old".to_owned(),
        code: 410,
    };
    let frame = cut(&framed("ERROR", &gone), true, 9).remove(0);
    assert!(
        matches!(super::frame::<EndpointSlice>(&frame), Event::Refused(410, said) if said == "too old")
    );
    let status = refusal(&protobuf::written(&gone), true, 410);
    assert_eq!((status.code, status.message.as_str()), (410, "too old"));
    let status = refusal(&"<html>no".into(), false, 502);
    assert_eq!((status.code, status.message.as_str()), (502, "<html>no"));
    for text in [
        r#"{"type":"BOOKMARK","object":{"kind":"Node","apiVersion":"v1","metadata":{"resourceVersion":"9"}}}"#,
        r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#,
        r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old","code":410}"#,
        r#"{"type":"ADDED","object":{"metadata":{"name":5}}}"#,
    ] {
        match super::line::<Node>(text.as_bytes()) {
            Event::Bookmark(version) => assert_eq!(version, "9"),
            Event::Refused(code, said) => assert_eq!((code, said.as_str()), (410, "too old")),
            Event::Unreadable(why) => assert!(text.contains("ADDED"), "{why}"),
            Event::There(_) | Event::Gone(_) => panic!("{text}"),
        }
    }
    // What is no frame costs itself alone.
    let event = super::frame::<EndpointSlice>(&Bytes::from_static(b"\xff\xff"));
    assert!(matches!(event, Event::Unreadable(_)));
    assert!(matches!(super::frame::<Node>(&mark), Event::Bookmark(_)));
}
