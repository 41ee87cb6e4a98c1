//! Localities by our names: a cloud's own names are mapped where they enter a decision, and back where a mesh is written.

use std::collections::BTreeMap;

use causeway_api::Locality;
use causeway_api::spec::MemberSpec;

/// A locality of a member by our names: by the declared mapping, else as it is, with the declared region where the
/// nodes name none. A mapping without a region matches the zone in any region.
#[must_use]
pub fn ours(spec: &MemberSpec, found: &Locality) -> Locality {
    let by_zone = || {
        spec.locality_mappings.get(&Locality {
            region: None,
            zone: found.zone.clone(),
        })
    };
    let mapped = spec.locality_mappings.get(found).or_else(by_zone);
    let mut locality = mapped.unwrap_or(found).clone();
    if locality.region.is_none() || mapped.is_none() && spec.region.is_some() {
        locality.region = spec.region.clone().or(locality.region);
    }
    locality
}

/// The way back, for the localities that a member's nodes carry. Only names that differ are in it. Where two native
/// names became one of ours, the first in order stands for it.
#[must_use]
pub fn native<'a>(
    spec: &MemberSpec,
    found: impl IntoIterator<Item = &'a Locality>,
) -> BTreeMap<Locality, Locality> {
    let mut back = BTreeMap::new();
    for locality in found {
        let ours = ours(spec, locality);
        if ours != *locality {
            back.entry(ours).or_insert_with(|| locality.clone());
        }
    }
    back
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn locality(text: &str) -> Locality {
        text.parse().unwrap()
    }

    #[test]
    fn mappings_go_there_and_back() {
        let mut spec = MemberSpec::minimal("a".parse().unwrap());
        spec.region = Some("cn".parse().unwrap());
        spec.locality_mappings
            .insert(locality("-/cn-h"), locality("cn/h"));
        assert_eq!(ours(&spec, &locality("cn-hangzhou/cn-h")), locality("cn/h"));
        assert_eq!(ours(&spec, &locality("-/z2")), locality("cn/z2"));
        let back = native(&spec, [&locality("cn-hangzhou/cn-h"), &locality("cn/z2")]);
        assert_eq!(
            back.get(&locality("cn/h")),
            Some(&locality("cn-hangzhou/cn-h"))
        );
        assert_eq!(back.len(), 1);
    }
}
