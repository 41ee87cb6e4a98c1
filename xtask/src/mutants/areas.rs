//! Which code is tried, and which tests must notice: few and fast ones, since they are built and run for each mutant.

/// Code that decides one thing.
pub(super) struct Area {
    /// Its name.
    pub(super) name: &'static str,
    /// What it decides.
    pub(super) about: &'static str,
    /// The files, from the root.
    pub(super) files: &'static [&'static str],
    /// The packages that they belong to.
    pub(super) packages: &'static [&'static str],
    /// The packages whose tests must notice.
    pub(super) tested_by: &'static [&'static str],
    /// Which of their integration tests, besides the tests of the libraries.
    pub(super) tests: &'static [&'static str],
}

const FAILOVER: &[&str] = &["causeway-failover"];
const STATE: &[&str] = &["causeway-state"];

/// All areas, what moves traffic first.
pub(super) const ALL: &[Area] = &[
    Area {
        name: "verdicts",
        about: "from votes to verdicts",
        files: &["failover/src/verdict/**"],
        packages: FAILOVER,
        tested_by: FAILOVER,
        tests: &[
            "incremental",
            "verdict_edges",
            "verdict_rules",
            "verdicts",
            "vote_book",
        ],
    },
    Area {
        name: "safety",
        about: "the safety rules",
        files: &["failover/src/safety/**"],
        packages: FAILOVER,
        tested_by: FAILOVER,
        tests: &["safety"],
    },
    Area {
        name: "failback",
        about: "how traffic returns",
        files: &["storage/state/src/apply/ramps.rs"],
        packages: STATE,
        tested_by: STATE,
        tests: &["safety"],
    },
    Area {
        name: "judging",
        about: "where plans and approvals are judged",
        files: &[
            "storage/state/src/apply/approve.rs",
            "storage/state/src/apply/brake.rs",
            "storage/state/src/apply/judge.rs",
            "storage/state/src/apply/pending.rs",
            "storage/state/src/apply/safety.rs",
            "storage/state/src/apply/waits.rs",
        ],
        packages: STATE,
        tested_by: STATE,
        tests: &["plans", "safety"],
    },
    Area {
        name: "aside",
        about: "how a person moves one thing while a loss waits for a person",
        files: &["storage/state/src/apply/aside.rs"],
        packages: STATE,
        tested_by: STATE,
        tests: &["safety"],
    },
    Area {
        name: "overrides",
        about: "how people's overrides begin, bind and end",
        files: &[
            "storage/state/src/apply/shifts.rs",
            "storage/state/src/apply/shifts/**",
        ],
        packages: STATE,
        tested_by: STATE,
        tests: &["safety", "shift_owners"],
    },
    Area {
        name: "plans",
        about: "the planner, and what services share",
        files: &["failover/src/plan/**", "failover/src/allot/**"],
        packages: FAILOVER,
        tested_by: FAILOVER,
        tests: &[
            "allotments",
            "cost",
            "golden",
            "plan_edges",
            "properties",
            "stability",
        ],
    },
    Area {
        name: "checker",
        about: "the checker of plans",
        files: &["failover/src/checker/**"],
        packages: FAILOVER,
        tested_by: FAILOVER,
        tests: &["checker", "checker_edges", "golden", "properties"],
    },
];
