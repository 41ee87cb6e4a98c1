//! `LossSurvivable`: whether the rest would carry what falls with this member, by itself or with a wider domain that it stands in.
//!
//! It is said from what is named in the log, which changes only once a fleet has been quiet, and says no more than what would
//! happen and to whom first: numbers that move with every pod are in `causeway readiness`. It is no part of `Ready`: a member
//! whose loss nobody could carry is well, and others are too small.

use causeway_api::contingency::{LossOutcome, Readiness};
use causeway_api::domain::Domain;
use causeway_crds::conditions::member::LOSS_SURVIVABLE;

use super::look::{MemberLook, condition};
use crate::admin::api::{Condition, ConditionStatus};

/// How many services a message names.
const NAMED: usize = 3;

/// The condition; none while nothing is prepared for the loss of the member.
pub(super) fn loss_survivable(look: &MemberLook<'_>) -> Option<Condition> {
    let member = look.member?;
    let mut domains = vec![Domain::Member(member.clone())];
    if let Some(held) = look.held {
        domains.extend(held.region().cloned().map(Domain::Region));
        domains.extend(
            held.spec
                .failure_domains
                .iter()
                .cloned()
                .map(Domain::Declared),
        );
    }
    let rows = &look.all.state.brain.contingencies.rows;
    let found: Vec<&Readiness> = domains
        .iter()
        .filter_map(|domain| Some(&rows.get(domain)?.readiness))
        .collect();
    // The gravest; of several the narrowest.
    let worst = found.iter().copied().reduce(|held, next| {
        if next.outcome > held.outcome {
            next
        } else {
            held
        }
    })?;
    Some(said(worst))
}

/// The word for an outcome.
pub(super) fn reason(outcome: LossOutcome) -> &'static str {
    match outcome {
        LossOutcome::Survives => "Survives",
        LossOutcome::Saturates => "Saturates",
        LossOutcome::Unproven => "Unproven",
        LossOutcome::Overloads => "Overloads",
        LossOutcome::Orphans => "Orphans",
    }
}

/// What is said of a loss: of all that it does, or of what it does to the services of one policy.
pub(super) fn said(worst: &Readiness) -> Condition {
    let domain = &worst.domain;
    let more = format!("In full: causeway simulate --lose {domain}");
    let (status, message) = match worst.outcome {
        LossOutcome::Survives => (
            ConditionStatus::True,
            format!("the rest would carry the loss of {domain}"),
        ),
        LossOutcome::Saturates => (
            ConditionStatus::True,
            format!(
                "the rest would carry the loss of {domain}, and some of it would be full. {more}"
            ),
        ),
        LossOutcome::Unproven => (
            ConditionStatus::Unknown,
            format!(
                "nobody knows whether the rest would carry the loss of {domain}: of some services demand or capacity is not \
                 known. Declare it in a FailoverPolicy. {more}"
            ),
        ),
        LossOutcome::Overloads => {
            let mut names: Vec<String> = worst
                .worst_overloads
                .iter()
                .map(|(service, _)| service.to_string())
                .collect();
            // By name: who is overloaded most changes more often.
            names.sort();
            (
                ConditionStatus::False,
                format!(
                    "the loss of {domain} would leave too little capacity: {}. Add endpoints elsewhere. {more}",
                    some(&names, worst.overloads)
                ),
            )
        }
        LossOutcome::Orphans => {
            let names: Vec<String> = worst
                .first_orphans
                .iter()
                .map(ToString::to_string)
                .collect();
            (
                ConditionStatus::False,
                format!(
                    "the loss of {domain} would leave callers without any destination: {}. Run the service in another member, or \
                     export it there. {more}",
                    some(&names, worst.orphans)
                ),
            )
        }
    };
    condition(LOSS_SURVIVABLE, status, reason(worst.outcome), message)
}

/// The first names, and that there are more; not how many, which changes often.
fn some(names: &[String], all: u64) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = all > u64::try_from(shown.len()).unwrap_or(u64::MAX);
    format!(
        "{}{}",
        shown.join(", "),
        if more { " and more" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use causeway_api::contingency::ContentHash;
    use causeway_api::plan::Rate;
    use causeway_state::contingency::ContingencyRow;

    use super::*;
    use crate::replica::status::world::{World, name};

    fn readiness(domain: &str, outcome: LossOutcome, score: u8) -> Readiness {
        Readiness {
            domain: domain.parse().unwrap(),
            outcome,
            score,
            services: 1,
            moved: Rate(0),
            orphans: 5,
            first_orphans: ["shop/db".parse().unwrap()].into(),
            overloads: 2,
            worst_overloads: vec![
                ("shop/pay".parse().unwrap(), 30),
                ("shop/cart".parse().unwrap(), 20),
            ],
            unproven: 1,
            peak: None,
            writes: 1,
            coarse_cut: true,
            untold: 0,
            first_untold: Vec::new(),
        }
    }

    fn prepare(world: &mut World, readiness: Readiness) {
        let row = ContingencyRow {
            hash: ContentHash([0; 32]),
            generation: Default::default(),
            readiness,
        };
        let rows = &mut world.state.brain.contingencies.rows;
        rows.insert(row.readiness.domain.clone(), row);
    }

    fn found(world: &World) -> Option<Condition> {
        let member = name("a");
        world.look(|look| loss_survivable(&look.member(&member)))
    }

    #[test]
    fn each_outcome_says_what_to_do_and_the_gravest_domain_counts() {
        let mut world = World::new();
        world.member("a");
        assert_eq!(found(&world), None, "nothing is prepared");
        let outcomes = [
            (LossOutcome::Survives, ConditionStatus::True, "Survives"),
            (LossOutcome::Saturates, ConditionStatus::True, "Saturates"),
            (LossOutcome::Unproven, ConditionStatus::Unknown, "Unproven"),
            (LossOutcome::Overloads, ConditionStatus::False, "Overloads"),
            (LossOutcome::Orphans, ConditionStatus::False, "Orphans"),
        ];
        for (outcome, status, reason) in outcomes {
            prepare(&mut world, readiness("member/a", outcome, 50));
            let said = found(&world).unwrap();
            assert_eq!((said.status, said.reason.as_str()), (status, reason));
            assert!(said.message.contains("member/a"), "{}", said.message);
        }
        let orphans = found(&world).unwrap().message;
        assert!(orphans.contains("shop/db and more"), "{orphans}");
        prepare(
            &mut world,
            readiness("member/a", LossOutcome::Survives, 100),
        );
        let region = world.state.member(&name("a")).unwrap().region().cloned();
        let region = Domain::Region(region.unwrap()).to_string();
        prepare(&mut world, readiness(&region, LossOutcome::Overloads, 80));
        let said = found(&world).unwrap();
        assert_eq!(said.status, ConditionStatus::False);
        assert!(said.message.contains(&region), "{}", said.message);
        assert!(
            said.message.contains("shop/cart, shop/pay."),
            "{}",
            said.message
        );
    }

    #[test]
    fn numbers_that_move_move_no_condition() {
        let mut world = World::new();
        world.member("a");
        prepare(
            &mut world,
            readiness("member/a", LossOutcome::Overloads, 50),
        );
        let before = found(&world);
        let mut other = readiness("member/a", LossOutcome::Overloads, 61);
        (other.services, other.writes, other.moved) = (9, 40, Rate(7));
        other.worst_overloads.reverse();
        for (_, percent) in &mut other.worst_overloads {
            *percent += 1;
        }
        prepare(&mut world, other);
        assert_eq!(found(&world), before);
    }
}
