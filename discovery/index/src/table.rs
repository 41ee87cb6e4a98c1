//! Values that repeat, kept once: a row refers to them by a number of four bytes.

use std::collections::BTreeMap;

/// Values by number, and numbers by value. It only grows; its owner rebuilds it when too little of it is in use.
#[derive(Debug, Clone)]
pub(crate) struct Table<T> {
    values: Vec<T>,
    numbers: BTreeMap<T, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }
}

impl<T: Ord + Clone> Table<T> {
    /// Of different values.
    pub(crate) fn of(values: Vec<T>) -> Self {
        let numbers = values.iter().cloned().zip(0..).collect();
        Self { values, numbers }
    }

    /// The values in their order, each with its number.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (&T, u32)> {
        self.numbers.iter().map(|(value, number)| (value, *number))
    }

    /// The number of a value, a new one where it was not there.
    pub(crate) fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        // More than four thousand million different values do not fit into memory.
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    /// The number of a value that is there already, by its text.
    pub(crate) fn find(&self, text: &str) -> Option<u32>
    where
        T: std::borrow::Borrow<str>,
    {
        self.numbers.get(text).copied()
    }

    /// The value of a number that this table gave.
    pub(crate) fn value(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)
    }

    /// How many values it holds.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}
