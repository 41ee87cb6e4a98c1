//! Members, services and observers.

use std::collections::BTreeMap;

use causeway_api::facts::GatewayAddress;
use causeway_api::ids::{Name, NetworkName, PortName, PortNameText, Zone};
use causeway_api::plan::Rate;
use causeway_api::spec::{DeclaredGateway, MemberSpec, defaults};
use serde_saphyr::{Location, Spanned};

use super::Reader;
use super::numbers::{MOST_ENDPOINTS, MOST_RPS};
use crate::file::{MemberRow, ObserverRow, ServiceRow};
use crate::scenario::{Member, Observer, Service};

impl Reader {
    pub(super) fn member_rows(&mut self, rows: &[Spanned<MemberRow>]) -> Vec<Member> {
        let mut members = Vec::new();
        for row in rows {
            let Some(member) = self.member_row(row) else {
                continue;
            };
            self.regions.extend(member.region.clone());
            let old = self.members.insert(row.value.name.clone(), member.clone());
            if old.is_some() {
                let message = format!("members: {} stands twice", row.value.name);
                self.wrong(row.referenced, message);
            }
            members.push(member);
        }
        members
    }

    fn member_row(&mut self, row: &Spanned<MemberRow>) -> Option<Member> {
        let found = &row.value;
        let mut zones: Vec<Option<Zone>> = Vec::new();
        for zone in &found.zones {
            if zones.contains(&Some(zone.value.clone())) {
                let message = format!("zones: {} of {} stands twice", zone.value, found.name);
                self.wrong(zone.referenced, message);
            }
            zones.push(Some(zone.value.clone()));
        }
        if zones.is_empty() {
            zones.push(None);
        }
        let mut gateways: Vec<Name> = Vec::new();
        for gateway in found.gateways.iter().flatten() {
            if gateways.contains(&gateway.value) {
                let message = format!("gateways: {} of {} stands twice", gateway.value, found.name);
                self.wrong(gateway.referenced, message);
            }
            gateways.push(gateway.value.clone());
        }
        if found.gateways.is_none() {
            gateways.extend(Name::new("eastwest").ok());
        }
        let network = found.network.clone();
        let mut spec = MemberSpec::minimal(found.name.clone());
        spec.max_utilization_percent = found
            .max_utilization_percent
            .as_ref()
            .map(|percent| self.percent("maxUtilizationPercent", percent));
        spec.class = found.class;
        spec.failure_domains = found
            .failure_domains
            .iter()
            .map(|domain| domain.value.clone())
            .collect();
        spec.absence.tolerate_ms = found
            .absence
            .as_ref()
            .map(|absence| self.duration("tolerateFor", &absence.tolerate_for));
        spec.gateways = self.limited(found, &gateways, row.referenced);
        Some(Member {
            spec,
            region: found.region.clone(),
            network: network.or_else(|| NetworkName::new(found.name.as_str()).ok())?,
            zones,
            gateways,
        })
    }

    /// Gateways whose limits are known, and with them all others: declared ones replace those that are discovered.
    fn limited(
        &mut self,
        found: &MemberRow,
        gateways: &[Name],
        at: Location,
    ) -> BTreeMap<Name, DeclaredGateway> {
        let mut limits: BTreeMap<&Name, Rate> = BTreeMap::new();
        for (gateway, limit) in &found.max_requests_per_second {
            if !gateways.contains(gateway) {
                let message = format!(
                    "maxRequestsPerSecond: {} has no gateway {gateway}: add it to its gateways",
                    found.name
                );
                self.wrong(at, message);
            }
            let limit = self.number("maxRequestsPerSecond", limit, 1, MOST_RPS);
            limits.insert(gateway, Rate::from_rps(limit));
        }
        if limits.is_empty() {
            return BTreeMap::new();
        }
        let declared = gateways.iter().map(|gateway| {
            let address = GatewayAddress::Host(format!("{gateway}.{}", found.name));
            let declared = DeclaredGateway {
                addresses: vec![address],
                port: defaults::GATEWAY_PORT,
                max_rate: limits.get(gateway).copied(),
            };
            (gateway.clone(), declared)
        });
        declared.collect()
    }

    pub(super) fn service_rows(&mut self, rows: &[Spanned<ServiceRow>]) -> Vec<Service> {
        let mut services = Vec::new();
        for row in rows {
            let service = self.service_row(row);
            let old = self.services.insert(service.key.clone(), service.clone());
            if old.is_some() {
                let message = format!("services: {} stands twice", service.key);
                self.wrong(row.referenced, message);
            }
            services.push(service);
        }
        services
    }

    fn service_row(&mut self, row: &Spanned<ServiceRow>) -> Service {
        let found = &row.value;
        let mut members = BTreeMap::new();
        for (member, zones) in &found.ready {
            let what = format!("ready of {}", found.name);
            if !self.member(&what, member, row.referenced) {
                continue;
            }
            let private = found.private.iter().any(|name| name.value == *member);
            let mut ready = BTreeMap::new();
            for (zone, count) in zones {
                let what = format!("ready of {} in {member}/{zone}", found.name);
                let zone = self.zone(&what, member, zone, count.referenced);
                let count = self.number(&what, count, 0, MOST_ENDPOINTS);
                ready.insert(zone, u32::try_from(count).unwrap_or(0));
            }
            members.insert(member.clone(), (!private, ready));
        }
        for private in &found.private {
            if !found.ready.contains_key(&private.value) {
                let message = format!(
                    "private of {}: {} has none of it: add it to ready",
                    found.name, private.value
                );
                self.wrong(private.referenced, message);
            }
        }
        let http = || PortNameText::new("http").ok();
        Service {
            key: found.name.clone(),
            ports: found
                .ports
                .clone()
                .unwrap_or_else(|| vec![PortName(http())]),
            members,
        }
    }

    pub(super) fn observer_rows(&mut self, rows: &[Spanned<ObserverRow>]) -> Vec<Observer> {
        let mut observers = Vec::new();
        for row in rows {
            let found = &row.value;
            if !self.observers.insert(found.name.clone()) {
                let message = format!(
                    "observers: {} stands twice: each observer has one voice",
                    found.name
                );
                self.wrong(row.referenced, message);
            }
            if let Some(region) = &found.region {
                self.region(&format!("region of observer {}", found.name), region);
            }
            if let causeway_api::verdict::ObserverId::Agent(member) = &found.name {
                self.member(&format!("observer {}", found.name), member, row.referenced);
            }
            observers.push(Observer {
                id: found.name.clone(),
                domain: found.failure_domain.clone(),
                region: found.region.as_ref().map(|region| region.value.clone()),
            });
        }
        observers
    }
}
