//! Region, zone and subzone, as Istio writes and compares them.

use std::fmt;

/// A locality, as an Envoy node or endpoint carries it; an unknown part is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The region.
    pub region: String,
    /// The zone.
    pub zone: String,
    /// The subzone.
    pub subzone: String,
}

impl Place {
    /// From region and zone.
    #[must_use]
    pub fn new(region: &str, zone: &str) -> Self {
        Self {
            region: region.to_owned(),
            zone: zone.to_owned(),
            subzone: String::new(),
        }
    }

    /// From `region/zone/subzone`, as in a WorkloadEntry; later parts may be missing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            region: next(),
            zone: next(),
            subzone: next(),
        }
    }

    /// Whether a pattern of a DestinationRule (`region/*`, `region/zone/*`, `*`) covers it. A part that is left out of
    /// the pattern covers everything, as a star does.
    #[must_use]
    pub fn is_covered_by(&self, pattern: &str) -> bool {
        let pattern = Self::parse(pattern);
        let covers = |part: &str, own: &str| part == "*" || part == own;
        covers(&pattern.region, &self.region)
            && (pattern.zone.is_empty() || covers(&pattern.zone, &self.zone))
            && (pattern.subzone.is_empty() || covers(&pattern.subzone, &self.subzone))
    }

    /// How far an endpoint is from a proxy here: 0 the same place, 1 the same zone, 2 the same region, 3 elsewhere
    /// (Istio's locality load balancing; priorities are made of it).
    #[must_use]
    pub fn distance(&self, endpoint: &Self) -> u32 {
        if self.region != endpoint.region {
            3
        } else if self.zone != endpoint.zone {
            2
        } else if self.subzone != endpoint.subzone {
            1
        } else {
            0
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.region, self.zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_from_the_left() {
        let place = Place::parse("r1/z1/s1");
        for pattern in ["*", "r1", "r1/*", "r1/z1", "r1/z1/*", "r1/z1/s1", "*/z1"] {
            assert!(place.is_covered_by(pattern), "{pattern}");
        }
        for pattern in ["r2/*", "r1/z2", "r1/z1/s2", "r"] {
            assert!(!place.is_covered_by(pattern), "{pattern}");
        }
    }

    #[test]
    fn distance_counts_from_the_region_down() {
        let proxy = Place::parse("r1/z1/s1");
        let distances = ["r1/z1/s1", "r1/z1", "r1/z2", "r2/z1", "net2/net2"];
        let distances = distances.map(|text| proxy.distance(&Place::parse(text)));
        assert_eq!(distances, [0, 1, 2, 3, 3]);
    }
}
