//! The roles of the guides suffice, and what a role lacks is named: a controller and its agents run as the
//! service accounts of `docs/guides/manifests`, and a rule that is taken away is named; who observes reads alone. Needs
//! `cargo xtask assets`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{fs, path::PathBuf};

use anyhow::{Context as _, ensure};
use causeway_chaos_tests::{
    ApiServer, Fleet,
    causeway::{
        DEADLINE, Objects,
        agent::Agent,
        api_door::ApiDoor,
        certificates::Certificates,
        cli,
        controller::Controller,
        declared,
        furnish::{apply_manifest, furnish},
        gateway::GatewayDoor,
    },
    crds, eventually,
    kubeconfig::{Access, merged},
};
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Two clusters whose Causeway has the rights of the manifests.
struct Set {
    // In the order in which they must go.
    agents: Vec<Agent>,
    _controller: Controller,
    eu: Client,
    us: Client,
    _doors: Vec<GatewayDoor>,
    _fleet: Fleet,
}

impl Set {
    async fn start() -> anyhow::Result<Self> {
        let fleet = Fleet::start(&["eu", "us"]).await?;
        let (eu, us) = (
            fleet.cluster("eu")?.client().await?,
            fleet.cluster("us")?.client().await?,
        );
        let mut doors = Vec::new();
        for (cluster, number) in fleet.clusters().iter().zip(11_u8..) {
            doors.push(furnish(cluster, number).await?);
        }
        crds::install_causeway(&eu).await?;
        crds::install_mcs(&us).await?;
        apply_manifest(&eu, "controller-rbac.yaml").await?;
        let certificates = Certificates::new(fleet.scratch(), "pki").await?;
        let kubeconfig = account(fleet.cluster("eu")?, "causeway-controller").await?;
        let controller = Controller::start(fleet.scratch(), &certificates, &kubeconfig).await?;
        let mut agents = Vec::new();
        for cluster in fleet.clusters() {
            let name = cluster.name();
            apply_manifest(&cluster.client().await?, "agent-rbac.yaml").await?;
            certificates.make("agent", &["--member", name]).await?;
            let kubeconfig = account(cluster, "causeway-agent").await?;
            let folder = format!("agent-{name}");
            agents.push(Agent::new(
                fleet.scratch(),
                &certificates,
                (&folder, name),
                &kubeconfig,
                controller.sessions(),
            )?);
        }
        let mut set = Self {
            agents,
            _controller: controller,
            eu,
            us,
            _doors: doors,
            _fleet: fleet,
        };
        for agent in &mut set.agents {
            agent.start()?;
        }
        Ok(set)
    }

    /// Waits for a condition of a MemberCluster, and returns its message.
    async fn condition(&self, member: &str, wanted: (&str, &str, &str)) -> anyhow::Result<String> {
        declared::condition(&self.eu, member, wanted, DEADLINE).await
    }

    /// Stops the agent of `us` and starts it again: what it watches is asked for anew. It ends in peace, so that its Lease is
    /// free and nobody waits until it is over.
    async fn restart_us(&mut self) -> anyhow::Result<()> {
        let agent = self.agents.get_mut(1).context("the agent of us")?;
        agent.process().stop().await?;
        agent.start()
    }

    /// Runs `work` while a rule lacks these verbs of a resource.
    async fn without(
        &self,
        host: &Client,
        role: (&str, &str, Option<&str>),
        resource: &str,
        verbs: &[&str],
    ) -> anyhow::Result<Lacking> {
        let api = declared::api(host, RBAC, role.0, role.2);
        let whole = api.get(role.1).await?;
        let mut rules = whole.data["rules"]
            .as_array()
            .cloned()
            .context("a role without rules")?;
        let (mut split, mut groups) = (Vec::new(), Vec::new());
        for rule in &mut rules {
            let named = |value: &Value, key: &str| -> Vec<String> {
                serde_json::from_value(value[key].clone()).unwrap_or_default()
            };
            let (resources, all) = (named(rule, "resources"), named(rule, "verbs"));
            if !resources.iter().any(|one| one == resource) {
                continue;
            }
            rule["resources"] = json!(
                resources
                    .iter()
                    .filter(|one| *one != resource)
                    .collect::<Vec<_>>()
            );
            groups.push(
                named(rule, "apiGroups")
                    .first()
                    .cloned()
                    .unwrap_or_default(),
            );
            let mut rest = rule.clone();
            rest["resources"] = json!([resource]);
            rest["verbs"] = json!(
                all.iter()
                    .filter(|one| !verbs.contains(&one.as_str()))
                    .collect::<Vec<_>>()
            );
            split.push(rest);
        }
        ensure!(!split.is_empty(), "{role:?} says nothing about {resource}");
        rules.extend(split);
        rules.retain(|rule| rule["resources"] != json!([]) && rule["verbs"] != json!([]));
        api.patch(
            role.1,
            &PatchParams::default(),
            &Patch::Merge(json!({ "rules": rules })),
        )
        .await?;
        let user = "system:serviceaccount:causeway-system:causeway-agent";
        for group in &groups {
            for verb in verbs {
                declared::denied(host, user, (verb, group, resource), role.2).await?;
            }
        }
        Ok(Lacking { api, whole })
    }
}

/// A role that lacks something.
struct Lacking {
    api: Api<DynamicObject>,
    whole: DynamicObject,
}

impl Lacking {
    async fn give_back(self) -> anyhow::Result<()> {
        let name = self.whole.metadata.name.as_deref().unwrap_or_default();
        let rules = json!({ "rules": self.whole.data["rules"] });
        self.api
            .patch(name, &PatchParams::default(), &Patch::Merge(rules))
            .await?;
        Ok(())
    }
}

/// A kubeconfig of a service account in `causeway-system`.
async fn account(cluster: &ApiServer, name: &str) -> anyhow::Result<PathBuf> {
    let access = cluster
        .service_account("causeway-system", name, &[])
        .await?;
    access.write(cluster.folder(), &format!("{name}.kubeconfig"))
}

async fn member(host: &Client, name: &str, spec: Value) -> anyhow::Result<()> {
    declared::register(host, name, spec).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_roles_of_the_guides_suffice_and_a_missing_rule_is_named() -> anyhow::Result<()> {
    let mut set = Box::pin(Set::start()).await?;

    // Observed: ready, and nothing is written.
    apply_manifest(&set.eu, "member.yaml").await?;
    apply_manifest(&set.eu, "defaults.yaml").await?;
    apply_manifest(&set.eu, "policy.yaml").await?;
    for client in [&set.eu, &set.us] {
        apply_manifest(client, "export.yaml").await?;
    }
    for name in ["eu", "us"] {
        set.condition(name, ("Ready", "True", "Ready")).await?;
    }
    ensure!(
        Objects::of(&set.us).await?.0.is_empty(),
        "the mode Observe wrote something"
    );

    // Federated: ready, and written.
    for name in ["eu", "us"] {
        member(&set.eu, name, json!({ "mode": "Federate" })).await?;
    }
    eventually(
        DEADLINE,
        "the entry for the other network is there",
        || async {
            for (client, entry) in [
                (&set.eu, "WorkloadEntry shop/cw-web.net-us"),
                (&set.us, "WorkloadEntry shop/cw-web.net-eu"),
            ] {
                let names = Objects::of(client).await?;
                ensure!(names.0.contains_key(entry), "{:?}", names.names());
            }
            Ok(())
        },
    )
    .await?;
    for name in ["eu", "us"] {
        set.condition(name, ("MeshSynced", "True", "Synced"))
            .await?;
        set.condition(name, ("Ready", "True", "Ready")).await?;
    }
    // What the agent may not write.
    for (role, resource, verbs, verb) in [
        (
            ("ClusterRole", "causeway-agent-federate", None),
            "workloadentries",
            vec!["patch", "create"],
            "create",
        ),
        (
            ("Role", "causeway-agent-federate", Some("istio-system")),
            "gateways",
            vec!["create"],
            "create",
        ),
    ] {
        let lacking = set.without(&set.us, role, resource, &verbs).await?;
        // Deleted by somebody: it has to be written again.
        let ours = Objects::of(&set.us).await?;
        let kind = if resource == "gateways" {
            ("gateway.networking.k8s.io/v1", "Gateway")
        } else {
            ("networking.istio.io/v1", "WorkloadEntry")
        };
        let victim = ours.names().into_iter().find_map(|name| {
            name.strip_prefix(kind.1)?
                .trim()
                .split_once('/')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        });
        let (namespace, name) = victim.context("an object of ours")?;
        declared::api(&set.us, kind.0, kind.1, Some(&namespace))
            .delete(&name, &Default::default())
            .await?;
        named(&set, "MeshSynced", verb, resource).await?;
        lacking.give_back().await?;
        set.condition("us", ("MeshSynced", "True", "Synced"))
            .await?;
    }

    // What the agent may not read. Asked for anew, since a watch that runs isn't asked whether it still may.
    for (resource, verb) in [
        ("endpointslices", "list"),
        ("services", "watch"),
        ("serviceexports", "list"),
        ("destinationrules", "list"),
        ("gateways", "watch"),
    ] {
        let lacking = set
            .without(
                &set.us,
                ("ClusterRole", "causeway-agent-observe", None),
                resource,
                &[verb],
            )
            .await?;
        set.restart_us().await?;
        named(&set, "Ready", verb, resource)
            .await
            .with_context(|| format!("without {verb} {resource}"))?;
        lacking.give_back().await?;
        set.condition("us", ("Ready", "True", "Ready")).await?;
    }

    // The pods that it may not ask for.
    let observe = ("ClusterRole", "causeway-agent-observe", None);
    let lacking = set.without(&set.us, observe, "pods", &["get"]).await?;
    set.restart_us().await?;
    named(&set, "Ready", "get", "pods")
        .await
        .context("without get pods")?;
    lacking.give_back().await?;
    set.restart_us().await?;
    set.condition("us", ("Ready", "True", "Ready")).await?;

    // All of that was news.
    eventually(DEADLINE, "the controller tells Events", || async {
        let events = Api::<Event>::namespaced(set.eu.clone(), "default")
            .list(&ListParams::default())
            .await?;
        let ours = events.items.iter().filter(|event| {
            event.reporting_controller.as_deref() == Some("causeway.dev/controller")
        });
        ensure!(
            ours.count() > 0,
            "{} Events, none of ours",
            events.items.len()
        );
        Ok(())
    })
    .await?;
    Ok(())
}

/// Gives a user the role of `docs/guides/manifests` for those who observe.
async fn may_observe(admin: &Client, user: &str) -> anyhow::Result<()> {
    apply_manifest(admin, "observe-rbac.yaml").await?;
    declared::put(
        admin,
        json!({
            "apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": { "name": user },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "causeway-observe" },
            "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user }],
        }),
    )
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_observes_lists_and_writes_nothing() -> anyhow::Result<()> {
    let fleet = Fleet::start(&["eu", "us"]).await?;
    let (mut gateways, mut doors, mut accesses) = (Vec::new(), Vec::new(), Vec::new());
    for (cluster, number) in fleet.clusters().iter().zip(21_u8..) {
        gateways.push(furnish(cluster, number).await?);
        let admin = cluster.client().await?;
        crds::install_mcs(&admin).await?;
        apply_manifest(&admin, "export.yaml").await?;
        may_observe(&admin, "sceptic").await?;
        let sceptic = cluster.user("sceptic", None)?;
        let door = ApiDoor::open(sceptic.client().await?, None).await?;
        accesses.push(Access {
            server: door.url(),
            ..sceptic
        });
        doors.push(door);
    }
    let kubeconfig = fleet.scratch().folder("sceptic")?.join("kubeconfig");
    fs::write(&kubeconfig, merged(&accesses).to_string())?;
    let observe = async |more: &[&str]| {
        let mut arguments = vec!["observe", "--contexts", "eu,us", "--kubeconfig"];
        arguments.push(kubeconfig.to_str().context("a path that is no text")?);
        arguments.extend(more);
        let arguments: Vec<_> = arguments.into_iter().map(Into::into).collect();
        let said = cli::run(&arguments, None).await?;
        ensure!(said.code == 0, "{}: {}{}", said.code, said.out, said.err);
        anyhow::Ok(said.out)
    };

    // A role may take a moment to count.
    let report = eventually(DEADLINE, "all is read", || async {
        let report: Value = serde_json::from_str(&observe(&["-o", "json"]).await?)?;
        for cluster in report["clusters"].as_array().context("no clusters")? {
            let read = cluster["error"].is_null() && cluster["unread"] == json!([]);
            ensure!(read, "{cluster}");
        }
        Ok(report)
    })
    .await?;
    for (cluster, name) in report["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["eu", "us"])
    {
        ensure!(
            cluster["region"] == name
                && cluster["network"] == format!("net-{name}")
                && cluster["istio"] == true
                && cluster["nodes"].as_array().map(Vec::len) == Some(2)
                && cluster["gateways"].as_array().map(Vec::len) == Some(1),
            "{cluster}"
        );
    }
    let web = &report["shared"][0];
    ensure!(
        web["service"] == "shop/web"
            && web["exported_by"] == json!(["eu", "us"])
            && web["endpoints"].as_array().map(Vec::len) == Some(4),
        "{web}"
    );
    for (row, other) in web["failover"].as_array().unwrap().iter().zip(["us", "eu"]) {
        ensure!(
            row["at_home_percent"] == 100 && row["then"] == json!([format!("net-{other}")]),
            "{row}"
        );
    }
    let screen = observe(&["--lose", "region/eu"]).await?;
    for part in ["shop/web", "net-us", "region/eu"] {
        ensure!(screen.contains(part), "no {part} in:\n{screen}");
    }
    for door in &doors {
        let asked = door.asked();
        ensure!(asked.keys().eq(["GET"]), "{asked:?}");
    }
    Ok(())
}

/// Waits until a condition of `us` is not True and names verb and resource.
async fn named(set: &Set, kind: &str, verb: &str, resource: &str) -> anyhow::Result<()> {
    eventually(
        DEADLINE,
        &format!("{kind} of us names {verb} {resource}"),
        || async {
            let found = declared::member(&set.eu, "us").await?;
            let conditions = found["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let such = conditions.iter().any(|one| {
                let message = one["message"].as_str().unwrap_or_default();
                one["type"] == kind
                    && one["status"] != "True"
                    && message.contains(verb)
                    && message.contains(resource)
            });
            ensure!(such, "{}", serde_json::to_string_pretty(&conditions)?);
            Ok(())
        },
    )
    .await
}
