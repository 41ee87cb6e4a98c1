//! How many cases a property is tried with.

use proptest::test_runner::Config;

/// So many; where `PROPTEST_CASES` is set, as many as it says: more in a long run, fewer where the tests are run over and
/// over, as for mutants.
pub(crate) fn cases(usual: u32) -> Config {
    let said = std::env::var_os("PROPTEST_CASES").is_some();
    let config = Config::default();
    Config {
        cases: if said { config.cases } else { usual },
        failure_persistence: None,
        ..config
    }
}
