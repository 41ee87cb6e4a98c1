//! `causeway registry`.

use causeway_api::registry::ObjectKey;
use clap::{Args, Subcommand};

use super::operator::{Connect, Output, Render};

/// What `--help` says at length.
pub(crate) const LONG_ABOUT: &str = "MemberClusters, FailoverPolicies and TrafficShifts may be declared in any host cluster that a \
                  controller replica stands in. One host owns each of them; every other host has a mirror, with the annotation \
                  causeway.dev/owner-host, so that the registry outlives any of them.\n\n\
                  An edit of a mirror is shown in its condition and not applied: edit the object in the host that owns it, or \
                  move it to this one. An override that a verb made has no host, and is not listed here: see causeway restore.";

/// Who owns which declaration.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  causeway registry list\n  \
                        causeway registry move MemberCluster ack-hangzhou --to eu-1\n  \
                        causeway registry confirm MemberCluster ack-hangzhou")]
pub struct RegistryArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RegistryCommand,
}

/// The verbs.
#[derive(Debug, Clone, Subcommand)]
pub enum RegistryCommand {
    /// The declarations: who owns each, whether it is leaving, what stands in the host of the replica that answers
    #[command(after_help = "Examples:\n  causeway registry list\n  causeway registry list -o json")]
    List(RegistryListArgs),
    /// Make another host the owner of a declaration, also where the one that owned it is gone
    #[command(
        after_help = "What stands in that host is put in force; where it has no such object, it gets one.\n\n\
                            Examples:\n  \
                            causeway registry move MemberCluster ack-hangzhou --to eu-1\n  \
                            causeway registry move fop shop/checkout --to 6f2e0c1e-0000-4000-8000-000000000042"
    )]
    Move(RegistryMoveArgs),
    /// Confirm that a declaration is to go, where its deletion is held back
    #[command(
        after_help = "Several members that are deleted at once stay in force until each is confirmed; so does what went \
                            with its host, its definition or a restore from a backup.\n\n\
                            Examples:\n  causeway registry confirm MemberCluster ack-hangzhou"
    )]
    Confirm(RegistryConfirmArgs),
}

/// Which declaration.
#[derive(Debug, Clone, Args)]
pub struct ObjectArgs {
    /// MemberCluster (mcl), FailoverPolicy (fop) or TrafficShift (tsh)
    #[arg(value_name = "KIND")]
    pub kind: String,
    /// Its name; of a FailoverPolicy or a TrafficShift, NAMESPACE/NAME
    #[arg(value_name = "NAME")]
    pub name: String,
}

impl ObjectArgs {
    /// The object.
    ///
    /// # Errors
    /// Where there is no such kind, or no such name.
    pub fn key(&self) -> Result<ObjectKey, causeway_api::text::TextError> {
        ObjectKey::of(&self.kind, &self.name)
    }
}

/// `causeway registry list`.
#[derive(Debug, Clone, Args)]
pub struct RegistryListArgs {
    /// How to print.
    #[command(flatten)]
    pub render: Render,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway registry move`.
#[derive(Debug, Clone, Args)]
pub struct RegistryMoveArgs {
    /// Which.
    #[command(flatten)]
    pub object: ObjectArgs,
    /// The host that is to own it, by its name or the UID of its kube-system namespace
    #[arg(long, value_name = "HOST")]
    pub to: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}

/// `causeway registry confirm`.
#[derive(Debug, Clone, Args)]
pub struct RegistryConfirmArgs {
    /// Which.
    #[command(flatten)]
    pub object: ObjectArgs,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Whom to ask.
    #[command(flatten)]
    pub connect: Connect,
}
