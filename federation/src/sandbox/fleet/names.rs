//! What regions, clusters and services of the sandbox are called.

use causeway_api::ids::{MemberName, NameError, Region, ServiceKey, Zone};

/// Regions, in the order in which clusters are dealt out.
const REGIONS: [&str; 3] = ["eu-west", "us-east", "ap-south"];
const ZONES: [&str; 3] = ["a", "b", "c"];

/// Namespace and name.
const SERVICES: [(&str, &str); 24] = [
    ("shop", "checkout"),
    ("shop", "cart"),
    ("shop", "catalog"),
    ("shop", "search"),
    ("pay", "payments"),
    ("pay", "invoices"),
    ("web", "frontend"),
    ("web", "sessions"),
    ("shop", "pricing"),
    ("shop", "stock"),
    ("web", "media"),
    ("pay", "fraud"),
    ("shop", "orders"),
    ("shop", "reviews"),
    ("web", "login"),
    ("web", "profiles"),
    ("pay", "refunds"),
    ("pay", "ledger"),
    ("shop", "shipping"),
    ("shop", "returns"),
    ("web", "banners"),
    ("web", "feeds"),
    ("pay", "rates"),
    ("pay", "wallets"),
];

/// The region of the cluster `at`: they are dealt out in turn.
///
/// # Errors
/// Never for the names above.
pub(crate) fn region(at: usize) -> Result<Region, NameError> {
    Region::new(
        REGIONS
            .get(at % REGIONS.len())
            .copied()
            .unwrap_or("eu-west"),
    )
}

/// A region's cluster by its number, from 1.
///
/// # Errors
/// Never for the names above.
pub(crate) fn member(region: &Region, number: usize) -> Result<MemberName, NameError> {
    MemberName::new(&format!("{region}-{number}"))
}

/// The zones of a region's cluster: every other cluster spans two.
///
/// # Errors
/// Never for the names above.
pub(crate) fn zones(number: usize) -> Result<Vec<Zone>, NameError> {
    let zone = |at: usize| Zone::new(ZONES.get(at % ZONES.len()).copied().unwrap_or("a"));
    if number % 2 == 1 {
        Ok(vec![zone(number - 1)?, zone(number)?])
    } else {
        Ok(vec![zone(number)?])
    }
}

/// The service `at`; those beyond the catalogue carry a number.
///
/// # Errors
/// Never for the names above.
pub(crate) fn service(at: usize) -> Result<ServiceKey, NameError> {
    let (namespace, name) = SERVICES
        .get(at % SERVICES.len())
        .copied()
        .unwrap_or(("shop", "checkout"));
    match at / SERVICES.len() {
        0 => ServiceKey::new(namespace, name),
        round => ServiceKey::new(namespace, &format!("{name}-{}", round + 1)),
    }
}
