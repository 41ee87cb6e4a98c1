//! From objects to the values that decisions are made from. What a schema cannot see is checked here; and since an
//! object may have been stored before a schema became stricter, everything is checked again.

mod duration;
mod member;
mod policy;
mod rules;
mod shift;

use std::collections::BTreeSet;

use causeway_api::ids::{Name, ServiceKey};

use crate::failover_policy::TargetRef;

pub use duration::milliseconds;
pub use policy::policy_spec;
pub use shift::shift;

/// Why an object is no valid declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {field} is {found}: {remedy}")]
pub struct ConvertError {
    /// The object, such as `MemberCluster ack` or `FailoverPolicy shop/checkout`.
    pub object: String,
    /// The field, such as `spec.network.gateways[0].port`.
    pub field: String,
    /// What was found there.
    pub found: String,
    /// What to do.
    pub remedy: String,
}

/// The object that is being converted, for messages.
struct Object(String);

impl Object {
    /// The services that `spec.targetRefs` names, in the object's own namespace.
    fn targets(
        &self,
        namespace: &Name,
        declared: &[TargetRef],
    ) -> Result<BTreeSet<ServiceKey>, ConvertError> {
        let target = |(at, target): (usize, &TargetRef)| {
            let name: Name = self.parse(format!("spec.targetRefs[{at}].name"), &target.name)?;
            Ok(ServiceKey {
                namespace: namespace.clone(),
                name,
            })
        };
        declared.iter().enumerate().map(target).collect()
    }

    fn error(
        &self,
        field: impl Into<String>,
        found: impl std::fmt::Display,
        remedy: impl Into<String>,
    ) -> ConvertError {
        ConvertError {
            object: self.0.clone(),
            field: field.into(),
            found: found.to_string().chars().take(80).collect(),
            remedy: remedy.into(),
        }
    }

    /// Parses a text of a field; the parser's own message is the remedy.
    fn parse<T>(&self, field: impl Into<String>, text: &str) -> Result<T, ConvertError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        text.parse()
            .map_err(|error: T::Err| self.error(field, format!("{text:?}"), error.to_string()))
    }

    /// A number of a field within bounds.
    fn bounded<N, T>(
        &self,
        field: impl Into<String>,
        number: N,
        bounds: std::ops::RangeInclusive<T>,
    ) -> Result<T, ConvertError>
    where
        N: Copy + std::fmt::Display,
        T: TryFrom<N> + PartialOrd + std::fmt::Display,
    {
        match T::try_from(number) {
            Ok(value) if bounds.contains(&value) => Ok(value),
            _ => {
                let remedy = format!("give {} to {}", bounds.start(), bounds.end());
                Err(self.error(field, number, remedy))
            }
        }
    }

    /// A share in percent.
    fn percent(&self, field: &str, percent: Option<i32>) -> Result<Option<u8>, ConvertError> {
        percent
            .map(|percent| self.bounded(field, percent, 1..=100))
            .transpose()
    }

    /// Steps of a move, in percent: rising, the last 100; none at all: at once.
    fn steps(&self, field: &str, steps: &[i32]) -> Result<Vec<u8>, ConvertError> {
        let mut rising: Vec<u8> = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let field = format!("{field}[{at}]");
            let percent = self.bounded(field.clone(), *step, 1..=100)?;
            if rising.last().is_some_and(|before| *before >= percent) {
                return Err(self.error(field, step, "each step is greater than the one before"));
            }
            rising.push(percent);
        }
        match rising.last() {
            None | Some(100) => Ok(rising),
            Some(last) => Err(self.error(field, format!("ending with {last}"), "end with 100")),
        }
    }

    /// A duration within bounds, in milliseconds.
    fn duration_ms(
        &self,
        field: &str,
        text: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, ConvertError> {
        const FORM: &str = "give a duration such as 10s or 1m30s";
        let found = format!("{text:?}");
        match milliseconds(text) {
            None => Err(self.error(field, found, FORM)),
            Some(ms) if bounds.contains(&ms) => Ok(ms),
            Some(_) => {
                let (least, most) = (bounds.start() / 1000, bounds.end() / 1000);
                Err(self.error(field, found, format!("give {least}s to {most}s")))
            }
        }
    }
}
