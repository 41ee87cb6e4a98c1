//! `causeway sandbox`: from what was typed to the end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use causeway_api::verdict::Subject;
use causeway_seam::real::{self, Folder};
use causeway_seam::{Disk as _, Env};

use super::fleet::Fleet;
use super::lost::Lost;
use super::report::{Moment, Report};
use super::screen;
use super::story::{self, Tell};
use super::world::World;
use crate::args::{Output, SandboxArgs};
use crate::cli::table::Paint;
use crate::cli::{paint, print, signals};

/// The exit code of what was typed wrong.
const USAGE: u8 = 2;

/// Tells the story, and then, unless `--once`, goes on until the process is stopped.
///
/// # Errors
/// Where something cannot be started, or the fleet does not come alive.
pub async fn run(args: SandboxArgs) -> anyhow::Result<ExitCode> {
    let mut stopped = Box::pin(signals::stopped());
    let env = real::env();
    let fleet = Arc::new(Fleet::draw(args.seed, args.members, args.services)?);
    let region = fleet.largest_region();
    let region = region.map(|region| Lost::Place(Subject::Region { region }));
    let lost = args
        .lose
        .clone()
        .or(region)
        .context("the fleet has no region")?;
    if let Err(said) = lost.members(&fleet) {
        eprintln!("causeway: {said}");
        return Ok(ExitCode::from(USAGE));
    }
    let mut voice = Voice {
        json: args.output == Output::Json,
        paint: paint(),
    };
    let data = Data::make(args.data_dir.as_deref())?;
    voice.line(&screen::fleet(&fleet, voice.paint));
    let mut world = World::start(&env, &fleet, &data.path, &lost).await?;
    let ended = tokio::select! {
        biased;
        () = &mut stopped => None,
        ended = tell_and_report(&env, &mut world, &fleet, &lost, &mut voice) => Some(ended),
    };
    let ended = match ended {
        Some(Ok(report)) if !args.once => {
            let lost = report.lost.to_string();
            voice.line(&screen::invitation(
                &fleet,
                &lost,
                world.context_file(),
                voice.paint,
            ));
            stopped.await;
            voice.line("\nending");
            Some(Ok(report))
        }
        other => other,
    };
    world.stop().await;
    drop(data);
    match ended {
        // Somebody stopped it before it had come to its end: that is no failure of the fleet.
        None => Ok(ExitCode::SUCCESS),
        Some(Err(error)) => Err(error),
        Some(Ok(report)) if report.recovered && report.restored => Ok(ExitCode::SUCCESS),
        Some(Ok(_)) => Ok(ExitCode::FAILURE),
    }
}

async fn tell_and_report(
    env: &Env,
    world: &mut World,
    fleet: &Arc<Fleet>,
    lost: &Lost,
    voice: &mut Voice,
) -> anyhow::Result<Report> {
    let report = story::run(env, world, fleet.clone(), lost.clone(), voice).await?;
    if voice.json {
        let json = serde_json::to_string_pretty(&report)?;
        print(&format!("{json}\n"))?;
    } else {
        voice.line(&screen::report(&report, voice.paint));
    }
    Ok(report)
}

/// Where progress goes: to standard output, or, where that is a program's, to standard error.
struct Voice {
    json: bool,
    paint: Paint,
}

impl Voice {
    fn line(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            // Whoever closed the pipe does not want to read on; the story ends by itself.
            let _ = print(&format!("{text}\n"));
        }
    }
}

impl Tell for Voice {
    fn note(&mut self, text: &str) {
        self.line(&format!("  {text}\n"));
    }

    fn moment(&mut self, moment: &Moment) {
        self.line(&screen::moment(moment, self.paint));
    }
}

/// The folder of everything; a temporary one is removed with this.
struct Data {
    path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Data {
    fn make(given: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(path) = given {
            let folder = Folder::open(path)?;
            anyhow::ensure!(
                folder.list()?.is_empty() && !path.join("controller").exists(),
                "{} is not empty: give --data-dir a folder of its own, since each sandbox begins anew",
                path.display()
            );
            return Ok(Self {
                path: path.to_owned(),
                _temporary: None,
            });
        }
        let temporary = tempfile::Builder::new()
            .prefix("causeway-sandbox-")
            .tempdir()
            .context("no temporary folder")?;
        Ok(Self {
            path: temporary.path().to_owned(),
            _temporary: Some(temporary),
        })
    }
}
