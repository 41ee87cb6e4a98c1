//! Client and server over real TLS on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use causeway_seam::real::net;
use causeway_seam::{Env, real};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use causeway_api::Generation;
use causeway_state::brain::Approvable;

use super::api::overrides::{ApproveRequest, EndRequest, ReleaseRequest};
use super::api::{ServiceQuery, Severity};
use super::client::{Client, ClientError};
use super::context::Context;
use super::fixture::{self, Fake, name};
use super::health::serve_health;
use super::server::{Serving, serve_admin};
use crate::certs::tls::{self, Pems};
use crate::certs::{Authority, Identity, Role, Validity};
use crate::telemetry::Metrics;

fn validity(env: &Env) -> Validity {
    Validity {
        now: env.wall(),
        days: 1,
    }
}

fn pems(env: &Env, authority: &Authority, role: Role, hosts: &[&str]) -> Pems {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let pair = authority
        .sign(&Identity::new(role, name("someone")), &hosts, validity(env))
        .unwrap();
    Pems {
        ca: authority.certificate_pem().into(),
        certificate: pair.certificate_pem.into(),
        key: pair.key_pem.into(),
    }
}

/// A server on a free port, with a certificate for the hosts.
async fn server(env: &Env, authority: &Authority, hosts: &[&str]) -> Serving {
    let listener = net::listen("127.0.0.1:0").await.unwrap();
    let config = tls::server(&pems(env, authority, Role::Replica, hosts)).unwrap();
    serve_admin(env, listener, config, Arc::new(Fake)).unwrap()
}

fn client(env: &Env, serving: &Serving, pems: &Pems) -> Client {
    let context = Context {
        server: serving.address().to_string(),
        server_name: None,
        ca: "".into(),
        certificate: "".into(),
        key: "".into(),
    };
    Client::new(env.clone(), &context, tls::client(pems).unwrap())
}

#[tokio::test]
async fn every_question_is_answered_over_mutual_tls() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["127.0.0.1"]).await;
    let client = client(&env, &serving, &pems(&env, &authority, Role::Operator, &[]));

    let status = client.status().await.unwrap();
    assert_eq!(
        (status.clone(), status.severity),
        (fixture::status(), Severity::Incident)
    );
    assert_eq!(client.clusters().await.unwrap(), fixture::status().members);
    assert_eq!(client.backup().await.unwrap(), b"CWBACK");
    let query = |namespace: &str, candidates| ServiceQuery {
        namespace: Some(name(namespace)),
        candidates,
    };
    assert_eq!(
        client.services(&query("shop", false)).await.unwrap(),
        fixture::services()
    );
    assert_eq!(client.services(&query("pay", false)).await.unwrap(), []);
    assert_eq!(client.services(&query("shop", true)).await.unwrap(), []);
    let service = fixture::service();
    assert_eq!(
        client.explain(&service, None, None).await.unwrap(),
        fixture::explanation(None)
    );
    for (from, sources) in [
        ("ack-sh", 1),
        ("ack-sh/g", 1),
        ("cn-shanghai", 1),
        ("ack-sh/f", 0),
        ("ack-hz", 0),
    ] {
        let explanation = client
            .explain(&service, Some(&name(from)), None)
            .await
            .unwrap();
        assert_eq!(explanation.report.sources.len(), sources, "{from}");
    }
    assert_eq!(
        client
            .explain_subject(&name("member/ack-hz"), None)
            .await
            .unwrap(),
        fixture::subject()
    );
    let domain = client.explain_domain(&name("power-b"), None).await.unwrap();
    assert_eq!(domain.domain.to_string(), "domain/power-b");
    assert_eq!(domain.members, [fixture::subject().verdict]);
    assert_eq!(client.diff(&name("ack-sh")).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn what_was_is_asked_for_by_its_moment() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["127.0.0.1"]).await;
    let client = client(&env, &serving, &pems(&env, &authority, Role::Operator, &[]));
    let service = fixture::service();
    let (from, long_ago) = (name("ack-sh/g"), name("1/2/17"));
    for (at, index) in [("1/12/41000", 41_000), ("2h30m", 48_211)] {
        let at = Some(name(at));
        let explained = client.explain(&service, Some(&from), at).await.unwrap();
        assert_eq!(explained.at.unwrap().generation.index, index);
        assert_eq!(explained.report.sources.len(), 1);
        let subject = client.explain_subject(&name("member/ack-hz"), at).await;
        assert_eq!(subject.unwrap().at, explained.at);
        let shift = client.explain_shift(&name("shop/move"), at).await.unwrap();
        assert_eq!(
            (shift.shift.to_string(), shift.at),
            ("shop/move".to_owned(), explained.at)
        );
    }
    let shift = client.explain_shift(&fixture::shift().shift, None).await;
    assert_eq!(shift.unwrap(), fixture::shift());
    let error = client
        .explain(&service, None, Some(long_ago))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no longer in the log"),
        "{error}"
    );
    assert!(error.remedy().contains("from index 40000 on"));
}

#[tokio::test]
async fn a_question_that_is_too_large_is_refused_and_not_held() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["127.0.0.1"]).await;
    let client = client(&env, &serving, &pems(&env, &authority, Role::Operator, &[]));
    let release = |bytes: usize| ReleaseRequest {
        seen: Generation::default(),
        reason: "x".repeat(bytes),
    };
    let released = client.release_brake(&release(1 << 20)).await.unwrap();
    assert!(released.message.len() > 1 << 20);
    let error = client.release_brake(&release(3 << 20)).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Answered { status: 400, .. })
            && error.to_string().contains("more than 2 MiB")
            && error.remedy().contains("a reason is a sentence"),
        "{error}"
    );
}

#[tokio::test]
async fn what_people_do_carries_who_they_are() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["127.0.0.1"]).await;
    let client = client(&env, &serving, &pems(&env, &authority, Role::Operator, &[]));
    let mut asked = fixture::shift().report.unwrap().shift;
    // What a client says of this is not believed.
    asked.requested_by = "the boss".to_owned();
    let answer = client.shift(&asked).await.unwrap();
    assert_eq!(
        (answer.shift, answer.requested_by.as_str()),
        (asked.key.clone(), "someone")
    );
    let end = EndRequest {
        shift: asked.key.clone(),
        reason: "done".to_owned(),
    };
    assert_eq!(
        client.end_shift(&end).await.unwrap().message,
        "causeway-system/move ended by someone: done"
    );
    let what = Approvable::Shift(asked.key);
    let reason = "looked".to_owned();
    let approve = ApproveRequest {
        what,
        seen: None,
        reason,
    };
    let approved = client.approve(&approve).await.unwrap();
    assert_eq!(
        approved.message,
        "TrafficShift causeway-system/move approved by someone: looked"
    );
    let release = ReleaseRequest {
        seen: Generation::default(),
        reason: "truly lost".to_owned(),
    };
    let released = client.release_brake(&release).await.unwrap();
    assert_eq!(released.message, "released by someone: truly lost");
    assert_eq!(client.overrides().await.unwrap(), fixture::overrides());
    assert_eq!(client.readiness().await.unwrap(), fixture::readiness());
    let domain = name("region/cn-hangzhou");
    assert_eq!(
        client.simulate(&domain).await.unwrap(),
        fixture::simulation()
    );
    let replayed = client.replay(fixture::GENERATION).await.unwrap();
    assert_eq!(replayed, fixture::replay());
    let error = client.simulate(&name("region/mars")).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("nothing would be lost with region/mars"),
        "{error}"
    );
}

#[tokio::test]
async fn errors_carry_their_remedy() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["127.0.0.1"]).await;
    let client = client(&env, &serving, &pems(&env, &authority, Role::Operator, &[]));

    let error = client
        .explain(&name("shop/nothing"), None, None)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ClientError::Answered { status: 404, .. }),
        "{error:?}"
    );
    assert_eq!(
        (error.to_string().as_str(), error.remedy().as_str()),
        ("shop/nothing has no plan", "export it in two members")
    );
    let error = client
        .explain_subject(&name("gateway/ack-hz/other"), None)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("gateway/ack-hz/other"),
        "{error}"
    );
    let error = client.diff(&name("ack-hz")).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Answered { status: 503, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_agents_certificate_may_not_ask() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["127.0.0.1"]).await;
    let agent = client(&env, &serving, &pems(&env, &authority, Role::Member, &[]));
    let error = agent.status().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Answered { status: 403, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("member someone"), "{error}");
}

#[tokio::test]
async fn a_foreign_authority_is_refused_by_both_sides() {
    let env = real::env();
    let ours = Authority::generate(validity(&env)).unwrap();
    let theirs = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &ours, &["127.0.0.1"]).await;

    // A client that trusts us, and shows a certificate of another authority.
    let mut foreign = pems(&env, &theirs, Role::Operator, &[]);
    foreign.ca = ours.certificate_pem().into();
    let error = client(&env, &serving, &foreign).status().await.unwrap_err();
    assert!(
        matches!(
            &error,
            ClientError::Untrusted { .. } | ClientError::Unreachable { .. }
        ),
        "{error:?}"
    );

    // A client that trusts another authority only.
    let mut trusting = pems(&env, &ours, Role::Operator, &[]);
    trusting.ca = theirs.certificate_pem().into();
    let error = client(&env, &serving, &trusting)
        .status()
        .await
        .unwrap_err();
    assert!(matches!(&error, ClientError::Untrusted { .. }), "{error:?}");

    // And the server goes on.
    assert!(
        client(&env, &serving, &pems(&env, &ours, Role::Operator, &[]))
            .status()
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_trusted() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["controller.example"]).await;
    let error = client(&env, &serving, &pems(&env, &authority, Role::Operator, &[]))
        .status()
        .await
        .unwrap_err();
    assert!(matches!(&error, ClientError::Untrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn a_stopped_server_is_unreachable_and_the_error_names_it() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["127.0.0.1"]).await;
    let address = serving.address().to_string();
    let client = client(&env, &serving, &pems(&env, &authority, Role::Operator, &[]));
    drop(serving);
    let error = loop {
        // Dropping asks the server to stop; until it has, it may still answer.
        match client.status().await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(
        error.to_string().contains(&address) && error.remedy().contains("--admin-listen"),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_that_never_finishes_its_handshake_keeps_nobody_waiting() {
    let env = real::env();
    let authority = Authority::generate(validity(&env)).unwrap();
    let serving = server(&env, &authority, &["127.0.0.1"]).await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(net::connect(&serving.address().to_string()).await.unwrap());
    }
    assert!(
        client(&env, &serving, &pems(&env, &authority, Role::Operator, &[]))
            .status()
            .await
            .is_ok()
    );
}

async fn plain_get(serving: &Serving, path: &str) -> String {
    let mut stream = net::connect(&serving.address().to_string()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn health_says_what_it_waits_for() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let env = real::env();
    let listener = net::listen("127.0.0.1:0").await.unwrap();
    let is_ready = Arc::new(AtomicBool::new(false));
    let asked = is_ready.clone();
    let ready = move || {
        if asked.load(Ordering::SeqCst) {
            Ok(vec!["decisions wait for 2 of 3 voters".to_owned()])
        } else {
            Err("the log is being read".to_owned())
        }
    };
    let metrics = Metrics::new("controller");
    let serving = serve_health(&env, listener, Arc::new(ready), metrics.clone()).unwrap();

    assert!(
        plain_get(&serving, "/healthz")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let answer = plain_get(&serving, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("the log is being read"),
        "{answer}"
    );
    is_ready.store(true, Ordering::SeqCst);
    let answer = plain_get(&serving, "/readyz").await;
    let said = "ok\nwaiting: decisions wait for 2 of 3 voters\n";
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with(said),
        "{answer}"
    );
    metrics.set_quorum_reachable(true);
    let answer = plain_get(&serving, "/metrics").await;
    assert!(
        answer.contains("openmetrics-text") && answer.contains("causeway_quorum_reachable{} 1"),
        "{answer}"
    );
}
