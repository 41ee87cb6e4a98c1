//! Which networks are out for callers elsewhere.

use super::*;

fn withdrawn(policy: &str, zones: &[&str]) -> Option<Withdrawal> {
    let zones = zones.iter().enumerate().map(|(at, zone)| {
        let (member, zone) = zone.split_once(';').unwrap();
        format!("member n{at} network=n {member}\nzone z demand=0 {zone}\n")
    });
    let text = format!(
        "{policy}\nmember a region=a\nzone z demand=1\n{}",
        zones.collect::<String>()
    );
    judged(&text).withdrawn.get("n").copied()
}

#[test]
fn a_network_is_out_where_all_that_is_ready_of_it_is() {
    let lost = "region=x out=Lost;ready=1 each=1";
    assert_eq!(withdrawn("", &[lost, "region=x;ready=1 each=1"]), None);
    assert_eq!(
        withdrawn("", &[lost, "region=x;ready=0"]),
        Some(Withdrawal::Lost)
    );
    let empty = "region=x out=Lost;ready=0";
    assert_eq!(withdrawn("", &[empty]), Some(Withdrawal::Lost));
    assert_eq!(withdrawn("", &[empty, "region=x;ready=0"]), None);
}

#[test]
fn a_network_is_out_where_any_of_it_that_is_ready_is_forbidden() {
    let (x, y) = ("region=x;ready=1 each=1", "region=y;ready=1 each=1");
    assert_eq!(
        withdrawn("allowed x", &[x, y]),
        Some(Withdrawal::NotAllowed)
    );
    assert_eq!(withdrawn("allowed x,y", &[x, y]), None);
    let (x, y) = ("region=x;ready=0", "region=y;ready=0");
    assert_eq!(withdrawn("allowed x", &[x, y]), None);
}
