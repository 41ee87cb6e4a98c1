//! What the help says, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use clap::{CommandFactory, Parser};

use super::{Cli, Command, ExplainTarget};

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

/// The help of each subcommand, as a stranger reads it. A change here is a change of the product.
#[test]
fn help() {
    for words in [
        "",
        "sandbox",
        "observe",
        "controller",
        "agent",
        "status",
        "clusters",
        "services",
        "explain",
        "diff",
        "simulate",
        "readiness",
        "evacuate",
        "restore",
        "freeze",
        "approve",
        "replay",
        "backup",
        "backup create",
        "backup show",
        "backup restore",
        "replica",
        "replica list",
        "replica add",
        "replica remove",
        "replica transfer",
        "replica inspect",
        "replica recover",
        "certs",
        "certs init",
        "certs replica",
        "certs agent",
        "certs operator",
        "completion",
        "version",
    ] {
        let mut command = Cli::command().term_width(100);
        command.build();
        for word in words.split_whitespace() {
            command = command.find_subcommand(word).unwrap().clone();
        }
        let help = command.term_width(100).render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(format!("help_{}", words.replace(' ', "_")), help.join("\n"));
    }
}

#[test]
fn every_command_shows_an_example() {
    for command in Cli::command()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let examples = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(examples.contains("Example"), "{}", command.get_name());
    }
}

#[test]
fn the_reference_names_every_command() {
    let reference = crate::cli::reference();
    for name in [
        "`causeway sandbox`",
        "`causeway certs operator`",
        "`causeway explain`",
    ] {
        assert!(reference.contains(name), "{name}");
    }
}

#[test]
fn targets_of_explain() {
    let service = |text: &str| matches!(text.parse(), Ok(ExplainTarget::Service(key)) if key.to_string() == "shop/cart");
    for text in [
        "cart.shop",
        "shop/cart",
        "svc/shop/cart",
        "cart.shop.svc.cluster.local",
    ] {
        assert!(service(text), "{text}");
    }
    for text in [
        "region/r1",
        "zone/r1/z1",
        "member/ack",
        "gateway/ack/eastwest",
        "session/ack",
    ] {
        assert!(
            matches!(text.parse(), Ok(ExplainTarget::Subject(subject)) if subject.to_string() == text),
            "{text}"
        );
    }
    assert!(
        matches!("domain/power-b".parse(), Ok(ExplainTarget::Domain(name)) if name.as_str() == "power-b")
    );
    assert!(
        matches!("svc/domain/power-b".parse(), Ok(ExplainTarget::Service(key)) if key.to_string() == "domain/power-b")
    );
    assert!("domain/a/b".parse::<ExplainTarget>().is_err());
    for text in ["", "cart", "a/b/c/d", "Cart.shop", "/"] {
        assert!(
            text.parse::<ExplainTarget>()
                .unwrap_err()
                .contains("NAME.NAMESPACE"),
            "{text}"
        );
    }
}

#[test]
fn lists_and_addresses() {
    const TLS: [&str; 6] = ["--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"];
    let agent = |controllers: &str| {
        let words = [
            "causeway",
            "agent",
            "--member",
            "ack",
            "--controllers",
            controllers,
        ];
        Cli::try_parse_from(words.into_iter().chain(TLS))
    };
    match agent("a.example:7443,[::1]:7443").unwrap().command {
        Command::Agent(args) => assert_eq!(args.controllers, ["a.example:7443", "[::1]:7443"]),
        other => panic!("{other:?}"),
    }
    for bad in ["a.example", "::1:7443", "a:0", "https://a:1", ":1", "a b:1"] {
        let error = agent(bad).unwrap_err().to_string();
        assert!(error.contains("host:port"), "{bad}: {error}");
    }
    let member = Cli::try_parse_from(["causeway", "diff", "No_Member"])
        .unwrap_err()
        .to_string();
    assert!(member.contains("member name"), "{member}");
}

#[test]
fn what_can_be_lost() {
    for (text, subject) in [
        ("r1", "region/r1"),
        ("region/r1", "region/r1"),
        ("zone/r1/z", "zone/r1/z"),
        ("member/a", "member/a"),
    ] {
        assert_eq!(
            super::observe::lost_domain(text).unwrap().to_string(),
            subject
        );
    }
    for bad in ["", "gateway/a/b", "session/a", "planet/earth"] {
        assert!(super::observe::lost_domain(bad).is_err(), "{bad}");
    }
}
