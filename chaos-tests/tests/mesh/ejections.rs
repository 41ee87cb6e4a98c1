//! What a real Envoy ejects is read off the page that the guide lets it show, and what it takes back ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use axum::http::StatusCode;
use causeway_api::facts::GatewayAddress;
use causeway_chaos_tests::{Scratch, assets, http, port::Port, process::Process};
use causeway_discovery::proxies::held::Rules;
use causeway_discovery::proxies::{Ejected, NetAsks, Places, Reader, ReaderConfig};
use causeway_seam::real;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::member::DEADLINE;

const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// A server that fails while it is told to; its address.
async fn upstream(fails: Arc<AtomicBool>) -> anyhow::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let answer = move || {
        let fails = fails.load(Ordering::Relaxed);
        async move {
            if fails {
                StatusCode::INTERNAL_SERVER_ERROR
            } else {
                StatusCode::OK
            }
        }
    };
    tokio::spawn(async move {
        let app = axum::Router::new().fallback(answer);
        let _ = axum::serve(listener, app).await;
    });
    Ok(address)
}

fn socket(address: std::net::SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

/// What the guide says, with ports of ours.
fn guide(admin: &Port, page: &Port) -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/guides/manifests/envoy-clusters.yaml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let text = text
        .replace("0.0.0.0", "127.0.0.1")
        .replace("9902", &page.number().to_string())
        .replace("9901", &admin.number().to_string());
    serde_saphyr::from_str(&text).unwrap()
}

/// An Envoy that calls a service at a gateway, and here.
fn bootstrap(guide: &Value, admin: &Port, calls: &Port, gateway: Value, here: Value) -> Value {
    let mut listeners = guide["listeners"].as_array().unwrap().clone();
    let mut clusters = guide["clusters"].as_array().unwrap().clone();
    listeners.push(json!({
        "name": "calls",
        "address": socket(calls.address()),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": MANAGER,
                "stat_prefix": "calls",
                "route_config": {"virtual_hosts": [{
                    "name": "all", "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "cart.shop.svc.cluster.local"}}],
                }]},
                "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
            },
        }]}],
    }));
    let endpoint = |address: Value| json!({"endpoint": {"address": address}});
    clusters.push(json!({
        "name": "cart.shop.svc.cluster.local",
        "load_assignment": {
            "cluster_name": "cart.shop.svc.cluster.local",
            "endpoints": [{"lb_endpoints": [endpoint(gateway), endpoint(here)]}],
        },
        "outlier_detection": {
            "consecutive_5xx": 3, "interval": "0.1s", "base_ejection_time": "0.5s",
            "max_ejection_percent": 100, "max_ejection_time": "0.5s",
        },
    }));
    json!({
        "admin": {"address": socket(admin.address())},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    })
}

#[tokio::test]
async fn what_an_envoy_ejects_is_read_off_its_page_until_it_takes_it_back() -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let folder = scratch.folder("envoy")?;
    let fails = Arc::new(AtomicBool::new(false));
    let gateway = upstream(Arc::clone(&fails)).await?;
    let here = upstream(Arc::default()).await?;
    let (admin, page, calls) = (Port::any()?, Port::any()?, Port::any()?);
    let guide = guide(&admin, &page);
    let configuration = bootstrap(&guide, &admin, &calls, socket(gateway), socket(here));
    std::fs::write(folder.join("envoy.json"), configuration.to_string())?;
    let mut envoy = Process::new("envoy", assets::file("envoy", "envoy")?, &folder)
        .args(["--config-path", "envoy.json", "--disable-hot-restart"])
        .args(["--concurrency", "1", "--log-level", "warning"]);
    envoy.start()?;
    let (ready, shown) = (admin.address(), page.address());
    envoy
        .ready(DEADLINE, || async move {
            http::get(ready, "/ready").await.map(drop)
        })
        .await?;
    for other in ["/config_dump", "/"] {
        ensure!(http::get(shown, other).await.is_err(), "{other} is shown");
    }
    ensure!(http::post(shown, "/clusters").await.is_err());

    let (service, network) = ("shop/cart".parse()?, "hz".parse()?);
    let mut places = Places::of([std::clone::Clone::clone(&service)].into());
    places.add(&network, GatewayAddress::Ip(gateway.ip()), gateway.port());
    let rules = Rules {
        hold: Duration::from_millis(300),
        hold_down: Duration::from_millis(900),
        ..Rules::default()
    };
    let config = ReaderConfig {
        rules,
        interval: Duration::from_millis(50),
        ..ReaderConfig::new(vec![
            format!("http://{shown}")
                .parse()
                .map_err(anyhow::Error::msg)?,
        ])
    };
    let mut reader = Reader::new(&real::env(), Arc::new(NetAsks), config);
    let ejected = Ejected::from([(service, [network].into())]);
    for (failing, expected) in [
        (false, Ejected::new()),
        (true, ejected),
        (false, Ejected::new()),
    ] {
        fails.store(failing, Ordering::Relaxed);
        let until = tokio::time::Instant::now() + DEADLINE;
        loop {
            for _ in 0..8 {
                // Half of them fail, until Envoy has had enough.
                let _ = http::get(calls.address(), "/").await;
            }
            let found = reader.round(&places).await;
            if found == expected {
                break;
            }
            ensure!(
                tokio::time::Instant::now() < until,
                "failing: {failing}, found {found:?}: {:?}",
                reader.problems().collect::<Vec<_>>()
            );
            reader.pause().await;
        }
    }
    ensure!(reader.problems().all(|(_, problem)| problem.is_none()));
    envoy.stop().await
}
