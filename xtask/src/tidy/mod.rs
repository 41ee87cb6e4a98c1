//! `cargo xtask tidy`: checks of style and structure, one rule a file.
//!
//! A rule takes values (the tree's texts, what Cargo says of the workspace) and returns findings, so
//! that each is tested without a checkout:
//!
//! - of Rust files: [`declared`], [`headers`], [`sizes`], [`seam`]
//! - of every text: [`machines`], [`marks`]
//! - of documents: [`links`], [`orphans`]
//! - of crates: [`purity`], [`banned`], [`licences`], [`lints`]
//!
//! [`tree`] reads the checkout; [`code`] blanks out comments, strings and tests; [`paths`] lists the
//! paths that code names; [`graph`] holds the dependency graph.

use anyhow::{Result, bail};

use crate::shell;

mod banned;
mod code;
mod declared;
mod graph;
mod headers;
mod licences;
mod links;
mod lints;
mod machines;
mod marks;
mod orphans;
mod paths;
mod purity;
mod seam;
mod sizes;
mod tree;

/// `cargo xtask tidy`
#[derive(clap::Args)]
pub(crate) struct Args {}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file, relative to the root, with `/` between folders; or the crate.
    pub(crate) place: String,
    /// The line, counted from 1, where there is one.
    pub(crate) line: Option<usize>,
    /// What is wrong, and what to do about it.
    pub(crate) message: String,
}

impl Finding {
    /// A finding about a whole file or crate.
    pub(crate) fn of(place: &str, message: impl Into<String>) -> Self {
        Self {
            place: place.to_owned(),
            line: None,
            message: message.into(),
        }
    }

    /// A finding about one line of a file.
    pub(crate) fn at(place: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            place: place.to_owned(),
            line: Some(line),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.place, self.message),
            None => write!(f, "{}: {}", self.place, self.message),
        }
    }
}

/// Runs every rule over the checkout and prints what they found.
///
/// # Errors
/// When a rule found something, or the checkout can't be read.
pub(crate) fn run(_args: &Args) -> Result<()> {
    let tree = tree::Tree::of_checkout(&shell::root())?;
    let graph = graph::Graph::from_metadata(&shell::metadata(false)?)?;

    let rules: Vec<(&str, Vec<Finding>)> = vec![
        ("every Rust file is declared", declared::check(&tree)),
        ("every module says what it is", headers::check(&tree)),
        ("no file is too long", sizes::check(&tree)),
        ("the seam is the only way out", seam::check(&tree)),
        ("nothing names a machine", machines::check(&tree)),
        ("no unfinished marks", marks::check(&tree)),
        ("links lead somewhere", links::check(&tree)),
        ("every page can be found", orphans::check(&tree)),
        ("pure crates stay pure", purity::check(&graph)),
        ("no banned crate", banned::check(&tree)),
        ("licences are allowed", licences::check(&graph)),
        ("lints are inherited", lints::check(&tree)),
    ];

    let mut total = 0;
    for (name, findings) in &rules {
        let verdict = if findings.is_empty() { "ok" } else { "NOT OK" };
        println!("{name:<30} {verdict}");
        for finding in findings {
            println!("    {finding}");
        }
        total += findings.len();
    }
    println!("\n{}", sizes::report(&tree));
    if total > 0 {
        bail!("{total} findings");
    }
    Ok(())
}
