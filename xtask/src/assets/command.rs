//! The command line: build what is missing, or list what is there.

use anyhow::bail;

use super::{
    build::build,
    cache::{Cache, State},
    progress::Progress,
    recipe::{Component, recipes},
    tools,
};

/// Arguments of `cargo xtask assets`.
#[derive(Debug, clap::Args)]
pub struct AssetsArguments {
    /// Show what is in the cache and where, and build nothing
    #[arg(long)]
    list: bool,

    /// Only this component; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Also what only `cargo xtask verify --long` needs
    #[arg(long, conflicts_with = "only")]
    long: bool,
}

/// Runs `cargo xtask assets`.
///
/// # Errors
/// If something is missing on this machine, or a build fails.
pub fn run(arguments: &AssetsArguments) -> anyhow::Result<()> {
    let components = select(recipes()?, &arguments.only, arguments.long)?;
    let cache = Cache::at_default()?;
    if arguments.list {
        for component in &components {
            println!("{}", describe(&cache, component));
        }
        return Ok(());
    }
    if lacking(&cache, &components).is_empty() {
        println!(
            "{} components are ready in {}",
            components.len(),
            cache.root().display()
        );
        return Ok(());
    }
    let mut waiting = None;
    let lock = cache.lock(|| {
        waiting
            .get_or_insert_with(|| {
                Progress::start("waiting for another run of this command".to_owned(), 700)
            })
            .tick();
    })?;
    if let Some(waiting) = waiting {
        waiting.finish("it ended");
    }
    // Looked at again: the other run may have made them all.
    let lacking = lacking(&cache, &components);
    tools::check(lacking.iter().map(|(component, _)| &component.recipe))?;
    for (component, state) in lacking {
        if let State::Damaged(how) = state {
            eprintln!(
                "{} {} will be made again: {how}",
                component.name, component.version
            );
        }
        build(&cache, &lock, component)?;
    }
    println!(
        "{} components are ready in {}",
        components.len(),
        cache.root().display()
    );
    Ok(())
}

fn lacking<'a>(cache: &Cache, components: &'a [Component]) -> Vec<(&'a Component, State)> {
    components
        .iter()
        .map(|component| (component, cache.check(component)))
        .filter(|(_, state)| !matches!(state, State::Ready(_)))
        .collect()
}

fn select(
    components: Vec<Component>,
    only: &[String],
    long: bool,
) -> anyhow::Result<Vec<Component>> {
    let known = components
        .iter()
        .map(|c| c.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let unknown = only
        .iter()
        .find(|name| components.iter().all(|c| c.name != **name));
    if let Some(name) = unknown {
        bail!("there is no component '{name}'; there are {known}");
    }
    Ok(components
        .into_iter()
        .filter(|c| match only {
            [] => long || !c.long_only,
            named => named.contains(&c.name),
        })
        .collect())
}

fn describe(cache: &Cache, component: &Component) -> String {
    let state = match cache.check(component) {
        State::Ready(bytes) if bytes < 1_000_000 => "ready, under 1 MB".to_owned(),
        State::Ready(bytes) => format!("ready, {} MB", bytes / 1_000_000),
        State::Missing => "missing".to_owned(),
        State::Damaged(how) => format!("damaged: {how}"),
    };
    format!(
        "{:<24} {:<18} {state:<18} {}",
        component.name,
        component.version,
        cache.folder(component).display()
    )
}
