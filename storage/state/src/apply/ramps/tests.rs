//! Approvals of one service and of all.
#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn who_approves_the_return_of_one_service_approves_no_other() {
    let keys = ["shop/cart", "shop/pay"].map(|key| key.parse::<ServiceKey>().unwrap());
    let domain: Domain = "member/a".parse().unwrap();
    let ramp = |stage| Ramp {
        stage,
        step_percents: vec![10, 100],
        interval_ms: 100,
        step: 0,
        since: ClusterTime(1),
        healthy_percent: 80,
        unhealthy: false,
        backoffs: 0,
    };
    let mut state = State::default();
    let waiting = ramp(RampStage::Approval);
    let rows = keys
        .clone()
        .map(|key| (key, domain.clone(), waiting.clone()));
    enter(&mut state, rows.into());
    let [cart, pay] = &keys;
    assert_eq!(
        approve(&mut state, &domain, Some(cart)),
        std::slice::from_ref(cart)
    );
    let stage = |state: &State, key| {
        let rows = state.brain.ramps.get(key).unwrap();
        rows.get(&domain).unwrap().stage
    };
    assert_eq!(stage(&state, cart), RampStage::Climbing);
    assert_eq!(stage(&state, pay), RampStage::Approval);
    assert_eq!(
        approve(&mut state, &domain, None),
        std::slice::from_ref(pay)
    );
}
