//! Interruption, damage and two runs at once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::mpsc;

use super::*;
use crate::assets::Recipe;

fn component() -> Component {
    Component {
        name: "thing".to_owned(),
        version: "1.0".to_owned(),
        typical_s: 1,
        long_only: false,
        recipe: Recipe::PythonWheel {
            requirements: "r".to_owned(),
            file: "f".to_owned(),
            binary: "b".to_owned(),
        },
        recipe_hash: "0123456789abcdef".to_owned(),
    }
}

fn make(text: &'static str) -> impl FnOnce(&Path) -> anyhow::Result<String> {
    move |folder| {
        fs::write(folder.join("b"), text)?;
        Ok("a test".to_owned())
    }
}

#[test]
fn a_filled_folder_is_ready_and_a_changed_file_is_noticed_and_replaced() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::at(root.path().join("assets"));
    assert_eq!(cache.check(&component()), State::Missing);
    let lock = cache.lock(|| panic!("nobody holds it")).unwrap();
    let folder = cache.fill(&lock, &component(), make("hello")).unwrap();
    assert_eq!(folder.file_name().unwrap(), "thing-1.0-0123456789ab");
    assert_eq!(cache.check(&component()), State::Ready(5));

    fs::write(folder.join("b"), "hellO").unwrap();
    assert_eq!(
        cache.check(&component()),
        State::Damaged("b was changed".to_owned())
    );
    cache.fill(&lock, &component(), make("hello")).unwrap();
    assert_eq!(cache.check(&component()), State::Ready(5));

    fs::remove_file(folder.join("b")).unwrap();
    assert!(matches!(cache.check(&component()), State::Damaged(_)));
}

#[test]
fn a_failed_build_leaves_nothing_that_looks_done() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::at(root.path().to_owned());
    {
        let lock = cache.lock(|| {}).unwrap();
        let result = cache.fill(&lock, &component(), |folder| {
            fs::write(folder.join("b"), "half")?;
            bail!("interrupted")
        });
        assert_eq!(result.unwrap_err().to_string(), "interrupted");
        assert_eq!(cache.check(&component()), State::Missing);
    }
    // The next run clears away what the failed one left.
    let _lock = cache.lock(|| {}).unwrap();
    let left: Vec<_> = fs::read_dir(root.path())
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert_eq!(left, ["lock"]);
}

#[test]
fn a_second_run_waits_for_the_first() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::at(root.path().to_owned());
    let first = cache.lock(|| {}).unwrap();
    let (said, heard) = mpsc::channel();
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let lock = cache.lock(|| said.send(()).unwrap()).unwrap();
            (cache.check(&component()), lock)
        });
        heard.recv_timeout(Duration::from_secs(30)).unwrap();
        cache.fill(&first, &component(), make("hello")).unwrap();
        drop(first);
        assert_eq!(second.join().unwrap().0, State::Ready(5));
    });
}
