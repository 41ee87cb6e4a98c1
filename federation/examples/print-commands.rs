//! Prints the reference of all commands behind a line that names its file.
//! `cargo xtask generate` writes it into `docs/reference/cli`.

fn main() {
    println!("%% file: commands.md");
    println!("<!-- Made by `cargo xtask generate` from federation/src/args: edit those. -->");
    println!();
    print!("{}", causeway::cli::reference());
}
