// SPDX-License-Identifier: GPL-2.0

//! Pins by number.

use kernel::prelude::*;

/// A few values by number. A number is used once.
pub(crate) struct PinTable<T> {
    last_id: u32,
    pins: KVec<(u32, T)>,
}

impl<T> PinTable<T> {
    pub(crate) const fn new() -> Self {
        Self {
            last_id: 0,
            pins: KVec::new(),
        }
    }

    /// Gives out the next number, which is never 0.
    pub(crate) fn new_id(&mut self) -> Result<u32> {
        self.last_id = self.last_id.checked_add(1).ok_or(ENOSPC)?;
        Ok(self.last_id)
    }

    /// Puts `value` in the table, or gives it back where there is no memory for it.
    pub(crate) fn insert(&mut self, id: u32, value: T) -> Result<(), T> {
        if self.pins.reserve(1, GFP_KERNEL).is_err() {
            return Err(value);
        }
        self.pins
            .push_within_capacity((id, value))
            .map_err(|err| err.0 .1)
    }

    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.pins
            .iter()
            .find_map(|(i, value)| (*i == id).then_some(value))
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<T> {
        let index = self.pins.iter().position(|(i, _)| *i == id)?;

        self.pins.remove(index).ok().map(|(_, value)| value)
    }
}

#[kunit_tests(daxlease_testdev_table)]
mod tests {
    use super::*;

    #[test]
    fn finds_and_removes_by_number() -> Result {
        let mut table = PinTable::new();
        let a = table.new_id()?;
        let b = table.new_id()?;

        assert!(table.insert(a, 'a').is_ok());
        assert!(table.insert(b, 'b').is_ok());
        assert_eq!(table.get(b), Some(&'b'));
        assert_eq!(table.remove(a), Some('a'));
        assert_eq!(table.remove(a), None);
        assert_eq!(table.get(a), None);
        assert_eq!(table.get(b), Some(&'b'));
        Ok(())
    }

    #[test]
    fn numbers_are_used_once() -> Result {
        let mut table: PinTable<()> = PinTable::new();
        let a = table.new_id()?;

        assert!(a != 0);
        assert!(table.insert(a, ()).is_ok());
        table.remove(a);
        assert!(table.new_id()? != a);

        table.last_id = u32::MAX;
        assert_eq!(table.new_id().err(), Some(ENOSPC));
        Ok(())
    }
}
