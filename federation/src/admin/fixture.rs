//! For tests: a clusterset with one lost region, as a replica would report it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod people;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use causeway_api::contingency::{LossOutcome, Readiness};
use causeway_api::domain::Domain;
use causeway_api::facts::{ApiFact, MeshFact};
use causeway_api::generation::Generation;
use causeway_api::ids::{FailureDomain, MemberName, ReplicaId, ServiceKey};
use causeway_api::plan::{
    CapacitySource, Destination, DestinationInput, EffectivePolicy, PlanInputs, PlanKind, Rate,
    ServicePlan, Share, Source, SourceInput, SourcePlan, Withdrawal,
};
use causeway_api::session::{DiffAction, DiffEntry};
use causeway_api::shift::{Shift, ShiftAction, ShiftKey};
use causeway_api::spec::Mode;
use causeway_api::verdict::{
    Ballot, ClusterTime, Evidence, Grounds, ObserverId, Subject, Verdict, VerdictState,
};
use causeway_api::view::MeshCondition;
use causeway_core::whatif::{Loss, ServiceLoss, Shifted};
use causeway_state::brain::{Act, Approvable, AuditRow};

use super::api::explain::ApprovalRow;
use super::api::overrides::{
    ApproveRequest, EndRequest, OverridesReport, RefusedRow, ReleaseRequest, ReturnRow,
    ShiftAnswer, ShiftReport, ShiftState, WaitingRow,
};
use super::api::registry::Done;
use super::api::whatif::{
    ReadinessReport, ReplayReport, ReplayRow, ReplaySource, SimulationReport,
};
use super::api::*;
use super::backend::AdminBackend;
pub(crate) use people::*;
pub(crate) use rows::*;

pub(crate) fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub(crate) const GENERATION: Generation = Generation {
    incarnation: 1,
    term: 12,
    index: 48_211,
};

pub(crate) fn cluster(member: &str, region: &str, verdict: VerdictState) -> ClusterRow {
    let well = verdict == VerdictState::Serving;
    ClusterRow {
        name: name(member),
        region: Some(name(region)),
        network: Some(name(member)),
        mode: Mode::Federate,
        suspended: false,
        verdict,
        verdict_ago_ms: Some(136_000),
        agent: AgentRow {
            connected: well,
            heard_ago_ms: Some(if well { 400 } else { 147_000 }),
            version: Some("0.1.0".to_owned()),
            epoch: Some(3),
            facts_age_ms: Some(if well { 400 } else { 147_000 }),
        },
        kubernetes_version: Some("v1.36.3".to_owned()),
        mesh: Some(MeshFact::Istio),
        api: Some(ApiFact::Reachable),
        gateways: vec![GatewayRow {
            name: "eastwest".to_owned(),
            address: "203.0.113.7:15443".to_owned(),
            verdict,
        }],
        exported: 20,
        imported: 18,
        view: Some(GENERATION),
        applied: Some(GENERATION),
        lag_ms: well.then_some(0),
        objects: Some(412),
        would_change: Some(0),
        foreign_conflicts: 0,
        conditions: vec![Condition {
            kind: "Ready".to_owned(),
            status: if well {
                ConditionStatus::True
            } else {
                ConditionStatus::False
            },
            reason: if well { "Ready" } else { "MemberLost" }.to_owned(),
            message: if well {
                String::new()
            } else {
                format!("{member} is Lost; its own mesh keeps what it has")
            },
        }],
    }
}

pub(crate) fn status() -> StatusReport {
    StatusReport {
        severity: Severity::Fine,
        version: "0.1.0".to_owned(),
        asked: "r1".to_owned(),
        asked_at_ms: 1_795_000_000_000,
        quorum: Quorum {
            reachable: true,
            voters: 1,
            answering: 1,
            leader: Some("r1".to_owned()),
            leader_for_ms: Some(60_000),
        },
        replicas: Vec::new(),
        log: LogSight::default(),
        waiting: Vec::new(),
        generation: GENERATION,
        data_age_ms: Some(400),
        incidents: vec![Incident {
            subject: name("region/cn-hangzhou"),
            state: VerdictState::Lost,
            since_ago_ms: 136_000,
            agreed: 9,
            counted: 9,
            domains: 4,
            not_counted: vec!["replica/r2 is impaired itself".to_owned()],
            hold_down_left_ms: None,
        }],
        needs_you: vec![Attention {
            object: "shop/cart".to_owned(),
            message: "ack-sh has a DestinationRule of its own for cart".to_owned(),
            member: Some(name("ack-sh")),
            command: Some("causeway diff ack-sh".to_owned()),
            since_ago_ms: None,
        }],
        overrides: overrides().shifts,
        members: vec![
            cluster("ack-hz", "cn-hangzhou", VerdictState::Lost),
            cluster("ack-sh", "cn-shanghai", VerdictState::Serving),
            cluster("eks-sin", "ap-southeast-1", VerdictState::Serving),
        ],
        services: ServiceTotals {
            exported: 20,
            planned: 20,
            refused: 0,
            unserved: 0,
            spilling: 1,
        },
    }
    .judged()
}

fn destination(
    member: &str,
    zone: &str,
    region: &str,
    ready: u32,
    withdrawn: Option<Withdrawal>,
) -> DestinationInput {
    DestinationInput {
        member: name(member),
        zone: Some(name(zone)),
        region: Some(name(region)),
        network: name(member),
        exported: true,
        ready,
        capacity: Some(Rate::from_rps(u64::from(ready) * 100)),
        capacity_source: CapacitySource::Declared,
        max_utilization_percent: 75,
        withdrawn,
        total: ready,
        admitted_percent: 100,
        vacated: false,
        draining: false,
    }
}

pub(crate) fn service() -> ServiceKey {
    ServiceKey::new("shop", "checkout").unwrap()
}

pub(crate) fn explanation(from: Option<&Origin>) -> Explanation {
    let source = Source {
        member: name("ack-sh"),
        zone: Some(name("g")),
    };
    let share = |destination, tier, parts, rate| Share {
        destination,
        tier,
        parts,
        rate: Rate::from_rps(rate),
    };
    let own = |zone: &str| Destination::Zone {
        member: name("ack-sh"),
        zone: Some(name(zone)),
    };
    let inputs = PlanInputs {
        service: service(),
        ports: Vec::new(),
        sources: vec![SourceInput {
            source: source.clone(),
            region: Some(name("cn-shanghai")),
            network: name("ack-sh"),
            demand: Some(Rate::from_rps(1840)),
            demand_source: causeway_api::plan::DemandSource::default(),
            unreachable: std::collections::BTreeSet::new(),
            ejected: std::collections::BTreeSet::new(),
            together: std::collections::BTreeMap::new(),
        }],
        destinations: vec![
            destination("ack-hz", "h", "cn-hangzhou", 8, Some(Withdrawal::Lost)),
            destination("ack-sh", "f", "cn-shanghai", 7, None),
            destination("ack-sh", "g", "cn-shanghai", 15, None),
            destination("eks-sin", "a", "ap-southeast-1", 9, None),
            DestinationInput {
                exported: false,
                ..destination("idc-bj", "x", "cn-beijing", 3, None)
            },
        ],
        gateways: Vec::new(),
        policy: EffectivePolicy {
            from: vec![name("causeway-system/default"), name("shop/checkout")],
            hosts: BTreeSet::new(),
            failover: BTreeMap::new(),
            allowed_regions: BTreeSet::new(),
            ..EffectivePolicy::default()
        },
    };
    let plan = ServicePlan {
        service: service(),
        sources: vec![SourcePlan {
            source,
            kind: PlanKind::Spill,
            shares: vec![
                share(own("g"), 0, 6114, 1125),
                share(own("f"), 1, 2853, 525),
                share(Destination::Network(name("eks-sin")), 3, 1033, 190),
            ],
            standby: Vec::new(),
            unserved: Rate(0),
            shed: causeway_api::plan::Rate::default(),
        }],
        withdrawn: BTreeMap::from([(name("ack-hz"), Withdrawal::Lost)]),
    };
    let condition = MeshCondition {
        reason: "Http2KeepAlive".to_owned(),
        object: "DestinationRule shop/cw-checkout".to_owned(),
        service: Some(service()),
        message: "port grpc is HTTP/2 and no keep-alive is set".to_owned(),
    };
    let lost =
        |subject: &Subject| (*subject == name("member/ack-hz")).then(|| self::subject().verdict);
    Explanation {
        verdicts: vec![subject()],
        applied: vec![
            AppliedRow {
                member: name("ack-hz"),
                applied: None,
                generation: None,
                conditions: Vec::new(),
            },
            AppliedRow {
                member: name("ack-sh"),
                applied: Some(true),
                generation: Some(GENERATION),
                conditions: vec![condition],
            },
        ],
        ..Explanation::of(GENERATION, inputs, plan, from, &lost)
    }
}

pub(crate) fn subject() -> SubjectExplanation {
    let verdict = |subject: &str, state, evidence: Vec<Evidence>| Verdict {
        subject: name(subject),
        state,
        since: ClusterTime(500_000),
        grounds: Grounds {
            counted: 1,
            against: 1,
            against_domains: 1,
            quorum: (!evidence.is_empty()).then_some(causeway_api::verdict::Quorum {
                observers: 1,
                domains: 1,
                reached_from: 0,
            }),
            ..Grounds::default()
        },
        evidence,
    };
    let vote = |observer, domain: &str, not_counted| Evidence {
        observer,
        domain: name::<FailureDomain>(domain),
        ballot: Ballot::Unreachable,
        at: ClusterTime(495_000),
        evidence: "connect to 203.0.113.7:15443: timed out after 1 s, 3 times".to_owned(),
        not_counted,
    };
    let votes = vec![
        vote(ObserverId::Replica(ReplicaId(1)), "sh-1", None),
        vote(
            ObserverId::Agent(name("eks-sin")),
            "sin-1",
            Some("it is impaired itself".to_owned()),
        ),
    ];
    SubjectExplanation {
        subject: name("member/ack-hz"),
        verdict: verdict("member/ack-hz", VerdictState::Lost, Vec::new()),
        since_ago_ms: 136_000,
        rests_on: vec![
            verdict("gateway/ack-hz/eastwest", VerdictState::Lost, votes.clone()),
            verdict("session/ack-hz", VerdictState::Lost, votes),
        ],
        services: vec![service()],
        hold_down_left_ms: None,
        penalty: 1_000,
        around: Circumstances::default(),
        at: None,
    }
}

/// Answers with what stands above.
#[derive(Debug, Default)]
pub(crate) struct Fake;

#[async_trait]
impl AdminBackend for Fake {
    async fn backup(&self) -> Result<Vec<u8>, AdminError> {
        Ok(b"CWBACK".to_vec())
    }

    async fn status(&self) -> Result<StatusReport, AdminError> {
        Ok(status())
    }

    async fn clusters(&self) -> Result<Vec<ClusterRow>, AdminError> {
        Ok(status().members)
    }

    async fn services(&self, query: &ServiceQuery) -> Result<Vec<ServiceRow>, AdminError> {
        let wanted = |row: &ServiceRow| {
            query
                .namespace
                .as_ref()
                .is_none_or(|namespace| *namespace == row.service.namespace)
        };
        Ok(if query.candidates {
            Vec::new()
        } else {
            services().into_iter().filter(wanted).collect()
        })
    }

    async fn explain(
        &self,
        service: &ServiceKey,
        from: Option<&Origin>,
        at: Option<When>,
    ) -> Result<Explanation, AdminError> {
        if *service == self::service() {
            let at = at.map(moment).transpose()?;
            return Ok(Explanation {
                at,
                ..explanation(from)
            });
        }
        Err(AdminError::not_found(
            format!("{service} has no plan"),
            "export it in two members",
        ))
    }

    async fn explain_shift(
        &self,
        shift: &ShiftKey,
        at: Option<When>,
    ) -> Result<ShiftExplanation, AdminError> {
        Ok(ShiftExplanation {
            shift: shift.clone(),
            at: at.map(moment).transpose()?,
            ..self::shift()
        })
    }

    async fn explain_domain(
        &self,
        domain: &FailureDomain,
        at: Option<When>,
    ) -> Result<DomainExplanation, AdminError> {
        let known = self::subject();
        Ok(DomainExplanation {
            domain: Domain::Declared(domain.clone()),
            members: vec![known.verdict],
            services: known.services,
            around: known.around,
            cluster_time_ms: GENERATION.index,
            at: at.map(moment).transpose()?,
        })
    }

    async fn explain_subject(
        &self,
        subject: &Subject,
        at: Option<When>,
    ) -> Result<SubjectExplanation, AdminError> {
        let known = self::subject();
        if *subject == known.subject {
            let at = at.map(moment).transpose()?;
            Ok(SubjectExplanation { at, ..known })
        } else {
            Err(AdminError::not_found(
                format!("nobody votes on {subject}"),
                "see causeway clusters",
            ))
        }
    }

    async fn overrides(&self) -> Result<OverridesReport, AdminError> {
        Ok(overrides())
    }

    async fn shift(&self, asked: &Shift, by: &str) -> Result<ShiftAnswer, AdminError> {
        Ok(ShiftAnswer {
            shift: asked.key.clone(),
            requested_by: by.to_owned(),
            ..answer()
        })
    }

    async fn end_shift(&self, asked: &EndRequest, by: &str) -> Result<Done, AdminError> {
        done(format!("{} ended by {by}: {}", asked.shift, asked.reason))
    }

    async fn approve(&self, asked: &ApproveRequest, by: &str) -> Result<Done, AdminError> {
        done(format!("{} approved by {by}: {}", asked.what, asked.reason))
    }

    async fn release_brake(&self, asked: &ReleaseRequest, by: &str) -> Result<Done, AdminError> {
        done(format!("released by {by}: {}", asked.reason))
    }

    async fn readiness(&self) -> Result<ReadinessReport, AdminError> {
        Ok(readiness())
    }

    async fn simulate(&self, domain: &Domain) -> Result<SimulationReport, AdminError> {
        let known = simulation();
        if known.domain == *domain {
            return Ok(known);
        }
        Err(AdminError::not_found(
            format!("nothing would be lost with {domain}"),
            "domains are region/cn-hangzhou",
        ))
    }

    async fn replay(&self, _: Generation) -> Result<ReplayReport, AdminError> {
        Ok(replay())
    }

    async fn diff(&self, member: &MemberName) -> Result<DiffReport, AdminError> {
        match member.as_str() {
            "ack-sh" => Ok(diff(Mode::Observe)),
            _ => Err(AdminError::unavailable(
                format!("{member}: its agent is silent"),
                "see causeway clusters",
            )),
        }
    }
}
