//! What the authority makes is what the other side accepts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_seam::WallClock;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::tls::{self, Pems};
use super::{Authority, Identity, Pair, Role, Validity};

const NOW: WallClock = WallClock(1_795_000_000_000);

fn authority() -> Authority {
    Authority::generate(Validity { now: NOW, days: 10 }).unwrap()
}

fn identity(role: Role) -> Identity {
    Identity::new(role, "ack".parse().unwrap())
}

fn der(pair: &Pair) -> rustls::pki_types::CertificateDer<'static> {
    tls::certificates("certificate", pair.certificate_pem.as_bytes())
        .unwrap()
        .remove(0)
}

#[test]
fn a_certificate_says_who_it_is_for_and_for_how_long() {
    let authority = authority();
    for role in [Role::Replica, Role::Member, Role::Operator] {
        let pair = authority
            .sign(&identity(role), &[], Validity { now: NOW, days: 2 })
            .unwrap();
        let der = der(&pair);
        assert_eq!(Identity::of(&der), Some(identity(role)));
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        let (from, until) = (
            parsed.validity().not_before.timestamp(),
            parsed.validity().not_after.timestamp(),
        );
        assert_eq!(
            (from, until),
            (NOW.0 / 1000 - 3600, NOW.0 / 1000 + 2 * 86_400)
        );
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth);
        assert_eq!(usage.server_auth, role == Role::Replica, "{role:?}");
        assert!(!parsed.is_ca());
    }
}

#[test]
fn the_chain_verifies_and_a_reloaded_authority_signs_for_the_same_chain() {
    let first = authority();
    let again = Authority::from_pair(first.pair().clone()).unwrap();
    let pair = again
        .sign(&identity(Role::Member), &[], Validity { now: NOW, days: 2 })
        .unwrap();
    let ca = tls::certificates("authority", first.certificate_pem().as_bytes()).unwrap();
    let (_, ca) = X509Certificate::from_der(&ca[0]).unwrap();
    let leaf = der(&pair);
    let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
    assert_eq!(leaf.issuer(), ca.subject());
    leaf.verify_signature(Some(ca.public_key())).unwrap();
    let other = authority();
    let other = tls::certificates("authority", other.certificate_pem().as_bytes()).unwrap();
    let (_, other) = X509Certificate::from_der(&other[0]).unwrap();
    assert!(leaf.verify_signature(Some(other.public_key())).is_err());
}

#[test]
fn hosts_are_names_or_addresses() {
    let authority = authority();
    let sign = |host: &str| {
        authority.sign(
            &identity(Role::Replica),
            &[host.to_owned()],
            Validity { now: NOW, days: 1 },
        )
    };
    for good in [
        "controller.example",
        "localhost",
        "127.0.0.1",
        "::1",
        "[2001:db8::1]",
        "a-b_c.svc",
    ] {
        assert!(sign(good).is_ok(), "{good}");
    }
    for bad in ["", "https://x", "x:7443", "*.x", "1.2.3", "a..b", "ä"] {
        let error = sign(bad).unwrap_err().to_string();
        assert!(error.contains(&format!("{bad:?}")), "{error}");
    }
}

#[test]
fn identities_read_back_and_others_are_none() {
    for uri in [
        "spiffe://causeway/replica/r1",
        "spiffe://causeway/member/a.b",
        "spiffe://causeway/operator/ada",
    ] {
        assert_eq!(uri.parse::<Identity>().unwrap().uri(), uri);
    }
    for bad in [
        "",
        "spiffe://causeway/root/x",
        "spiffe://other/member/x",
        "spiffe://causeway/member/",
        "spiffe://causeway/member/a/b",
    ] {
        assert!(bad.parse::<Identity>().is_err(), "{bad}");
    }
    let ca = tls::certificates("authority", authority().certificate_pem().as_bytes()).unwrap();
    assert_eq!(Identity::of(&ca[0]), None);
}

#[test]
fn what_is_no_pem_is_named() {
    let authority = authority();
    let pair = authority
        .sign(
            &identity(Role::Operator),
            &[],
            Validity { now: NOW, days: 1 },
        )
        .unwrap();
    let good = Pems {
        ca: authority.certificate_pem().into(),
        certificate: pair.certificate_pem.into(),
        key: pair.key_pem.into(),
    };
    assert!(tls::client(&good).is_ok() && tls::server(&good).is_ok());
    for (what, bad) in [
        (
            "authority",
            Pems {
                ca: b"x".to_vec(),
                ..good.clone()
            },
        ),
        (
            "certificate",
            Pems {
                certificate: good.key.clone(),
                ..good.clone()
            },
        ),
        (
            "key",
            Pems {
                key: good.certificate.clone(),
                ..good.clone()
            },
        ),
    ] {
        let error = tls::client(&bad).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let other = authority
        .sign(
            &identity(Role::Operator),
            &[],
            Validity { now: NOW, days: 1 },
        )
        .unwrap();
    assert!(
        tls::client(&Pems {
            key: other.key_pem.into(),
            ..good
        })
        .is_err(),
        "the key of another certificate"
    );
}

#[test]
fn no_secret_shows_in_debug_output() {
    let authority = authority();
    let secret = authority.pair().key_pem.lines().nth(1).unwrap().to_owned();
    assert!(!format!("{authority:?} {:?}", authority.pair()).contains(&secret));
}
