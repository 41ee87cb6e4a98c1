//! A model of what proxies do with the objects that are really there: no request is sent, each share is computed.
//!
//! Values in, values out. The stages, in call order:
//!
//! 1. [`objects`]: a member's objects as its API server holds them → what concerns us of them;
//! 2. [`istiod`]: one service, one proxy's place → the endpoints with priorities and locality weights that istiod gives it;
//! 3. [`envoy`]: those → the share of each endpoint, by Envoy's documented load balancing;
//! 4. [`traffic`]: the shares of all callers × what they ask → requests by source and destination, load of each cluster.
//!
//! What is not modelled, and how that is counted, is said in [`ASSUMPTIONS`], which every report carries.

pub mod envoy;
pub mod istiod;
pub mod objects;
pub mod place;
pub mod traffic;

/// What the model takes for granted.
pub const ASSUMPTIONS: [&str; 6] = [
    "shares follow Envoy's documented arithmetic: priorities with 140 % overprovisioning, weights of localities",
    "they are computed from the Istio objects that are in each cluster's API, every 10 ms; proxies are taken to follow \
     them at once, where istiod needs 0.1 to 0.3 s more",
    "no outlier ejection and no retries, which would save some of the requests that are counted as failed",
    "a request that is sent into the lost part fails, after its connect timeout",
    "a gateway spreads what arrives evenly over the ready endpoints behind it",
    "callers inside the lost part ask nothing while it is lost",
];
