//! One request, from its URL to its answer.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};

use crate::discovery;
use crate::kinds::{self, Kind};
use crate::member::Shared;
use crate::object;
use crate::patch::{self, Applied};
use crate::query::Query;
use crate::read;
use crate::status::Refusal;
use crate::store::{Store, Stored};
use crate::target::{self, ObjectPath, Target};
use crate::watch;
use crate::write::{self, At, Deleted};

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What comes of a request.
enum Answer {
    Json(StatusCode, Value),
    /// As a path that no server has is answered: in plain text.
    NoSuchPath,
    Stream(futures::stream::BoxStream<'static, io::Result<Bytes>>),
}

/// Answers a request, or fails as a connection does.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    request: Request<kube::client::Body>,
) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    shared.reach().await?;
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let answer = handle(&shared, &parts, &body).unwrap_or_else(|refusal| {
        let code = StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer::Json(code, refusal.to_json())
    });
    shared.tell();
    let (code, kind, body) = match answer {
        Answer::Json(code, value) => (code, "application/json", full(value.to_string())),
        Answer::NoSuchPath => {
            let text = "404 page not found\n".to_owned();
            (
                StatusCode::NOT_FOUND,
                "text/plain; charset=utf-8",
                full(text),
            )
        }
        Answer::Stream(lines) => {
            let frames = lines.map_ok(http_body::Frame::data);
            let body = StreamBody::new(frames).boxed_unsync();
            (StatusCode::OK, "application/json", body)
        }
    };
    Response::builder()
        .status(code)
        .header(http::header::CONTENT_TYPE, kind)
        .body(body)
        .map_err(io::Error::other)
}

fn full(text: String) -> Body {
    Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn handle(shared: &Arc<Shared>, parts: &Parts, body: &[u8]) -> Result<Answer, Refusal> {
    let mut guard = shared.lock();
    let store = &mut *guard;
    if let Some(code) = store.faults.code {
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        return Err(Refusal::new(
            code,
            "ServiceUnavailable",
            "by order of a test",
        ));
    }
    accepts_json(&parts.headers)?;
    let found = |value: Option<Value>| {
        value.map_or(Answer::NoSuchPath, |value| {
            Answer::Json(StatusCode::OK, value)
        })
    };
    let path = match target::parse(parts.uri.path()) {
        None => return Ok(Answer::NoSuchPath),
        Some(Target::Objects(path)) => path,
        Some(_) if parts.method != Method::GET => return Err(Refusal::method_not_allowed()),
        Some(Target::Version) => return Ok(found(Some(discovery::version(store)))),
        Some(Target::CoreVersions) => return Ok(found(Some(discovery::core_versions()))),
        Some(Target::Groups) => return Ok(found(Some(discovery::groups(store)))),
        Some(Target::Group(group)) => return Ok(found(discovery::one_group(store, &group))),
        Some(Target::Resources { group, version }) => {
            return Ok(found(discovery::resources(store, &group, &version)));
        }
    };
    let kind = kinds::find(&path.group, &path.plural);
    let Some(kind) = kind.filter(|kind| store.serves(kind, &path.version)) else {
        return Ok(Answer::NoSuchPath);
    };
    if path.namespace.is_some() && !kind.namespaced {
        return Ok(Answer::NoSuchPath);
    }
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let verb = verb(&parts.method, &path, &query)?;
    if store.faults.denies(verb, kind) {
        return Err(denied(kind, verb, &path));
    }
    if kind.read_only && !matches!(verb, "get" | "list" | "watch") {
        return Err(Refusal::not_offered(&format!("to {verb} {}", kind.plural)));
    }
    match &path.subresource {
        None => {}
        Some(name) if name == "status" && kind.status => {}
        Some(name) => {
            return Err(Refusal::not_offered(&format!(
                "the subresource {name} of {}",
                kind.plural
            )));
        }
    }
    if path.name.is_some() && kind.namespaced && path.namespace.is_none() {
        return Err(Refusal::method_not_allowed());
    }
    let namespace = path.namespace.as_deref();
    match verb {
        "watch" => {
            let lines = watch::start(shared, store, kind, &path.version, namespace, &query)?;
            Ok(Answer::Stream(lines.boxed()))
        }
        "list" => {
            let list = read::list(store, kind, &path.version, namespace, &query)?;
            Ok(Answer::Json(StatusCode::OK, list))
        }
        _ => one(
            store,
            shared,
            kind,
            &path,
            &query,
            verb,
            &parts.headers,
            body,
        ),
    }
}

/// The API's verb, by which it is also allowed or not.
fn verb(method: &Method, path: &ObjectPath, query: &Query) -> Result<&'static str, Refusal> {
    Ok(match (method, path.name.is_some()) {
        (&Method::GET, true) if query.is("watch") => {
            return Err(Refusal::not_offered(
                "a watch of a single path, use a field selector",
            ));
        }
        (&Method::GET, true) => "get",
        (&Method::GET, false) if query.is("watch") => "watch",
        (&Method::GET, false) => "list",
        (&Method::POST, false) => "create",
        (&Method::PUT, true) => "update",
        (&Method::PATCH, true) => "patch",
        (&Method::DELETE, true) => "delete",
        (&Method::DELETE, false) => {
            return Err(Refusal::not_offered("the deletion of a collection"));
        }
        _ => return Err(Refusal::method_not_allowed()),
    })
}

fn denied(kind: &Kind, verb: &str, path: &ObjectPath) -> Refusal {
    let place = match &path.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let why = format!(
        "User \"causeway\" cannot {verb} resource \"{}\" in API group \"{}\" {place}",
        kind.plural, kind.group
    );
    Refusal::forbidden(kind, path.name.as_deref().unwrap_or_default(), &why)
}

/// A verb on one object.
#[allow(
    clippy::too_many_arguments,
    reason = "the parts of one request, in one place"
)]
fn one(
    store: &mut Store,
    shared: &Shared,
    kind: &'static Kind,
    path: &ObjectPath,
    query: &Query,
    verb: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Answer, Refusal> {
    let at = At {
        kind,
        version: path.version.clone(),
        namespace: path.namespace.clone(),
        name: path.name.clone().unwrap_or_default(),
        status: path.subresource.is_some(),
        manager: query.text("fieldManager").unwrap_or_default().to_owned(),
        now: shared.env.wall(),
    };
    let json = || -> Result<Value, Refusal> {
        serde_json::from_slice(body)
            .map_err(|error| Refusal::bad_request(format!("the body is no JSON: {error}")))
    };
    let show = |code: StatusCode, stored: &Stored| {
        Answer::Json(code, read::render(kind, &path.version, stored))
    };
    match verb {
        "get" => Ok(show(StatusCode::OK, &*at.live(store)?)),
        "create" => Ok(show(
            StatusCode::CREATED,
            &*write::create(store, &at, json()?)?,
        )),
        "update" => Ok(show(StatusCode::OK, &*write::replace(store, &at, json()?)?)),
        "delete" => {
            let options = if body.is_empty() {
                Value::Null
            } else {
                json()?
            };
            Ok(match write::delete(store, &at, &options)? {
                Deleted::Waits(stored) => show(StatusCode::OK, &stored),
                Deleted::Gone(stored) if kind.returns_deleted => show(StatusCode::OK, &stored),
                Deleted::Gone(stored) => {
                    Answer::Json(StatusCode::OK, success(kind, &at.name, &stored))
                }
            })
        }
        _ => match content_type(headers) {
            "application/merge-patch+json" => {
                Ok(show(StatusCode::OK, &*patch::merge(store, &at, &json()?)?))
            }
            "application/apply-patch+yaml" => Ok(
                match patch::apply(store, &at, json()?, query.is("force"))? {
                    Applied::Created(stored) => show(StatusCode::CREATED, &stored),
                    Applied::Changed(stored) => show(StatusCode::OK, &stored),
                },
            ),
            other => Err(Refusal::not_offered(&format!(
                "a patch of the type {other:?}"
            ))),
        },
    }
}

fn success(kind: &Kind, name: &str, stored: &Stored) -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": name,
            "group": kind.group,
            "kind": kind.plural,
            "uid": object::meta(&stored.object, "uid"),
        },
    })
}

fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Other forms than plain JSON (tables, metadata only, Protobuf) are not offered.
fn accepts_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let accept = headers
        .get(http::header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/json");
    let plain = accept
        .split(',')
        .map(str::trim)
        .any(|form| form == "*/*" || form.starts_with("application/json") && !form.contains("as="));
    if plain {
        Ok(())
    } else {
        Err(Refusal::not_offered(&format!("an answer as {accept:?}")))
    }
}
