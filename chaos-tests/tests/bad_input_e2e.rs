//! What is missing, forbidden, too old, too new, twice there, or nonsense: each is said clearly, to whoever can mend it,
//! and the rest goes on. Needs `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, ensure};
use causeway::{certs::tls::Pems, session::TonicDialer};
use causeway_api::session::{FromAgent, FromReplica, Hello, Holds, PROTOCOL};
use causeway_chaos_tests::{
    Scratch,
    causeway::{
        Callers, Clusterset, DEADLINE, Objects, Options, Workload, agent::Agent, api_door::ApiDoor,
        certificates::Certificates, clusterset::ready, controller::Controller, counts, declared,
        gateway::GatewayDoor, site::SiteSpec,
    },
    crds, eventually, http,
    kubeconfig::Access,
    objects::{self, Backend},
};
use causeway_seam::transport::Dial as _;
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use serde_json::{Value, json};

/// Two clusters in order, whose service `web` goes on whatever happens beside it, and an empty one.
struct Fixture {
    set: Clusterset,
    webs: BTreeMap<String, Workload>,
    callers: Callers,
}

impl Fixture {
    async fn start() -> anyhow::Result<Self> {
        let sites = vec![
            SiteSpec::numbered(1, &["r1-a"]),
            SiteSpec::numbered(2, &["r2-a"]),
        ];
        let set = Box::pin(Clusterset::start(Options {
            sites,
            bare: vec!["m3"],
            ..Options::default()
        }))
        .await?;
        let webs = set.deploy("web", 1, 2).await?;
        let callers = set.callers("web").await?;
        Ok(Self { set, webs, callers })
    }

    /// A change still arrives everywhere.
    async fn goes_on(&mut self) -> anyhow::Result<()> {
        let web = self.webs.get_mut("m2").unwrap();
        let count = if web.count() == 2 { 3 } else { 2 };
        web.scale("r2-a", count).await?;
        let count = u32::try_from(count)?;
        self.set
            .as_planned(
                &self.callers,
                &self.webs,
                counts([("m1", 2), ("m2", count)]),
            )
            .await
            .map(drop)
    }

    /// The condition of a member that needn't have a cluster here.
    async fn says(
        &self,
        member: &str,
        wanted: (&str, &str, &str),
        parts: &[&str],
    ) -> anyhow::Result<()> {
        eventually(
            DEADLINE,
            &format!("{member} says {wanted:?} with {parts:?}"),
            || async {
                let message = declared::said(self.set.host(), member, wanted).await?;
                ensure!(parts.iter().all(|part| message.contains(part)), "{message}");
                Ok(())
            },
        )
        .await
    }

    fn agent(&self, folder: &str, member: &str, access: &Access) -> anyhow::Result<Agent> {
        let scratch = self.set.fleet.scratch();
        let kubeconfig = access.write(&scratch.folder(folder)?, "kubeconfig")?;
        Agent::new(
            scratch,
            &self.set.certificates,
            (folder, member),
            &kubeconfig,
            self.set.controller.sessions(),
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_and_excess_are_said_and_left_out() -> anyhow::Result<()> {
    let mut fixture = Box::pin(Fixture::start()).await?;
    fixture.goes_on().await?;
    let (one, two) = (
        fixture.set.site(1)?.client().clone(),
        fixture.set.site(2)?.client().clone(),
    );

    // Slices as far as the API server lets them in: names instead of addresses, another family, one address twice, no
    // ports, ports that the Service doesn't have. Two addresses are good.
    let mut odd = Workload::deploy(fixture.set.site(2)?, "odd", 7, &[("r2-a", 1)]).await?;
    odd.scale("r2-a", 2).await?;
    fixture.set.site(2)?.export("odd").await?;
    let slice = |suffix: &str, kind: &str, ports: Value, endpoints: Value| -> EndpointSlice {
        serde_json::from_value(json!({
            "metadata": { "name": format!("odd-{suffix}"), "namespace": "shop", "labels": { "kubernetes.io/service-name": "odd" } },
            "addressType": kind, "ports": ports, "endpoints": endpoints,
        }))
        .unwrap()
    };
    let http = json!([{ "name": "http", "port": 8080, "protocol": "TCP" }]);
    for bad in [
        slice(
            "fqdn",
            "FQDN",
            http.clone(),
            json!([{ "addresses": ["db.example.com"] }]),
        ),
        slice(
            "twice",
            "IPv4",
            http.clone(),
            json!([{ "addresses": ["10.22.7.1"], "nodeName": "r2-a", "targetRef": { "kind": "Pod", "name": "odd-1", "namespace": "shop" } }]),
        ),
        slice(
            "portless",
            "IPv4",
            json!([]),
            json!([{ "addresses": ["10.22.7.50"] }]),
        ),
        slice(
            "other",
            "IPv4",
            json!([{ "name": "other", "port": 1, "protocol": "SCTP" }]),
            json!([{ "addresses": ["10.22.7.51"] }]),
        ),
        slice(
            "nowhere",
            "IPv4",
            http.clone(),
            json!([{ "addresses": ["10.22.7.52"], "nodeName": "no-such-node", "conditions": { "ready": false } }]),
        ),
    ] {
        objects::put(&two, &bad).await?;
    }
    eventually(DEADLINE, "two endpoints of odd are good", || async {
        let plan = fixture.set.explain("odd").await?;
        ensure!(
            ready(&plan, "m2") == 2,
            "{}",
            plan["inputs"]["destinations"]
        );
        Ok(())
    })
    .await?;
    fixture
        .says(
            "m2",
            ("Compatible", "True", "ObjectsLeftOut"),
            &["EndpointSlice shop/odd-fqdn", "FQDN"],
        )
        .await?;

    // A gateway whose port is none, and that has no address.
    let broken: Service = serde_json::from_value(json!({
        "metadata": { "name": "broken", "namespace": "istio-system", "labels": {
            "topology.istio.io/network": "net2", "networking.istio.io/gatewayPort": "many" } },
        "spec": { "ports": [{ "name": "tls", "port": 15443 }] },
    }))?;
    objects::put(&two, &broken).await?;
    fixture
        .says(
            "m2",
            ("Compatible", "True", "ObjectsLeftOut"),
            &["istio-system/broken", "many"],
        )
        .await?;
    kube::Api::<Service>::namespaced(two.clone(), "istio-system")
        .delete("broken", &<_>::default())
        .await?;
    fixture.goes_on().await?;

    // 5,000 endpoints of one service: one entry, of a weight that istiod can multiply.
    let big = objects::service("shop", "big", &[("http", 80)]);
    objects::put(&two, &big).await?;
    for part in 0..50_u32 {
        let backend =
            |n: u32| Backend::ready(&format!("10.222.{}.{}", part, n + 1)).on("r2-a", "r2-a");
        let backends: Vec<Backend> = (0..100).map(backend).collect();
        objects::put(
            &two,
            &objects::slice("shop", "big", &part.to_string(), &[("http", 80)], &backends),
        )
        .await?;
    }
    declared::export(&two, ("shop", "big")).await?;
    eventually(
        DEADLINE,
        "5,000 endpoints are one entry in the other cluster",
        || async {
            let plan = fixture.set.explain("big").await?;
            ensure!(
                (4_800..=5_000).contains(&ready(&plan, "m2")),
                "{}",
                ready(&plan, "m2")
            );
            let entry = Objects::of(&one)
                .await?
                .0
                .get("WorkloadEntry shop/cw-big.net2")
                .cloned()
                .context("no entry yet")?;
            ensure!(entry["spec"]["weight"] == 1000, "{entry}");
            Ok(())
        },
    )
    .await?;

    // A service of more ports than make sense: its importer writes nothing of it, and says so.
    let ports: Vec<(String, i32)> = (1..=260).map(|port| (format!("p{port}"), port)).collect();
    let ports: Vec<(&str, i32)> = ports
        .iter()
        .map(|(name, port)| (name.as_str(), *port))
        .collect();
    objects::put(&two, &objects::service("shop", "wide", &ports)).await?;
    let backend = Backend::ready("10.22.9.1").on("r2-a", "r2-a");
    for (part, ports) in ports.chunks(90).enumerate() {
        objects::put(
            &two,
            &objects::slice(
                "shop",
                "wide",
                &part.to_string(),
                ports,
                std::slice::from_ref(&backend),
            ),
        )
        .await?;
    }
    declared::export(&two, ("shop", "wide")).await?;
    fixture
        .says(
            "m1",
            ("MeshSynced", "False", "ViewTooLarge"),
            &["260 ports", "shop/wide"],
        )
        .await?;
    let names = Objects::of(&one).await?;
    ensure!(
        !names.names().iter().any(|name| name.contains("wide")),
        "{:?}",
        names.names()
    );
    fixture.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_forbidden_or_of_another_version_is_said() -> anyhow::Result<()> {
    let mut fixture = Box::pin(Fixture::start()).await?;
    let set = &fixture.set;
    let third = set.fleet.cluster("m3")?;
    let admin = third.client().await?;

    // A controller whose host cluster lacks our definitions waits for them, and says so.
    let scratch = Scratch::new()?;
    let certificates = Certificates::new(&scratch, "pki").await?;
    let mut lone = Controller::prepare(&scratch, &certificates, &third.kubeconfig()?).await?;
    lone.process().start()?;
    let address = lone.metrics_address();
    eventually(DEADLINE, "it says what is missing", || async {
        let error = http::get(address, "/readyz")
            .await
            .err()
            .context("it says that it's ready")?;
        let text = format!("{error:#}");
        ensure!(text.contains("memberclusters.causeway.dev"), "{text}");
        Ok(())
    })
    .await?;
    crds::install_causeway(&admin).await?;
    eventually(DEADLINE, "it's ready once they're there", || async {
        http::get(address, "/readyz").await.map(drop)
    })
    .await?;
    drop(lone);

    // An agent of a protocol that is to come.
    declared::register(set.host(), "m3", json!({ "mode": "Federate" })).await?;
    fixture
        .says("m3", ("AgentConnected", "False", "NeverConnected"), &["m3"])
        .await?;
    let set = &fixture.set;
    set.certificates.make("agent", &["--member", "m3"]).await?;
    let read = |name: &str| fs::read(set.certificates.file(name));
    let pems = Pems {
        ca: read("ca.pem")?,
        certificate: read("m3.pem")?,
        key: read("m3-key.pem")?,
    };
    let dialer = TonicDialer::new(&causeway_seam::real::env(), &pems)?;
    let mut session = dialer.dial(&set.controller.sessions().to_string()).await?;
    let hello = Hello {
        member: "m3".parse()?,
        protocol: PROTOCOL + 7,
        version: "9.9.9".to_owned(),
        cluster_uid: "some-uid".to_owned(),
        epoch: 1,
        highest: <_>::default(),
        facts: <_>::default(),
        holds: Holds::default(),
        sequence: 1,
        clusterset: 0,
        roll: causeway_api::session::Roll::default(),
    };
    session.sender.send(FromAgent::Hello(hello)).await?;
    match session.receiver.recv().await {
        Some(Ok(FromReplica::Refused { reason, retry })) => {
            ensure!(
                !retry && reason.contains(&format!("protocol {}", PROTOCOL + 7)),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
    fixture
        .says(
            "m3",
            ("Compatible", "False", "ProtocolNotSupported"),
            &["upgrade the controller first"],
        )
        .await?;

    // An agent that may do all but list EndpointSlices, in a cluster without Istio and without ServiceExport.
    let kubeconfig = fixture.set.fleet.cluster("m3")?.user("agent", None)?;
    let groups = json!([
        "",
        "coordination.k8s.io",
        "networking.istio.io",
        "gateway.networking.k8s.io",
        "multicluster.x-k8s.io"
    ]);
    let role = |rules: Value| json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "agent" }, "rules": rules });
    let most = json!({ "apiGroups": groups, "resources": ["*"], "verbs": ["*"] });
    declared::put(&admin, role(json!([most]))).await?;
    declared::put(&admin, json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "agent" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "agent" },
        "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "agent" }],
    }))
    .await?;
    // Of ours, ServiceExport came with the controller's definitions.
    let exports = declared::api(
        &admin,
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        None,
    );
    exports
        .delete("serviceexports.multicluster.x-k8s.io", &<_>::default())
        .await?;
    let mut agent = fixture.agent("restricted", "m3", &kubeconfig)?;
    agent.start()?;
    fixture
        .says(
            "m3",
            ("Compatible", "False", "MissingPrerequisites"),
            &["endpointslices", "ClusterRole", "serviceexports"],
        )
        .await?;
    fixture
        .says(
            "m3",
            ("MeshSynced", "False", "NoMesh"),
            &["no Istio was found"],
        )
        .await?;
    fixture.goes_on().await?;

    // Mended, it's well by itself.
    let slices = json!({ "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"] });
    declared::put(&admin, role(json!([most, slices]))).await?;
    crds::install_istio(&admin).await?;
    crds::install_gateway_api(&admin).await?;
    crds::install_causeway(&admin).await?;
    fixture
        .says("m3", ("Compatible", "True", "Supported"), &[])
        .await?;
    agent.process().stop().await?;

    // The same cluster through a door that says it's of a version of long ago.
    let door = ApiDoor::open(admin.clone(), Some("v1.20.4")).await?;
    let access = Access {
        server: door.url(),
        ..fixture.set.fleet.cluster("m3")?.admin()
    };
    let mut agent = fixture.agent("old", "m3", &access)?;
    agent.start()?;
    fixture
        .says(
            "m3",
            ("Compatible", "False", "KubernetesNotSupported"),
            &["v1.20.4", "1.30 to 1.36"],
        )
        .await?;
    agent.process().stop().await?;
    fixture.goes_on().await?;

    // Another cluster under the name of a member.
    let access = fixture.set.fleet.cluster("m3")?.admin();
    let mut stranger = fixture.agent("stranger", "m2", &access)?;
    stranger.start()?;
    fixture
        .says(
            "m2",
            ("Registered", "False", "TwoClustersOneName"),
            &["two clusters cannot share a name"],
        )
        .await?;
    stranger.process().stop().await?;
    fixture.goes_on().await?;

    // Two members of one network that lead into it by different gateways.
    let other = GatewayDoor::open_at(99).await?;
    let network = json!({ "name": "net2", "gateways": [{
        "name": "other", "addresses": [{ "type": "IPAddress", "value": "127.0.1.99" }], "port": other.address().port(),
    }] });
    declared::register(
        fixture.set.host(),
        "m3",
        json!({ "mode": "Federate", "network": network }),
    )
    .await?;
    let mut agent = fixture.agent("third", "m3", &access)?;
    agent.start()?;
    fixture
        .says(
            "m3",
            ("GatewayReachable", "True", "ConflictingGateways"),
            &["m2"],
        )
        .await?;
    fixture
        .says(
            "m2",
            ("GatewayReachable", "True", "ConflictingGateways"),
            &["m3"],
        )
        .await
}
