//! An owner's services and endpoints as bytes for another replica: much as they are held, so that they are neither built
//! row by row at one side nor taken apart at the other.
//!
//! First the tables, each in the order of its values: namespaces, port names, localities, lists of ports. Then the services
//! in the order of their keys: namespace (its number), name (how much of it is as in the name before, and the rest), the
//! Service where there is one (flags, the number of its list of ports, selector and accounts as `pack` has them), and the
//! rows of its endpoints in order (port and locality by their numbers, three counts). Orders are part of the form: they
//! are checked, not made.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use causeway_api::facts::{EndpointCounts, Protocol, ServicePort, TargetPort};
use causeway_api::ids::PortName;
use causeway_api::{Locality, Name, ServiceKey};

use super::bytes::{Damaged, In, Out};
use super::owner::{EndpointRow, OwnerFacts, PackedService, ServiceRow, Tables};
use super::pack;
use crate::table::Table;

/// The version of the form.
const FORM: u32 = 1;

/// Bytes of a text for people or machines that has no rule of its own.
const TEXT_BYTES: usize = 4_096;

/// Items of a list inside a row.
const ITEMS: usize = 4_096;

const HAS_FACT: u32 = 1;
const EXPORTED: u32 = 2;
const HEADLESS: u32 = 4;

/// What was read: rows in the order of their keys, and how many.
pub(super) struct Rows {
    pub(super) services: Vec<(ServiceKey, ServiceRow)>,
    pub(super) tables: Tables,
    pub(super) count: usize,
}

impl OwnerFacts {
    /// Its services and endpoints as bytes.
    pub(super) fn packed_rows(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(64 + self.rows() * 12));
        out.number(FORM);
        let namespaces: BTreeSet<&Name> = self.services().map(|key| &key.namespace).collect();
        out.count(namespaces.len());
        namespaces.iter().for_each(|name| out.text(name.as_str()));
        let tables = self.tables();
        let ports = table(&mut out, &tables.ports, |out, port| out.text(port.as_str()));
        let localities = table(&mut out, &tables.localities, |out, locality| {
            out.text(&locality.to_string());
        });
        let lists = table(&mut out, &tables.port_lists, port_list);
        let to = |map: &[u32], number: u32| map.get(number as usize).copied().unwrap_or(u32::MAX);

        out.count(self.service_rows().len());
        let places: BTreeMap<&Name, u32> = namespaces.iter().copied().zip(0..).collect();
        let (mut namespace, mut number) = (None, 0);
        let mut before = "";
        for (key, row) in self.service_rows() {
            if namespace != Some(&key.namespace) {
                number = places.get(&key.namespace).copied().unwrap_or(u32::MAX);
                (namespace, before) = (Some(&key.namespace), "");
            }
            out.number(number);
            let name = key.name.as_str();
            let same = before.bytes().zip(name.bytes()).take_while(|(a, b)| a == b);
            let same = same.count();
            out.count(same);
            // Names are ASCII.
            out.text(name.get(same..).unwrap_or_default());
            before = name;
            match &row.fact {
                None => out.number(0),
                Some(fact) => {
                    let flag = |set, flag| if set { flag } else { 0 };
                    out.number(
                        HAS_FACT | flag(fact.exported, EXPORTED) | flag(fact.headless, HEADLESS),
                    );
                    out.number(to(&lists, fact.ports));
                    out.bytes(&fact.texts);
                }
            }
            out.count(row.endpoints.len());
            for endpoint in &row.endpoints {
                out.number(to(&ports, endpoint.port));
                out.number(to(&localities, endpoint.locality));
                out.number(endpoint.counts.ready);
                out.number(endpoint.counts.serving);
                out.number(endpoint.counts.total);
            }
        }
        out.0
    }
}

/// Writes a table in the order of its values; returns the new number of each old one.
fn table<T: Ord + Clone>(
    out: &mut Out,
    table: &Table<T>,
    mut write: impl FnMut(&mut Out, &T),
) -> Vec<u32> {
    let mut numbers = vec![0; table.len()];
    out.count(table.len());
    for (new, (value, old)) in (0..).zip(table.in_order()) {
        write(out, value);
        if let Some(number) = numbers.get_mut(old as usize) {
            *number = new;
        }
    }
    numbers
}

fn port_list(out: &mut Out, ports: &Vec<ServicePort>) {
    out.count(ports.len());
    for port in ports {
        out.text(port.name.as_str());
        out.number(port.port.into());
        out.number(match port.protocol {
            Protocol::Tcp => 0,
            Protocol::Udp => 1,
            Protocol::Sctp => 2,
        });
        match &port.app_protocol {
            None => out.number(0),
            Some(text) => {
                out.number(1);
                out.text(text);
            }
        }
        match &port.target {
            TargetPort::Number(number) => {
                out.number(0);
                out.number((*number).into());
            }
            TargetPort::Name { name, resolved } => {
                out.number(1);
                out.text(name);
                out.number(resolved.map_or(0, u32::from));
            }
        }
    }
}

/// Reads what [`OwnerFacts::packed_rows`] wrote; at most `max` rows.
pub(super) fn read(bytes: &[u8], max: usize) -> Result<Rows, Damaged> {
    let mut input = In(bytes);
    let form = input.number()?;
    if form != FORM {
        return Err(input.damaged(format_args!("form {form}, and this build reads {FORM}")));
    }
    let namespaces = values(&mut input, "namespaces", parsed::<Name>)?;
    let ports = values(&mut input, "port names", |input| {
        let text = input.text()?;
        PortName::new(text).map_err(|error| input.damaged(error))
    })?;
    let localities = values(&mut input, "localities", parsed::<Locality>)?;
    let lists = values(&mut input, "lists of ports", read_ports)?;

    // A key of two numbers, flags, and a number of endpoints, at least.
    let services = input.count("services", 5)?;
    let mut rows = Vec::with_capacity(services.min(max));
    let (mut count, mut place, mut name) = (0_usize, 0, String::new());
    let mut accounts = BTreeSet::new();
    for _ in 0..services {
        let at = input.place("namespace", namespaces.len())?;
        let same = usize::try_from(input.number()?).unwrap_or(usize::MAX);
        let rest = input.text()?;
        let before = if at == place { name.as_str() } else { "" };
        let kept = before
            .get(..same)
            .ok_or_else(|| input.damaged("a name goes on from none"))?;
        let full = [kept, rest].concat();
        if at < place || (at == place && !rows.is_empty() && full.as_str() <= before) {
            return Err(input.damaged(format_args!("service {full:?} is out of order")));
        }
        (place, name) = (at, full);
        let key = ServiceKey {
            namespace: namespaces
                .get(at as usize)
                .cloned()
                .ok_or_else(|| input.damaged("no such namespace"))?,
            name: Name::new(&name).map_err(|error| input.damaged(error))?,
        };
        let fact = read_fact(&mut input, lists.len(), &mut accounts)?;
        let endpoints = read_endpoints(&mut input, ports.len(), localities.len())?;
        if fact.is_none() && endpoints.is_empty() {
            return Err(input.damaged(format_args!("service {key} has no row")));
        }
        count += usize::from(fact.is_some()) + endpoints.len();
        if count > max {
            return Err(input.damaged(format_args!("more than {max} rows")));
        }
        rows.push((key, ServiceRow { fact, endpoints }));
    }
    if !input.0.is_empty() {
        return Err(input.damaged("bytes follow the last service"));
    }
    Ok(Rows {
        services: rows,
        tables: Tables {
            ports: Table::of(ports),
            localities: Table::of(localities),
            port_lists: Table::of(lists),
        },
        count,
    })
}

fn values<T: Ord>(
    input: &mut In<'_>,
    what: &str,
    read: impl Fn(&mut In<'_>) -> Result<T, Damaged>,
) -> Result<Vec<T>, Damaged> {
    let count = input.count(what, 1)?;
    let mut values: Vec<T> = Vec::new();
    for _ in 0..count {
        let value = read(input)?;
        if values.last().is_some_and(|last| *last >= value) {
            return Err(input.damaged(format_args!("{what} are out of order")));
        }
        values.push(value);
    }
    Ok(values)
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(input: &mut In<'_>) -> Result<T, Damaged> {
    let text = input.text()?;
    text.parse().map_err(|error| input.damaged(error))
}

fn read_ports(input: &mut In<'_>) -> Result<Vec<ServicePort>, Damaged> {
    let count = input.count("ports", 6)?;
    if count > ITEMS {
        return Err(input.damaged(format_args!("{count} ports of one service")));
    }
    (0..count).map(|_| read_port(input)).collect()
}

fn read_port(input: &mut In<'_>) -> Result<ServicePort, Damaged> {
    let name = input.text()?;
    let name = PortName::new(name).map_err(|error| input.damaged(error))?;
    let port = port_number(input)?;
    let protocol = match input.number()? {
        0 => Protocol::Tcp,
        1 => Protocol::Udp,
        2 => Protocol::Sctp,
        other => return Err(input.damaged(format_args!("protocol {other}"))),
    };
    let app_protocol = match input.number()? {
        0 => None,
        1 => Some(free_text(input)?),
        other => return Err(input.damaged(format_args!("an application protocol by {other}"))),
    };
    let target = match input.number()? {
        0 => TargetPort::Number(port_number(input)?),
        1 => TargetPort::Name {
            name: free_text(input)?,
            resolved: match input.number()? {
                0 => None,
                number => Some(port_of(input, number)?),
            },
        },
        other => return Err(input.damaged(format_args!("a target port by {other}"))),
    };
    Ok(ServicePort {
        name,
        port,
        protocol,
        app_protocol,
        target,
    })
}

fn port_number(input: &mut In<'_>) -> Result<u16, Damaged> {
    let number = input.number()?;
    port_of(input, number)
}

fn port_of(input: &In<'_>, number: u32) -> Result<u16, Damaged> {
    match u16::try_from(number) {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(input.damaged(format_args!("{number} is no port"))),
    }
}

fn free_text(input: &mut In<'_>) -> Result<String, Damaged> {
    let text = input.text()?;
    if text.len() > TEXT_BYTES {
        return Err(input.damaged(format_args!("a text of {} bytes", text.len())));
    }
    Ok(text.to_owned())
}

fn read_fact<'a>(
    input: &mut In<'a>,
    lists: usize,
    accounts: &mut BTreeSet<&'a str>,
) -> Result<Option<PackedService>, Damaged> {
    let flags = input.number()?;
    if flags == 0 {
        return Ok(None);
    }
    if flags & HAS_FACT == 0 || flags > (HAS_FACT | EXPORTED | HEADLESS) {
        return Err(input.damaged(format_args!("flags {flags}")));
    }
    let ports = input.place("list of ports", lists)?;
    let texts = input.bytes()?;
    pack::check(texts, TEXT_BYTES, ITEMS, accounts).map_err(|what| input.damaged(what))?;
    Ok(Some(PackedService {
        exported: flags & EXPORTED != 0,
        headless: flags & HEADLESS != 0,
        ports,
        texts: texts.into(),
    }))
}

fn read_endpoints(
    input: &mut In<'_>,
    ports: usize,
    localities: usize,
) -> Result<Box<[EndpointRow]>, Damaged> {
    let count = input.count("endpoints", 5)?;
    let mut rows = Vec::with_capacity(count);
    let mut before = None;
    for _ in 0..count {
        let port = input.place("port", ports)?;
        let locality = input.place("locality", localities)?;
        // Numbers are in the order of values here.
        if before >= Some((port, locality)) {
            return Err(input.damaged("endpoints are out of order"));
        }
        before = Some((port, locality));
        let counts = EndpointCounts {
            ready: input.number()?,
            serving: input.number()?,
            total: input.number()?,
        };
        rows.push(EndpointRow {
            port,
            locality,
            counts,
        });
    }
    Ok(rows.into_boxed_slice())
}

/// Gives rows the store's own copies of their keys, with one more holder each.
pub(super) fn hold_all(
    shared: &mut BTreeMap<ServiceKey, u32>,
    services: &mut [(ServiceKey, ServiceRow)],
) {
    let Some((first, _)) = services.first() else {
        return;
    };
    // Along the order: looking each up would be slower, unless they are few among many.
    if services.len() < shared.len() / 16 {
        for (key, _) in services {
            *key = super::owner::hold(shared, key);
        }
        return;
    }
    let mut fresh = Vec::new();
    let mut held = shared.range_mut(first.clone()..).peekable();
    for (key, _) in services {
        while held.next_if(|(own, _)| **own < *key).is_some() {}
        match held.peek_mut() {
            Some((own, holders)) if **own == *key => {
                *key = (*own).clone();
                **holders += 1;
            }
            _ => fresh.push((key.clone(), 1)),
        }
    }
    shared.extend(fresh);
}
