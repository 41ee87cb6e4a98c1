//! The verbs that ask a running replica: `status`, `clusters`, `services`, `explain`, `diff`.

use std::path::PathBuf;
use std::str::FromStr;

use causeway_api::ids::{FailureDomain, MemberName, Name, ServiceKey};
use causeway_api::shift::ShiftKey;
use causeway_api::verdict::Subject;
use clap::{Args, ValueEnum};

use crate::admin::api::{Origin, When};

/// How to reach the admin API.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connect {
    /// File with the controller's address and your certificate; default: ~/.config/causeway/context.yaml
    #[arg(
        long,
        value_name = "FILE",
        env = "CAUSEWAY_CONTEXT",
        hide_env_values = true
    )]
    pub context_file: Option<PathBuf>,
    /// What the answer promises: what the replica that is asked has (local, needs no quorum), or all that was decided before
    #[arg(long, value_enum, default_value_t = Consistency::Local)]
    pub consistency: Consistency,
}

/// What an answer promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Consistency {
    /// What the replica has, which may be behind; shown with its age
    #[default]
    Local,
    /// All that was decided, as long as clocks run at nearly one speed
    Lease,
    /// All that was decided, confirmed by a majority
    Linearizable,
}

/// How to print an answer.
#[derive(Debug, Clone, Args)]
pub struct Render {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Ask again every two seconds, and print what changed, until Ctrl-C
    #[arg(short, long)]
    pub watch: bool,
}

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table for people
    Table,
    /// A table with more columns
    Wide,
    /// JSON for programs
    Json,
}

/// `causeway status`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 fine, 1 failure, 2 usage, 3 attention, 4 incident, 5 no quorum\n\n\
                        Examples:\n  causeway status\n  causeway status --watch\n  causeway status -o json | jq .severity"
)]
pub struct StatusArgs {
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway clusters`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  causeway clusters\n  causeway clusters -o wide\n  causeway clusters --watch"
)]
pub struct ClustersArgs {
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway services`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  causeway services\n  causeway services -n shop -o wide\n  \
                        causeway services --candidates    those in several clusters that nobody exports yet"
)]
pub struct ServicesArgs {
    /// Show only this namespace
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<Name>,
    /// Show the services that exist in several clusters and are not exported yet
    #[arg(long)]
    pub candidates: bool,
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway explain`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                        causeway explain checkout.shop                        where its callers are sent, and why\n  \
                        causeway explain checkout.shop --from ack-hangzhou    only the callers in one cluster\n  \
                        causeway explain region/cn-hangzhou                   who voted what, and what it led to\n  \
                        causeway explain gateway/ack-hangzhou/eastwest\n  \
                        causeway explain shift/causeway-system/evacuate-member-ack   what an override does, and who agreed\n  \
                        causeway explain checkout.shop --at 1/12/48211        as it was right after that decision\n\n\
                        --at reaches as far back as the log of the replica that is asked: some thousand decisions. Its time is \
                        cluster time, which stands still while nothing is pending.")]
pub struct ExplainArgs {
    /// A service, as NAME.NAMESPACE or NAMESPACE/NAME; or region/NAME, zone/REGION/ZONE, member/NAME,
    /// gateway/MEMBER/NAME, domain/NAME, session/MEMBER, shift/NAMESPACE/NAME
    #[arg(value_name = "WHAT")]
    pub target: ExplainTarget,
    /// Only callers there: MEMBER, MEMBER/ZONE or REGION
    #[arg(long, value_name = "WHERE")]
    pub from: Option<Origin>,
    /// As it was: right after a decision, such as 1/12/48211, or so long ago in cluster time, such as 90s
    #[arg(long, value_name = "WHEN", conflicts_with = "watch")]
    pub at: Option<When>,
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway diff`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                        causeway diff ack-hangzhou            what would be created, changed and deleted\n  \
                        causeway diff ack-hangzhou -o wide    with each object whole\n  \
                        causeway diff ack-hangzhou -o json")]
pub struct DiffArgs {
    /// The cluster
    #[arg(value_name = "MEMBER")]
    pub member: MemberName,
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// What can be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainTarget {
    /// A service's plan.
    Service(ServiceKey),
    /// A verdict.
    Subject(Subject),
    /// A domain that members declare, on which nobody votes.
    Domain(FailureDomain),
    /// An override.
    Shift(ShiftKey),
}

impl FromStr for ExplainTarget {
    type Err = String;

    /// `NAME.NAMESPACE` and `svc/NAMESPACE/NAME` are services without doubt; `KIND/…` is a subject where KIND is one of
    /// a subject's kinds; else `NAMESPACE/NAME` is a service.
    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "{text:?} is nothing that can be explained: expected NAME.NAMESPACE or NAMESPACE/NAME for a service, else \
                 region/NAME, zone/REGION/ZONE, member/NAME, gateway/MEMBER/NAME, domain/NAME, session/MEMBER or \
                 shift/NAMESPACE/NAME"
            )
        };
        if let Some((namespace, name)) = text
            .strip_prefix("svc/")
            .and_then(|rest| rest.split_once('/'))
        {
            return ServiceKey::new(namespace, name)
                .map(Self::Service)
                .map_err(|_| error());
        }
        if let Some(name) = text.strip_prefix("domain/") {
            let name = FailureDomain::new(name).map(Self::Domain);
            return name.map_err(|_| format!("{text:?}: expected domain/NAME"));
        }
        if let Some(key) = text.strip_prefix("shift/") {
            let key = key.parse().map(Self::Shift);
            return key.map_err(|_| format!("{text:?}: expected shift/NAMESPACE/NAME"));
        }
        if text.contains('/') {
            let subject = text.parse::<Subject>().map(Self::Subject);
            return subject
                .or_else(|_| text.parse::<ServiceKey>().map(Self::Service))
                .map_err(|_| error());
        }
        let (name, namespace) = text.split_once('.').ok_or_else(error)?;
        // What people paste from a URL: checkout.shop.svc.cluster.local.
        let namespace = namespace.split('.').next().unwrap_or(namespace);
        ServiceKey::new(namespace, name)
            .map(Self::Service)
            .map_err(|_| error())
    }
}
