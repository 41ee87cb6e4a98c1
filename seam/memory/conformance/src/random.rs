//! Random writes, the same on two clusters, whose outcomes are compared one by one.
//!
//! Several managers apply, patch, replace and delete a few objects, so that ownership gets as tangled as it can. An
//! outcome holds what a client can rely on: code, reason, causes, content, and whether anything was written at all.

use serde_json::{Map, Value, json};

use crate::cluster::{Answer, Cluster, bare, revision, text};

/// A number generator that is the same everywhere (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        let sides = u64::try_from(choices.len()).unwrap_or(1);
        let at = usize::try_from(self.roll(sides)).unwrap_or(0);
        choices.get(at).copied().unwrap_or_default()
    }

    /// Some of the keys with random values.
    fn map(&mut self, keys: &[&str]) -> Value {
        let mut map = Map::new();
        for key in keys {
            if self.one_in(2) {
                map.insert((*key).to_owned(), Value::from(self.pick(&["1", "2"])));
            }
        }
        Value::Object(map)
    }

    /// Some of the names, each as an item.
    fn items(&mut self, names: &[&str], mut item: impl FnMut(&mut Self, &str) -> Value) -> Value {
        let mut items = Vec::new();
        for name in names {
            if self.one_in(2) {
                let item = item(self, name);
                items.push(item);
            }
        }
        Value::from(items)
    }
}

/// Takes out empty maps and lists. An owner of an explicit empty one makes API servers up to 1.36 write a null where
/// another's fields go, which their own validation then refuses: nothing to be alike in, and we write no such thing.
fn without_empties(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) => {
            let kept: Map<String, Value> = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name, without_empties(value)?)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let kept: Vec<Value> = items.into_iter().filter_map(without_empties).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        other => Some(other),
    }
}

/// The kinds that are written to.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Export,
    Member,
}

impl Kind {
    fn path(self, name: &str) -> String {
        match self {
            Self::Export => {
                format!(
                    "/apis/multicluster.x-k8s.io/v1beta1/namespaces/random/serviceexports/{name}"
                )
            }
            Self::Member => format!("/apis/causeway.dev/v1alpha1/memberclusters/random-{name}"),
        }
    }

    /// A random object: maps, sets, keyed lists and whole lists, in spec, metadata and status.
    fn object(self, dice: &mut Dice, name: &str) -> Value {
        let mut metadata = Map::new();
        let (version, kind, name) = match self {
            Self::Export => (
                "multicluster.x-k8s.io/v1beta1",
                "ServiceExport",
                name.to_owned(),
            ),
            Self::Member => (
                "causeway.dev/v1alpha1",
                "MemberCluster",
                format!("random-{name}"),
            ),
        };
        metadata.insert("name".to_owned(), Value::from(name));
        for field in ["labels", "annotations"] {
            if dice.one_in(2) {
                metadata.insert(field.to_owned(), dice.map(&["k", "l", "m"]));
            }
        }
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), Value::from(version));
        object.insert("kind".to_owned(), Value::from(kind));
        object.insert("metadata".to_owned(), Value::Object(metadata));
        match self {
            Self::Export => {
                if !dice.one_in(4) {
                    let mut spec = Map::new();
                    for field in ["exportedLabels", "exportedAnnotations"] {
                        if dice.one_in(2) {
                            spec.insert(field.to_owned(), dice.map(&["a", "b", "c"]));
                        }
                    }
                    object.insert("spec".to_owned(), Value::Object(spec));
                }
            }
            Self::Member => {
                object.insert("spec".to_owned(), member_spec(dice));
            }
        }
        let conditions = dice.items(&["P", "Q", "R"], |dice, name| {
            json!({
                "type": name, "status": dice.pick(&["True", "False"]), "reason": "R", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        });
        object.insert("status".to_owned(), json!({ "conditions": conditions }));
        without_empties(Value::Object(object)).unwrap_or_default()
    }
}

fn member_spec(dice: &mut Dice) -> Value {
    let mut spec = Map::new();
    // A member must have a spec, and no empty one, so it always says something.
    spec.insert(
        "mode".to_owned(),
        Value::from(dice.pick(&["Observe", "Federate"])),
    );
    if dice.one_in(2) {
        let domains = dice.items(&["x", "y", "z"], |_, name| Value::from(name));
        let mappings = dice.items(&["g", "h"], |dice, zone| {
            json!({ "from": { "zone": zone }, "to": { "zone": dice.pick(&["1", "2"]) } })
        });
        spec.insert(
            "topology".to_owned(),
            json!({ "failureDomains": domains, "localityMappings": mappings }),
        );
    }
    if dice.one_in(2) {
        let gateways = dice.items(&["e", "w"], |dice, name| {
            let value = dice.pick(&["203.0.113.1", "203.0.113.2"]);
            let mut gateway = json!({
                "name": name, "addresses": [{ "type": "IPAddress", "value": value }],
            });
            if dice.one_in(2) {
                gateway["port"] = json!(dice.roll(2) + 15443);
            }
            gateway
        });
        spec.insert("network".to_owned(), json!({ "gateways": gateways }));
    }
    Value::Object(spec)
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Compared {
    /// The first write that did not go alike, with both outcomes, behind all earlier writes of its object.
    pub differences: Vec<String>,
    /// Writes that the first cluster refused as invalid and the other took.
    pub invalid: usize,
}

/// Plays `count` random writes on two clusters, step by step. The first may refuse by its schema what the other, which
/// has none, takes: then the object is deleted from both, and the play goes on.
///
/// # Errors
/// Where no answer came.
pub async fn compare(
    real: &Cluster,
    other: &Cluster,
    seed: u64,
    count: usize,
) -> anyhow::Result<Compared> {
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "random" } });
    let mut compared = Compared::default();
    for cluster in [real, other] {
        cluster.post("/api/v1/namespaces", &namespace).await?;
        for kind in [Kind::Export, Kind::Member] {
            for name in ["a", "b"] {
                cluster.delete(&kind.path(name), None).await?;
            }
        }
    }
    let mut dice = Dice(seed);
    let mut told: Vec<(String, String)> = Vec::new();
    for number in 0..count {
        let write = Write::roll(&mut dice);
        let one = write.send(real).await?;
        let two = write.send(other).await?;
        if one == two {
            told.push((write.path.clone(), format!("{number}: {write} → {one}")));
            continue;
        }
        if one.starts_with("422 Invalid") && two.starts_with("20") {
            compared.invalid += 1;
            for cluster in [real, other] {
                cluster.delete(&write.path, None).await?;
            }
            continue;
        }
        // The story of that object, so that what became of its owners can be followed.
        let story = told.iter().filter(|(path, _)| *path == write.path);
        compared
            .differences
            .extend(story.map(|(_, line)| line.clone()));
        compared
            .differences
            .push(format!("{number}: {write}\n  one:   {one}\n  other: {two}"));
        break;
    }
    Ok(compared)
}

/// A write.
#[derive(Debug)]
struct Write {
    verb: Verb,
    path: String,
    status: bool,
    manager: &'static str,
    body: Value,
}

#[derive(Debug)]
enum Verb {
    Delete,
    Put,
    Patch,
    Apply { force: bool },
}

impl std::fmt::Display for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = if self.status { "/status" } else { "" };
        let (manager, path, body) = (self.manager, &self.path, &self.body);
        write!(f, "{manager} {:?} {path}{status} {body}", self.verb)
    }
}

impl Write {
    fn roll(dice: &mut Dice) -> Self {
        let kind = if dice.one_in(2) {
            Kind::Export
        } else {
            Kind::Member
        };
        let name = dice.pick(&["a", "b"]);
        let mut body = kind.object(dice, name);
        let verb = match dice.roll(12) {
            0 => Verb::Delete,
            1 | 2 => Verb::Put,
            3..=5 => Verb::Patch,
            roll => Verb::Apply { force: roll > 8 },
        };
        if matches!(verb, Verb::Patch) {
            punch(dice, &mut body);
        }
        Self {
            verb,
            path: kind.path(name),
            status: dice.one_in(4),
            manager: dice.pick(&["x", "y", "z"]),
            body,
        }
    }

    /// Sends it and says what came of it.
    async fn send(&self, c: &Cluster) -> anyhow::Result<String> {
        let before = c.get(&self.path).await?;
        let place = if self.status { "/status" } else { "" };
        let target = format!("{}{place}", self.path);
        let named = format!("{target}?fieldManager={}", self.manager);
        let after = match self.verb {
            Verb::Delete => c.delete(&self.path, None).await?,
            Verb::Put => {
                let mut body = self.body.clone();
                let revision = &before.body["metadata"]["resourceVersion"];
                body["metadata"]["resourceVersion"] = revision.clone();
                c.put(&named, &body).await?
            }
            Verb::Patch => c.merge(&named, &self.body).await?,
            Verb::Apply { force } => c.apply(&target, self.manager, force, &self.body).await?,
        };
        Ok(outcome(&before, &after))
    }
}

/// Nulls in a merge patch take fields away.
fn punch(dice: &mut Dice, body: &mut Value) {
    for pointer in [
        "/metadata/labels",
        "/spec/exportedLabels",
        "/spec/network",
        "/metadata/annotations/k",
    ] {
        if let (true, Some(value)) = (dice.one_in(5), body.pointer_mut(pointer)) {
            *value = Value::Null;
        }
    }
}

/// What a client can rely on.
fn outcome(before: &Answer, after: &Answer) -> String {
    if after.code >= 400 {
        let causes = sorted(after.body["details"]["causes"].clone());
        let fields: Vec<&str> = causes
            .as_array()
            .into_iter()
            .flatten()
            .map(|cause| text(cause, "/field"))
            .collect();
        let conflict = after.code == 409;
        let fields = if conflict {
            fields.join(" ")
        } else {
            String::new()
        };
        return format!("{} {} {fields}", after.code, text(&after.body, "/reason"));
    }
    if after.body["kind"] == "Status" {
        return format!("{} deleted", after.code);
    }
    let written = match (revision(&before.body), revision(&after.body)) {
        (Ok(before), Ok(after)) if before == after => "unchanged",
        _ => "written",
    };
    let generation = &after.body["metadata"]["generation"];
    format!(
        "{} {written} generation {generation} {}",
        after.code,
        sorted(bare(&after.body))
    )
}

/// Lists in one order, since that of merged lists is nobody's business.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(sorted).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, sorted(value)))
            .collect(),
        other => other,
    }
}
