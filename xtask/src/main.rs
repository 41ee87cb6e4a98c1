//! Development tasks of this repository: `cargo xtask --help`.

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks of this repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build or fetch the real components that end-to-end tests and benchmarks run against
    Assets(xtask::assets::AssetsArguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Assets(arguments) => xtask::assets::run(&arguments),
    }
}
