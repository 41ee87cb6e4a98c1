//! A fingerprint of an owner's facts: FNV-1a of 64 bits over the rows in order.

use causeway_api::facts::GatewayFact;

use super::owner::OwnerFacts;

struct Fnv(u64);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// A text, then a byte that no text contains, so that two texts never read as one.
    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0xff]);
    }

    fn debug(&mut self, value: &dyn std::fmt::Debug) {
        self.text(&format!("{value:?}"));
    }
}

pub(super) fn of(facts: &OwnerFacts) -> u64 {
    let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
    fnv.debug(&facts.member);
    for namespace in facts.namespaces.keys() {
        fnv.text(namespace.as_str());
    }
    for (name, gateway) in &facts.gateways {
        let GatewayFact {
            network,
            addresses,
            port,
        } = gateway;
        fnv.text(name.as_str());
        fnv.text(network.as_str());
        fnv.debug(addresses);
        fnv.bytes(&port.to_le_bytes());
    }
    for key in facts.services() {
        fnv.text(key.namespace.as_str());
        fnv.text(key.name.as_str());
        fnv.debug(&facts.service(key));
        for (port, locality, counts) in facts.endpoints(key) {
            fnv.text(port.as_str());
            fnv.debug(locality);
            for count in [counts.ready, counts.serving, counts.total] {
                fnv.bytes(&count.to_le_bytes());
            }
        }
    }
    fnv.0
}
