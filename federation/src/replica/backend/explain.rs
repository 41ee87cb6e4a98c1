//! Why a service's traffic goes where it goes.

use std::collections::BTreeSet;

use causeway_api::ids::ServiceKey;
use causeway_api::verdict::{Subject, VerdictState};
use causeway_failover::policy;

use super::{Sight, circumstances, past, subject};
use crate::admin::api::{AdminError, AppliedRow, Explanation, Origin, SubjectExplanation};

/// The explanation; with `from`, of those callers alone.
pub(super) fn explain(
    sight: &Sight<'_>,
    service: &ServiceKey,
    from: Option<&Origin>,
) -> Result<Explanation, AdminError> {
    let state = sight.look.state;
    let row = state.plan(service);
    let Some((row, held)) = row.and_then(|row| Some((row, row.value.as_ref()?))) else {
        return Err(no_plan(sight, service));
    };
    let verdict = |subject: &Subject| state.verdict(subject);
    let inputs = past::inputs_of(sight, service, &held.inputs);
    let mut explanation =
        Explanation::of(row.generation, inputs, held.plan.clone(), from, &verdict);
    let notes = &mut explanation.report.notes;
    notes.extend(policy::effective(&state.policies, service).conflicts);
    notes.extend(
        sight
            .refused
            .get(service)
            .map(|why| format!("a newer plan was refused, and this one stays: {why}")),
    );
    explanation.verdicts = verdicts(sight, &held.inputs);
    if !sight.past {
        explanation.applied = applied(sight, service, row.generation, &held.plan);
    }
    explanation.around = circumstances::of_service(state, service);
    Ok(explanation)
}

fn no_plan(sight: &Sight<'_>, service: &ServiceKey) -> AdminError {
    if sight.past {
        return AdminError::not_found(
            format!(
                "service {service} had no plan then: it was not federated, or its plan was refused"
            ),
            "ask for another generation",
        );
    }
    let facts = sight.look.facts;
    let present: Vec<String> = facts
        .owners()
        .filter(|(_, owner)| owner.service(service).is_some())
        .map(|(member, _)| member.to_string())
        .collect();
    if present.is_empty() {
        return AdminError::not_found(
            format!("service {service} exists in no member that has reported"),
            "causeway services shows those that are federated, causeway services --candidates those that could be",
        );
    }
    if facts.exporters(service).next().is_none() {
        return AdminError::not_found(
            format!(
                "service {service} exists in {} and nobody exports it",
                present.join(", ")
            ),
            format!(
                "create a ServiceExport named {} in namespace {} of a member",
                service.name, service.namespace
            ),
        );
    }
    match sight.refused.get(service) {
        Some(why) => AdminError::not_found(
            format!(
                "service {service} is exported and has no plan: the one that was proposed was refused: {why}"
            ),
            "the controller's log has more; every mesh keeps what it has",
        ),
        None => AdminError::not_found(
            format!("service {service} is exported and has no plan yet"),
            "a member that exports it must be registered and have reported where it is: see causeway clusters",
        ),
    }
}

/// Verdicts on what the plan names, where they are not Serving.
fn verdicts(sight: &Sight<'_>, inputs: &causeway_api::plan::PlanInputs) -> Vec<SubjectExplanation> {
    let state = sight.look.state;
    let mut subjects: BTreeSet<Subject> = BTreeSet::new();
    for destination in &inputs.destinations {
        subjects.insert(Subject::Member {
            member: destination.member.clone(),
        });
        subjects.extend(
            destination
                .region
                .clone()
                .map(|region| Subject::Region { region }),
        );
        let gateways = state.verdicts.gateways(&destination.member);
        subjects.extend(gateways.map(|(subject, _)| subject.clone()));
    }
    let quiet = [VerdictState::Serving, VerdictState::Unknown];
    let loud = subjects
        .iter()
        .filter(|subject| !quiet.contains(&state.verdicts.state(subject)));
    loud.filter_map(|subject| subject::explain(sight, subject).ok())
        .collect()
}

fn applied(
    sight: &Sight<'_>,
    service: &ServiceKey,
    generation: causeway_api::Generation,
    plan: &causeway_api::plan::ServicePlan,
) -> Vec<AppliedRow> {
    let members: BTreeSet<_> = plan
        .sources
        .iter()
        .map(|source| &source.source.member)
        .collect();
    let row = |member: &causeway_api::MemberName| {
        let applied = sight
            .look
            .sessions
            .get(member)
            .and_then(|session| session.applied.as_ref());
        let conditions = applied.into_iter().flat_map(|applied| &applied.conditions);
        AppliedRow {
            member: member.clone(),
            applied: applied.map(|applied| applied.generation >= generation),
            generation: applied.map(|applied| applied.generation),
            conditions: conditions
                .filter(|condition| condition.service.as_ref() == Some(service))
                .cloned()
                .collect(),
        }
    };
    members.into_iter().map(row).collect()
}
