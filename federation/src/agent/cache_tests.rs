//! What the cache writes, what it reads again, and what a crash in between leaves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use causeway_api::view::{OwnerDelta, ViewDelta};
use causeway_api::{FactVersion, Generation};
use causeway_seam::real::Folder;

use super::*;

fn generation(index: u64) -> Generation {
    Generation {
        incarnation: 1,
        term: 1,
        index,
    }
}

fn key(number: usize) -> ServiceKey {
    ServiceKey::new("shop", &format!("s{number}")).unwrap()
}

/// Ready endpoints of some services in another member; of the first word all of them.
fn word(sequence: u64, base: Option<u64>, services: &[(usize, Option<u32>)]) -> ViewDelta {
    let version = |sequence| FactVersion { epoch: 1, sequence };
    let say = |(number, ready): &(usize, Option<u32>)| {
        let word = ready.map(|ready| OwnerService {
            ready,
            ports: Vec::new(),
            selector: BTreeMap::new(),
            service_accounts: Vec::new(),
        });
        (key(*number), word)
    };
    let plan = |(number, _): &(usize, Option<u32>)| {
        let gone = Versioned {
            generation: generation(sequence),
            value: None,
        };
        (key(*number), gone)
    };
    ViewDelta {
        services: services.iter().map(plan).collect(),
        owners: vec![OwnerDelta {
            base: base.map(version),
            version: version(sequence),
            owner: "b".parse().unwrap(),
            network: "net-b".parse().unwrap(),
            services: services.iter().map(say).collect(),
        }],
        complete: true,
        ..ViewDelta::default()
    }
}

struct World {
    folder: tempfile::TempDir,
    disk: Arc<dyn Disk>,
    cache: Cache,
    held: Holdings,
}

impl World {
    fn new(folder: tempfile::TempDir) -> Self {
        let disk: Arc<dyn Disk> = Arc::new(Folder::open(folder.path()).unwrap());
        let (cache, held) = Cache::open(disk.clone());
        Self {
            folder,
            disk,
            cache,
            held,
        }
    }

    /// Another start on the same folder.
    fn again(self) -> Self {
        let Self {
            folder,
            disk,
            cache,
            ..
        } = self;
        drop((disk, cache));
        Self::new(folder)
    }

    fn merge(&mut self, delta: ViewDelta) {
        let touched = self.held.merge(delta);
        assert!(touched.misfits.is_empty(), "{touched:?}");
        self.cache.touched(&touched.services);
    }

    fn save(&self) {
        self.cache.save(&Mutex::new(self.held.clone())).unwrap();
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let names = self.disk.list().unwrap().into_iter();
        let names = names.filter(|name| name.starts_with("view"));
        names
            .map(|name| {
                let bytes = self.disk.read(&name).unwrap().unwrap();
                (name, bytes)
            })
            .collect()
    }
}

fn many(ready: u32) -> Vec<(usize, Option<u32>)> {
    (0..500).map(|number| (number, Some(ready))).collect()
}

#[test]
fn a_change_of_one_service_writes_its_file_and_the_head() {
    let mut world = World::new(tempfile::tempdir().unwrap());
    world.merge(word(1, None, &many(3)));
    world.save();
    let before = world.files();
    assert_eq!(before.len(), 1 + 64);

    world.merge(word(2, Some(1), &[(7, Some(5))]));
    world.save();
    let after = world.files();
    let changed: Vec<&String> = after
        .iter()
        .filter(|(name, bytes)| before[*name] != **bytes)
        .map(|(name, _)| name)
        .collect();
    let wanted = [name(file_of(&key(7))), HEAD.to_owned()];
    assert_eq!(changed, [&wanted[0], &wanted[1]]);

    let held = world.held.clone();
    world = world.again();
    assert_eq!(world.held.view, held.view);
    assert_eq!(world.held.holds(), held.holds());
    assert!(world.held.complete);

    // What was read is no reason to write, and what goes on after it is written.
    let read = world.files();
    world.save();
    assert_eq!(world.files(), read);
    world.merge(word(3, Some(2), &[(7, None), (900, Some(1))]));
    world.save();
    let held = world.held.clone();
    world = world.again();
    assert_eq!(world.held.view, held.view);
}

#[test]
fn after_a_crash_the_versions_are_never_newer_than_what_is_there() {
    let mut world = World::new(tempfile::tempdir().unwrap());
    world.merge(word(1, None, &many(3)));
    world.save();
    let old = world.files();
    world.merge(word(2, Some(1), &[(7, Some(5)), (8, Some(6))]));
    world.save();
    // It crashed before the last files: one of the services, and the head.
    for name in [name(file_of(&key(8))), HEAD.to_owned()] {
        world.disk.replace(&name, &old[&name]).unwrap();
    }
    let wanted = world.held.clone();
    world = world.again();
    // The replica sends what came after the version that the agent names.
    world.merge(word(2, Some(1), &[(7, Some(5)), (8, Some(6))]));
    assert_eq!(world.held.view, wanted.view);
}

#[test]
fn one_file_of_before_is_read_and_a_broken_one_is_left_aside() {
    let mut world = World::new(tempfile::tempdir().unwrap());
    world.merge(word(1, None, &many(3)));
    let text = serde_json::to_vec(&world.held).unwrap();
    world.disk.replace(HEAD, &text).unwrap();
    let held = world.held.clone();
    world = world.again();
    assert_eq!(world.held.view, held.view);
    world.save();
    world = world.again();
    assert_eq!(world.held.view, held.view);

    world.disk.replace(&name(5), b"{").unwrap();
    world = world.again();
    assert_eq!(world.held, Holdings::default());
    // Then nothing of before remains in any file.
    world.save();
    world = world.again();
    assert_eq!(world.held, Holdings::default());
}
