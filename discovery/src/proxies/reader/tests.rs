//! Rounds over proxies that answer, do not, and go.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use async_trait::async_trait;
use causeway_api::facts::GatewayAddress;
use causeway_seam::real;

use super::*;

/// What each proxy answers; `None`: it does not.
#[derive(Default)]
struct World {
    proxies: Mutex<BTreeMap<SocketAddr, Option<bool>>>,
    asked: Mutex<Vec<SocketAddr>>,
    unknown: Mutex<bool>,
}

#[async_trait]
impl Asks for World {
    async fn addresses(&self, _: &ProxyUrl) -> Result<Vec<SocketAddr>, String> {
        if *self.unknown.lock().unwrap() {
            return Err("no such name".to_owned());
        }
        Ok(self.proxies.lock().unwrap().keys().copied().collect())
    }

    async fn page(&self, _: &ProxyUrl, at: SocketAddr) -> Result<Vec<u8>, String> {
        self.asked.lock().unwrap().push(at);
        let answer = self.proxies.lock().unwrap().get(&at).copied().flatten();
        let Some(ejects) = answer else {
            return Err("connection refused".to_owned());
        };
        let page = format!(
            r#"{{"cluster_statuses":[{{"name":"cart.shop.svc","host_statuses":[{{
                "address":{{"socket_address":{{"address":"10.0.0.1","port_value":15443}}}},
                "health_status":{{"failed_outlier_check":{ejects}}}}}]}}]}}"#
        );
        Ok(page.into_bytes())
    }
}

fn at(n: u16) -> SocketAddr {
    SocketAddr::from(([10, 1, 0, 1], n))
}

fn places() -> Places {
    let mut places = Places::of(["shop/cart".parse().unwrap()].into());
    let gateway = GatewayAddress::Ip("10.0.0.1".parse().unwrap());
    places.add(&"hz".parse().unwrap(), gateway, 15443);
    places
}

fn reader(world: &Arc<World>) -> Reader {
    let proxies = vec!["http://envoy.edge.svc:9901".parse().unwrap()];
    Reader::new(&real::env(), world.clone(), ReaderConfig::new(proxies))
}

/// Rounds for so many seconds.
async fn rounds(reader: &mut Reader, seconds: u64) -> Ejected {
    let until = reader.env.now().plus(Duration::from_secs(seconds));
    loop {
        let ejected = reader.round(&places()).await;
        if reader.env.now() >= until {
            return ejected;
        }
        reader.env.sleep(Duration::from_secs(1)).await;
    }
}

fn hz() -> Ejected {
    let networks = BTreeSet::from(["hz".parse().unwrap()]);
    [("shop/cart".parse().unwrap(), networks)].into()
}

#[tokio::test(start_paused = true)]
async fn what_all_eject_counts_and_a_silent_one_says_nothing() {
    let world = Arc::new(World::default());
    let answers = [(at(1), Some(true)), (at(2), Some(true)), (at(3), None)];
    *world.proxies.lock().unwrap() = answers.into();
    let mut reader = reader(&world);
    assert_eq!(rounds(&mut reader, 9).await, Ejected::new());
    assert_eq!(rounds(&mut reader, 5).await, hz());
    assert!(reader.problems().all(|(_, why)| why.is_none()));
    // Nobody answers any more: what they said stays for a while, is said to be a problem, and ends.
    let silent = [(at(1), None), (at(2), None), (at(3), None)];
    *world.proxies.lock().unwrap() = silent.into();
    assert_eq!(rounds(&mut reader, 60).await, hz());
    let why: Vec<String> = reader.problems().filter_map(|(_, why)| why).collect();
    assert_eq!(why.len(), 1);
    assert!(why.concat().contains("connection refused"), "{why:?}");
    assert_eq!(rounds(&mut reader, 60).await, Ejected::new());
}

#[tokio::test(start_paused = true)]
async fn each_is_asked_in_turn_and_a_name_that_is_gone_keeps_its_addresses() {
    let world = Arc::new(World::default());
    *world.proxies.lock().unwrap() = (1..=100).map(|n| (at(n), Some(false))).collect();
    let mut reader = reader(&world);
    for _ in 0..8 {
        reader.round(&places()).await;
    }
    let asked = std::mem::take(&mut *world.asked.lock().unwrap());
    assert_eq!(asked, (1..=64).map(at).collect::<Vec<_>>());
    assert_eq!(reader.heard.answers(), 64);
    *world.unknown.lock().unwrap() = true;
    rounds(&mut reader, 20).await;
    let again = world.asked.lock().unwrap().len();
    assert!(again >= 8 * 20, "{again}");
    assert_eq!(reader.heard.answers(), 64);
}
