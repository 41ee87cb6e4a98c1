//! Clients of the decision log: each writes and reads registers, one after the other, and notes what it was answered.
//!
//! A register is a member's declared region: a command that the state machine has anyway. A client is a host of its own,
//! whose questions travel to a replica and whose answers travel back; where the replica dies or the way is cut, the
//! client gives up, and whether its write was applied stays open.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::ids::Region;
use causeway_api::spec::MemberSpec;
use causeway_state::{Command, Outcome};
use causeway_storage::{Consensus, ProposeError, ReadError};

use crate::dice::Dice;
use crate::history::History;
use crate::plant::Plant;
use crate::process::SimProcess;
use crate::wires::Wires;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// The replicas of a world, as clients and watches see them.
pub trait Ground: Send + Sync + 'static {
    /// What happens.
    fn history(&self) -> &History;

    /// The ways.
    fn wires(&self) -> &Wires;

    /// The ids of all replicas, whether they run or not.
    fn ids(&self) -> Vec<u64>;

    /// A replica's process and log, where it runs.
    fn log(&self, id: u64) -> Option<(Arc<SimProcess>, Consensus)>;
}

/// The host of a replica in wires and histories.
#[must_use]
pub fn host(id: u64) -> String {
    format!("r{id}")
}

/// What a client did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Sets a register.
    Write(u64),
    /// Reads it.
    Read,
}

/// What it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    /// The write was acknowledged, at this index of the log.
    Written(u64),
    /// The register's value; `None`: it was never set.
    Value(Option<u64>),
    /// It was not done, and never will be.
    Refused,
    /// It may have been done, or be done yet.
    Unknown,
}

/// A question and its answer, at their places in the order of all that clients saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which client.
    pub client: u64,
    /// Which register.
    pub register: u64,
    /// What was asked.
    pub op: Op,
    /// When it was asked, among all questions and answers.
    pub asked: u64,
    /// When and what was answered.
    pub answered: Option<(u64, Ret)>,
}

/// All that clients asked and were answered.
#[derive(Debug, Default)]
pub struct Ledger {
    rows: Mutex<(u64, Vec<Entry>)>,
}

impl Ledger {
    fn ask(&self, client: u64, register: u64, op: Op) -> usize {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.0 += 1;
        let asked = rows.0;
        rows.1.push(Entry {
            client,
            register,
            op,
            asked,
            answered: None,
        });
        rows.1.len() - 1
    }

    fn answer(&self, at: usize, ret: Ret) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.0 += 1;
        let now = rows.0;
        if let Some(entry) = rows.1.get_mut(at) {
            entry.answered = Some((now, ret));
        }
    }

    /// All entries, as they were asked.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.1.clone()
    }
}

/// One client.
pub struct Client {
    /// Its number.
    pub number: u64,
    /// Where it asks.
    pub replicas: Arc<dyn Ground>,
    /// Where it notes.
    pub ledger: Arc<Ledger>,
    /// What it draws from.
    pub dice: Dice,
    /// The numbers of the registers, of which the last one is not meant any more.
    pub registers: Range<u64>,
    /// What is planted.
    pub plant: Option<Plant>,
}

/// The member that is a register.
#[must_use]
pub fn register(number: u64) -> Option<MemberName> {
    MemberName::new(&format!("m{number}")).ok()
}

fn value_of(region: &Region) -> Option<u64> {
    region.as_str().strip_prefix('v')?.parse().ok()
}

/// What a register holds in a state.
#[must_use]
pub fn value(log: &Consensus, number: u64) -> Option<u64> {
    let name = register(number)?;
    log.read(|state| value_of(state.member(&name)?.spec.region.as_ref()?))
}

/// The command that sets a register.
#[must_use]
pub fn write(number: u64, value: u64) -> Option<Command> {
    let spec = MemberSpec {
        region: Some(Region::new(&format!("v{value}")).ok()?),
        ..MemberSpec::minimal(register(number)?)
    };
    Some(Command::PutMember(spec))
}

impl Client {
    /// Writes and reads, for as long as it is let, with a pause of up to `pause` milliseconds.
    pub async fn run(self, pause: u64) {
        let ids = self.replicas.ids();
        let mut written = 0;
        let mut at = self.dice.pick(&ids).copied().unwrap_or(1);
        loop {
            tokio::time::sleep(self.dice.millis(20, pause)).await;
            let Range { start, end } = self.registers;
            let register = self.dice.between(start, end.saturating_sub(1));
            let op = if self.dice.percent(50) {
                written += 1;
                Op::Write(self.number * 1_000_000 + written)
            } else {
                Op::Read
            };
            let (next, _) = self.ask(at, register, op).await;
            at = next;
        }
    }

    /// Asks a replica; returns whom to ask next.
    pub async fn ask(&self, at: u64, register: u64, op: Op) -> (u64, Ret) {
        let name = format!("client{}", self.number);
        let entry = self.ledger.ask(self.number, register, op);
        self.replicas
            .history()
            .note(&name, format_args!("asks r{at}: {op:?} m{register}"));
        let asking = self.put_question(&name, at, register, op);
        let (ret, next) = match tokio::time::timeout(PATIENCE, asking).await {
            Ok(answer) => answer,
            Err(_) => (Ret::Unknown, None),
        };
        self.ledger.answer(entry, ret);
        self.replicas.history().note(
            &name,
            format_args!("hears r{at}: {ret:?} for {op:?} m{register}"),
        );
        let ids = self.replicas.ids();
        let next = next.or_else(|| match ret {
            Ret::Unknown | Ret::Refused => self.dice.pick(&ids).copied(),
            _ => None,
        });
        (next.unwrap_or(at), ret)
    }

    async fn put_question(&self, name: &str, at: u64, register: u64, op: Op) -> (Ret, Option<u64>) {
        let wires = self.replicas.wires();
        let there = host(at);
        wires.travel(name, &there).await;
        let Some((process, log)) = self.replicas.log(at) else {
            wires.travel(&there, name).await;
            return (Ret::Refused, None);
        };
        let stale = self.plant == Some(Plant::StaleRead);
        let answering = process.spawn(async move {
            match op {
                Op::Write(value) => propose(&log, register, value).await,
                Op::Read => read(&log, register, stale).await,
            }
        });
        drop(process);
        let answer = answering.await.unwrap_or((Ret::Unknown, None));
        wires.travel(&there, name).await;
        answer
    }
}

async fn propose(log: &Consensus, register: u64, value: u64) -> (Ret, Option<u64>) {
    let Some(command) = write(register, value) else {
        return (Ret::Refused, None);
    };
    match log.propose(command).await {
        Ok(answer) => match answer.outcome {
            Outcome::Refused(_) => (Ret::Refused, None),
            _ => (Ret::Written(answer.at.index), None),
        },
        Err(ProposeError::NotLeader { leader, .. }) => (Ret::Refused, Some(leader.0)),
        Err(ProposeError::NoLeader { .. } | ProposeError::TooLarge { .. }) => (Ret::Refused, None),
        Err(_) => (Ret::Unknown, None),
    }
}

async fn read(log: &Consensus, register: u64, stale: bool) -> (Ret, Option<u64>) {
    let confirmed = match stale {
        true => Ok(()),
        false => log.linearizable().await,
    };
    match confirmed {
        Ok(()) => (Ret::Value(value(log, register)), None),
        Err(ReadError::NotLeader { leader, .. }) => (Ret::Refused, Some(leader.0)),
        Err(_) => (Ret::Refused, None),
    }
}
