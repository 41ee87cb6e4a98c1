//! An observer that suspects itself, a budget that holds whatever there is to probe, and what counts as an answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_api::ids::FailureDomain;
use causeway_api::probe::{GatewayProbe, east_west_name};
use causeway_api::verdict::{Ballot, ObserverId, Subject, Vote};
use causeway_discovery::probe::tcp::NetProbe;
use causeway_discovery::probe::{Probe, ProbeConfig, Prober, Sight, Target};
use causeway_seam::real::net;
use causeway_seam::{Env, Monotonic, real};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

/// Reaches all places but those that are dark, and notes when it tried.
struct World {
    env: Env,
    dark: Mutex<BTreeSet<String>>,
    tried: Mutex<Vec<Monotonic>>,
}

#[async_trait]
impl Probe for World {
    async fn reach(&self, address: &GatewayAddress, _: u16, limit: Duration) -> Result<(), String> {
        self.tried.lock().unwrap().push(self.env.now());
        let address = address.to_string();
        let place = address.split('-').next().unwrap_or_default();
        if self.dark.lock().unwrap().contains(place) {
            self.env.sleep(limit).await;
            return Err("timed out".to_owned());
        }
        Ok(())
    }
}

fn subjects(places: &[&str], each: usize) -> BTreeMap<Subject, Target> {
    let all = places.iter().flat_map(|place| {
        (0..each).map(move |at| {
            let name = format!("{place}-{at}");
            let target = Target {
                addresses: BTreeSet::from([(GatewayAddress::Host(name.clone()), 15443)]),
                place: (*place).to_owned(),
                ..Target::default()
            };
            (format!("gateway/{name}/ew").parse().unwrap(), target)
        })
    });
    all.collect()
}

struct Watched {
    world: Arc<World>,
    prober: Prober,
    votes: mpsc::Receiver<Vec<Vote>>,
    held: BTreeMap<Subject, Vote>,
    cast: usize,
}

impl Watched {
    fn new(env: &Env, places: &[&str], each: usize) -> Self {
        let world = Arc::new(World {
            env: env.clone(),
            dark: Mutex::default(),
            tried: Mutex::default(),
        });
        let observer: ObserverId = "replica/r1".parse().unwrap();
        let config = ProbeConfig::new(observer, FailureDomain::new("d1").unwrap());
        let probe = Arc::clone(&world) as Arc<dyn Probe>;
        let (mut prober, votes) = Prober::start(env, probe, config);
        prober.set_subjects(subjects(places, each));
        Self {
            world,
            prober,
            votes,
            held: BTreeMap::new(),
            cast: 0,
        }
    }

    /// Takes votes for so long.
    async fn pass(&mut self, env: &Env, seconds: u64) {
        let until = env.now().plus(Duration::from_secs(seconds));
        loop {
            let left = until.since(env.now());
            match env.timeout(left, self.votes.recv()).await {
                Ok(Some(votes)) => {
                    self.cast += votes.len();
                    let rows = votes.into_iter().map(|vote| (vote.subject.clone(), vote));
                    self.held.extend(rows);
                }
                Ok(None) => panic!("the prober ended"),
                Err(_) => return,
            }
        }
    }

    fn dark(&self, places: &[&str]) {
        *self.world.dark.lock().unwrap() = places.iter().map(|p| (*p).to_owned()).collect();
    }

    fn ballots(&self, place: &str) -> BTreeSet<Ballot> {
        let prefix = format!("gateway/{place}-");
        let rows = self.held.iter();
        rows.filter(|(subject, _)| subject.to_string().starts_with(&prefix))
            .map(|(_, vote)| vote.ballot)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn who_reaches_little_abstains_says_why_and_then_forgives() {
    let env = real::env();
    let mut watched = Watched::new(&env, &["a", "b", "c", "d"], 3);
    watched.pass(&env, 30).await;
    assert_eq!(watched.held.len(), 12);
    assert_eq!(*watched.prober.sight().borrow(), Sight::Clear);
    watched.dark(&["b", "c", "d"]);
    watched.pass(&env, 30).await;
    for place in ["a", "b", "c", "d"] {
        assert_eq!(watched.ballots(place), [Ballot::Abstain].into(), "{place}");
    }
    let reason = watched.held.values().next().unwrap().evidence.clone();
    assert!(
        reason.contains("suspects itself: 3 of 4 places"),
        "{reason}"
    );
    assert!(matches!(
        &*watched.prober.sight().borrow(),
        Sight::Impaired(_)
    ));
    // One place stays dark: that is its trouble, and is found anew.
    watched.dark(&["d"]);
    watched.pass(&env, 3).await;
    assert_eq!(watched.ballots("a"), [Ballot::Reachable].into());
    watched.pass(&env, 30).await;
    assert_eq!(watched.ballots("b"), [Ballot::Reachable].into());
    assert_eq!(watched.ballots("d"), [Ballot::Unreachable].into());
    assert_eq!(*watched.prober.sight().borrow(), Sight::Clear);
}

#[tokio::test(start_paused = true)]
async fn one_place_of_four_is_that_places_trouble() {
    let env = real::env();
    let mut watched = Watched::new(&env, &["a", "b", "c", "d"], 3);
    watched.pass(&env, 30).await;
    watched.dark(&["d"]);
    watched.pass(&env, 15).await;
    assert_eq!(watched.ballots("d"), [Ballot::Unreachable].into());
    assert_eq!(watched.ballots("a"), [Ballot::Reachable].into());
}

#[tokio::test(start_paused = true)]
async fn with_two_places_nobody_can_tell_and_it_votes_as_it_sees() {
    let env = real::env();
    let mut watched = Watched::new(&env, &["a", "b"], 2);
    watched.pass(&env, 30).await;
    assert_eq!(*watched.prober.sight().borrow(), Sight::TooFewPlaces(2));
    watched.dark(&["b"]);
    watched.pass(&env, 15).await;
    assert_eq!(watched.ballots("b"), [Ballot::Unreachable].into());
    assert_eq!(*watched.prober.sight().borrow(), Sight::TooFewPlaces(2));
}

/// The most attempts in any second.
fn busiest(tried: &[Monotonic]) -> usize {
    let second = Duration::from_secs(1);
    let mut from = 0;
    let until = tried.iter().enumerate().map(|(at, last)| {
        while last.since(tried[from]) >= second {
            from += 1;
        }
        at + 1 - from
    });
    until.max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_gateways_are_probed_within_the_budget() {
    let env = real::env();
    let places = ["a", "b", "c", "d", "e"];
    let mut watched = Watched::new(&env, &places, 200);
    watched.pass(&env, 60).await;
    assert_eq!(watched.held.len(), 1_000);
    let first = watched.cast;
    assert_eq!(first, 1_000, "each is voted on once");
    let usual = std::mem::take(&mut *watched.world.tried.lock().unwrap());
    assert!(busiest(&usual) <= 650, "{} in a second", busiest(&usual));
    let mean = usual.len() / 60;
    assert!((200..=450).contains(&mean), "{mean} a second");
    // A fifth of them fails at once: found, and no more is spent than may be.
    watched.dark(&["e"]);
    watched.pass(&env, 60).await;
    assert_eq!(watched.ballots("e"), [Ballot::Unreachable].into());
    assert_eq!(watched.ballots("a"), [Ballot::Reachable].into());
    let failing = std::mem::take(&mut *watched.world.tried.lock().unwrap());
    assert!(
        busiest(&failing) <= 650,
        "{} in a second",
        busiest(&failing)
    );
    watched.dark(&[]);
    watched.pass(&env, 60).await;
    let quiet = watched.cast;
    watched.pass(&env, 120).await;
    assert_eq!(watched.cast, quiet, "a quiet fleet says nothing");
}

fn ip() -> GatewayAddress {
    GatewayAddress::Ip("127.0.0.1".parse().unwrap())
}

const LIMIT: Duration = Duration::from_secs(60);

/// Answers every connection with the same bytes.
async fn answering(env: &Env, answer: &'static [u8]) -> (u16, causeway_seam::TaskHandle) {
    let listener = net::listen("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0_u8; 1024];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    };
    (port, env.spawn("answers", serve))
}

#[tokio::test]
async fn a_readiness_page_has_to_say_that_it_is_well() {
    let env = real::env();
    let probe = NetProbe::new(env.clone());
    let page = |port| GatewayProbe::Http {
        port,
        path: "/healthz/ready".to_owned(),
    };
    let (well, _well) = answering(&env, b"HTTP/1.1 200 OK\r\n\r\n").await;
    probe.reach_by(&page(well), &ip(), 1, LIMIT).await.unwrap();
    let (ill, _ill) = answering(&env, b"HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
    let why = probe.reach_by(&page(ill), &ip(), 1, LIMIT).await;
    assert_eq!(why.unwrap_err(), "/healthz/ready answered 503");
    let (mute, _mute) = answering(&env, b"").await;
    let why = probe.reach_by(&page(mute), &ip(), 1, LIMIT).await;
    assert!(why.unwrap_err().contains("no HTTP answer"));
}

#[tokio::test]
async fn a_handshake_is_asked_for_by_name_and_whose_certificate_it_is_does_not_matter() {
    let env = real::env();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let listener = net::listen("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let known = east_west_name("checkout", "shop", 80);
    let certified = rcgen::generate_simple_self_signed(["mesh.local".to_owned()]).unwrap();
    let chain = vec![certified.cert.der().clone()];
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = builder
        .with_no_client_auth()
        .with_single_cert(chain, key.unwrap())
        .unwrap();
    let config = Arc::new(config);
    let (said, wanted) = (Arc::clone(&asked), known.clone());
    // As a gateway does: closes what it has no way for.
    let serve = async move {
        while let Ok((stream, _)) = listener.accept().await {
            let start =
                tokio_rustls::LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
            let Ok(start) = start.await else { continue };
            let name = start.client_hello().server_name().map(str::to_owned);
            said.lock().unwrap().extend(name.clone());
            if name.as_deref() == Some(wanted.as_str()) {
                let _ = start.into_stream(Arc::clone(&config)).await;
            }
        }
    };
    let _serving = env.spawn("gateway", serve);
    let probe = NetProbe::new(env.clone());
    let tls = |names: &[&str]| GatewayProbe::Tls {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let both = tls(&["gone.example.com", &known]);
    probe.reach_by(&both, &ip(), port, LIMIT).await.unwrap();
    let why = probe
        .reach_by(&tls(&["gone.example.com"]), &ip(), port, LIMIT)
        .await
        .unwrap_err();
    assert!(why.starts_with("TLS as gone.example.com: "), "{why}");
    assert!(asked.lock().unwrap().contains(&known));
    // A port that is open and speaks no TLS is not enough.
    let (plain, _plain) = answering(&env, b"HTTP/1.1 200 OK\r\n\r\n").await;
    let why = probe.reach_by(&both, &ip(), plain, LIMIT).await;
    assert!(why.is_err());
    probe
        .reach_by(&GatewayProbe::Tcp, &ip(), plain, LIMIT)
        .await
        .unwrap();
}
