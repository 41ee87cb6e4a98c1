//! What people do about traffic: `evacuate`, `restore`, `freeze`, `approve`; and what they ask first: `readiness`, `replay`.

use std::collections::BTreeSet;
use std::str::FromStr;

use causeway_api::domain::Domain;
use causeway_api::generation::Generation;
use causeway_api::ids::{Name, ServiceKey};
use causeway_api::shift::{Shift, ShiftAction, ShiftKey};
use causeway_failover::safety::Rule;
use causeway_state::brain::Approvable;
use clap::{Args, ValueEnum};

use super::operator::{Connect, ExplainTarget, Output, Render};

pub(super) const EVACUATE: &str = "Traffic leaves a member, a zone, a region, a gateway or a declared failure domain, for a \
    time. What the survivors can carry is judged first, service by service: what a safety rule refuses stays where it is, and \
    the answer names it. It beats automation, and is kept with who asked for it and why.\n\n\
    When its time is over traffic returns by the steps of failback, or with --on-expiry hold waits for a person.";

pub(super) const RESTORE: &str = "Ends evacuations of a domain, so that traffic returns to it by the steps of failback. Where \
    nobody evacuated it, traffic returns at once to what has recovered: its hold-down and its steps are over.\n\n\
    shift/NAMESPACE/NAME ends any one override. Without a name: the overrides that are in force.";

pub(super) const FREEZE: &str = "Automation stops: no plan changes but for what people do, until it is released or its time is \
    over. It moves nothing and needs no approval.\n\n\
    What is lost meanwhile is still seen and said; callers are left to what their meshes do by themselves.";

pub(super) const APPROVE: &str = "Says yes to what waits for a person: an override that needs approvals, the move of a service \
    whose policy asks first, the return of traffic to a domain, or the brake. Whoever asked for an override does not approve \
    it.\n\n\
    Without a name: what waits, each as it is to be named. The generation after the @ says which one was looked at: what has \
    changed since is refused, and looked at again.";

pub(super) const READINESS: &str = "For each failure domain: what its loss would do now. It survives, it saturates (some \
    destination is as full as policy allows), it is unproven (of some service nobody knows what it asks or carries), it \
    overloads, or it orphans services. The score is the share of the survivors' demand that would be served.";

pub(super) const REPLAY: &str = "Computes a decision again from the inputs that were stored with it, and compares the plans \
    byte for byte. A generation is what explain shows, such as 1/12/48211.";

/// A time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life(pub u64);

impl FromStr for Life {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const LEAST: u64 = 10_000;
        const MOST: u64 = 720 * 3_600_000;
        match causeway_crds::convert::milliseconds(text) {
            None => Err("give a duration such as 30m, 4h or 1h30m".to_owned()),
            Some(ms) if (LEAST..=MOST).contains(&ms) => Ok(Self(ms)),
            Some(_) => Err("give 10s to 720h; the root policy may allow less".to_owned()),
        }
    }
}

/// A duration of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval(pub u64);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match causeway_crds::convert::milliseconds(text) {
            Some(ms) if (1_000..=86_400_000).contains(&ms) => Ok(Self(ms)),
            _ => Err("give 1s to 24h, such as 90s or 5m".to_owned()),
        }
    }
}

/// A time of day, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(pub u64);

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.parse::<jiff::Timestamp>().ok();
        let ms = parsed.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        ms.map(Self).ok_or_else(|| {
            "give a date and a time with its offset, such as 2026-11-24T02:00:00Z or 2026-11-24T03:00:00+01:00".to_owned()
        })
    }
}

/// A service, as people name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceName(pub ServiceKey);

impl FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(ExplainTarget::Service(service)) => Ok(Self(service)),
            _ => Err(format!(
                "{text:?} is no service: expected NAME.NAMESPACE or NAMESPACE/NAME"
            )),
        }
    }
}

/// Which services an override is about.
#[derive(Debug, Clone, Default, Args)]
pub struct Scope {
    /// Only this service, as NAME.NAMESPACE; may be given several times, of one namespace
    #[arg(long = "service", value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// Only the services of this namespace; default: all services
    #[arg(short, long, value_name = "NAME", conflicts_with = "services")]
    pub namespace: Option<Name>,
}

impl Scope {
    /// Namespace and targets of the override.
    ///
    /// # Errors
    /// Where services of several namespaces are named.
    pub fn resolve(&self) -> Result<(Name, BTreeSet<ServiceKey>), String> {
        let targets: BTreeSet<ServiceKey> =
            self.services.iter().map(|name| name.0.clone()).collect();
        let namespaces: BTreeSet<&Name> = targets.iter().map(|key| &key.namespace).collect();
        if namespaces.len() > 1 {
            let names: Vec<&str> = namespaces.iter().map(|name| name.as_str()).collect();
            return Err(format!(
                "the services are of several namespaces ({}): an override is of one, so ask once for each",
                names.join(", ")
            ));
        }
        let named = namespaces.into_iter().next().cloned();
        let root = || Name::new(causeway_api::spec::defaults::ROOT_NAMESPACE);
        let namespace = match named.or_else(|| self.namespace.clone()) {
            Some(namespace) => namespace,
            None => root().map_err(|error| error.to_string())?,
        };
        Ok((namespace, targets))
    }

    /// An override of these services, with a name made of what it does unless one is given.
    ///
    /// # Errors
    /// Where services of several namespaces are named, or no name can be made.
    pub fn shift(
        &self,
        action: ShiftAction,
        name: Option<&Name>,
        life: Life,
        reason: &str,
    ) -> Result<Shift, String> {
        let (namespace, targets) = self.resolve()?;
        let name = match name {
            Some(name) => name.clone(),
            None => Shift::name_of(&action, &targets)
                .map_err(|error| format!("{error}: give one with --name"))?,
        };
        Ok(Shift {
            targets,
            ..Shift::new(ShiftKey { namespace, name }, action, life.0, reason)
        })
    }
}

/// What happens when an override's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Expiry {
    /// Traffic returns by the steps of failback
    Restore,
    /// It stays until a person decides; causeway status says that it waits
    Hold,
}

/// `causeway evacuate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 done in part: a safety rule refused it for some services\n\n\
                  Examples:\n  \
                  causeway evacuate member/ack-hangzhou --for 4h --reason 'kernel update' --dry-run\n  \
                  causeway evacuate member/ack-hangzhou --for 4h --reason 'kernel update'\n  \
                  causeway evacuate region/cn-hangzhou --for 2h --reason CHG-1093 --steps 25,50,100 --every 5m\n  \
                  causeway evacuate member/ack-hangzhou --for 4h --reason CHG-1093 --approvals 1 \\\n      \
                  --start 2026-11-24T02:00:00Z\n  \
                  causeway evacuate zone/eu/a --service checkout.shop --for 30m --reason 'odd errors' --now"
)]
pub struct EvacuateArgs {
    /// What is left: region/NAME, zone/REGION/ZONE, member/NAME, gateway/MEMBER/NAME or domain/NAME
    #[arg(value_name = "DOMAIN")]
    pub domain: Domain,
    /// For how long, such as 30m or 4h
    #[arg(long = "for", value_name = "DURATION")]
    pub life: Life,
    /// Why: whoever is woken by it will ask
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Which services.
    #[command(flatten)]
    pub scope: Scope,
    /// Say what would happen, as it would be judged, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// It begins at this time, such as 2026-11-24T02:00:00Z, by the clock of the replica that leads; approvals may be given before
    #[arg(long, value_name = "TIME")]
    pub start: Option<TimeOfDay>,
    /// It ends at this time, unless --for is over before
    #[arg(long, value_name = "TIME")]
    pub end: Option<TimeOfDay>,
    /// At once, without steps; safety rules bind all the same
    #[arg(long, conflicts_with_all = ["steps", "every"])]
    pub now: bool,
    /// Steps in percent of what is to leave, rising, the last 100
    #[arg(long, value_name = "PERCENT,...", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=100))]
    pub steps: Vec<u8>,
    /// How long each step is watched
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub every: Interval,
    /// What happens when the time is over
    #[arg(long, value_enum, default_value_t = Expiry::Restore)]
    pub on_expiry: Expiry,
    /// How many others must approve it before it takes effect
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=9))]
    pub approvals: u32,
    /// A safety rule that it overrides, such as Headroom; needs an approval
    #[arg(long = "override", value_name = "RULE")]
    pub rules: Vec<Rule>,
    /// A reference into a system of change requests
    #[arg(long, value_name = "TEXT")]
    pub ticket: Option<String>,
    /// The name of the override; default: made of what it does
    #[arg(long, value_name = "NAME")]
    pub name: Option<Name>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// What is restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreTarget {
    /// A domain.
    Domain(Domain),
    /// One override.
    Shift(ShiftKey),
}

impl FromStr for RestoreTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(key) = text.strip_prefix("shift/") {
            return key
                .parse()
                .map(Self::Shift)
                .map_err(|_| format!("{text:?}: expected shift/NAMESPACE/NAME"));
        }
        text.parse().map(Self::Domain).map_err(|_| {
            format!(
                "{text:?} is nothing to return to: expected region/NAME, zone/REGION/ZONE, member/NAME, gateway/MEMBER/NAME, \
                 domain/NAME, or shift/NAMESPACE/NAME"
            )
        })
    }
}

/// `causeway restore`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 done in part\n\n\
                  Examples:\n  \
                  causeway restore                                        the overrides that are in force\n  \
                  causeway restore member/ack-hangzhou --reason 'update done'\n  \
                  causeway restore region/eu --reason 'checked by hand'   it recovered: don't wait for its hold-down\n  \
                  causeway restore shift/causeway-system/freeze --reason 'all clear'"
)]
pub struct RestoreArgs {
    /// A domain, or shift/NAMESPACE/NAME; without it: the overrides that are in force
    #[arg(value_name = "WHAT")]
    pub target: Option<RestoreTarget>,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "target")]
    pub reason: Option<String>,
    /// Which services.
    #[command(flatten)]
    pub scope: Scope,
    /// Say what would happen, and change nothing
    #[arg(long, requires = "target")]
    pub dry_run: bool,
    /// For how long a restoration stays on record, where nobody had evacuated the domain
    #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
    pub life: Life,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway freeze`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                        causeway freeze                                     everything, for an hour\n  \
                        causeway freeze --for 4h --reason 'load test'\n  \
                        causeway freeze --service checkout.shop --for 30m --reason 'migration'\n  \
                        causeway freeze --release --reason 'all clear'")]
pub struct FreezeArgs {
    /// For how long
    #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
    pub life: Life,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "no reason was given")]
    pub reason: String,
    /// Which services.
    #[command(flatten)]
    pub scope: Scope,
    /// End the freezes of these services
    #[arg(long)]
    pub release: bool,
    /// A reference into a system of change requests
    #[arg(long, value_name = "TEXT")]
    pub ticket: Option<String>,
    /// The name of the override; default: made of what it does
    #[arg(long, value_name = "NAME")]
    pub name: Option<Name>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// What is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApproveTarget {
    /// What waits, and the generation of what was looked at.
    Waiting(Approvable, Option<Generation>),
    /// That the brake is released, which was pulled at this generation.
    Brake(Generation),
}

impl FromStr for ApproveTarget {
    type Err = String;

    fn from_str(whole: &str) -> Result<Self, String> {
        let (text, seen) = match whole.split_once('@') {
            Some((text, seen)) => {
                let seen = seen.parse::<Generation>();
                (
                    text,
                    Some(seen.map_err(|error| format!("{whole:?}: {error}"))?),
                )
            }
            None => (whole, None),
        };
        let which = || {
            format!(
                "which {text:?} was looked at? Run causeway approve without a name: it shows what waits, each with its generation, \
                 such as {text}@1/12/48211"
            )
        };
        if text == "brake" {
            return seen.map(Self::Brake).ok_or_else(which);
        }
        if let Some(key) = text.strip_prefix("shift/") {
            let key = key.parse();
            return key
                .map(|key| Self::Waiting(Approvable::Shift(key), seen))
                .map_err(|_| format!("{text:?}: expected shift/NAMESPACE/NAME"));
        }
        if let Ok(domain) = text.parse() {
            let service = None;
            let what = Approvable::Failback { domain, service };
            return match seen {
                None => Ok(Self::Waiting(what, None)),
                Some(_) => Err(format!(
                    "{whole:?}: the return to a domain has no generation; name the domain alone"
                )),
            };
        }
        match text.parse::<ServiceName>() {
            Ok(ServiceName(_)) if seen.is_none() => Err(which()),
            Ok(ServiceName(service)) => Ok(Self::Waiting(Approvable::Plan(service), seen)),
            Err(_) => Err(format!(
                "{text:?} is nothing that can be approved: expected shift/NAMESPACE/NAME, a service as NAME.NAMESPACE, a domain \
                 such as region/NAME, or brake"
            )),
        }
    }
}

/// `causeway approve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
                  causeway approve                                      what waits\n  \
                  causeway approve shift/shop/move-checkout@1/12/48377 --reason 'checked CHG-1093'\n  \
                  causeway approve ledger.pay@1/12/48211 --reason 'replica promoted'\n  \
                  causeway approve region/eu --reason 'it is stable'    its traffic returns\n  \
                  causeway approve brake@1/12/48212 --reason 'two regions are truly lost'")]
pub struct ApproveArgs {
    /// shift/NAMESPACE/NAME, SERVICE@GENERATION, a domain, or brake@GENERATION; without it: what waits
    #[arg(value_name = "WHAT")]
    pub target: Option<ApproveTarget>,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "target")]
    pub reason: Option<String>,
    /// Of the return to a domain: only this service, as NAME.NAMESPACE
    #[arg(long, value_name = "SERVICE", requires = "target")]
    pub service: Option<ServiceName>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway readiness`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 every loss is survived, 1 failure, 2 usage, 3 some loss overloads or orphans a service\n\n\
                  Examples:\n  causeway readiness\n  causeway readiness -o wide\n  \
                  causeway readiness -o json | jq '.domains[] | select(.score < 90)'"
)]
pub struct ReadinessArgs {
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway replay`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 identical, 1 not identical, not there, or failure, 2 usage\n\n\
                  Examples:\n  causeway replay 1/12/48211\n  causeway replay 1/12/48211 -o json"
)]
pub struct ReplayArgs {
    /// The decision, as incarnation/term/index
    #[arg(value_name = "GENERATION")]
    pub generation: Generation,
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}
