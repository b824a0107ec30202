//! How many uploads one principal has running: whoever opens many and sends slowly must not keep the others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The uploads that run now, by the name of who sends them. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    running: Arc<Mutex<HashMap<String, usize>>>,
}

/// One running upload; it has ended when this is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    name: String,
}

impl Turns {
    /// A turn for an upload of `name`, unless `most` of his run already.
    pub fn take(&self, name: &str, most: usize) -> Option<Turn> {
        let mut running = self.running();
        let count = running.entry(name.to_owned()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Turn { turns: self.clone(), name: name.to_owned() })
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.turns.running();
        if let Some(count) = running.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                // Names of tokens that come and go are not kept.
                running.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted_for_each_name_and_given_back() {
        let turns = Turns::default();
        let first = turns.take("ci", 2).unwrap();
        let second = turns.take("ci", 2).unwrap();
        assert!(turns.take("ci", 2).is_none());
        assert!(turns.take("other", 2).is_some());
        drop(first);
        let third = turns.take("ci", 2).unwrap();
        assert!(turns.take("ci", 2).is_none());
        drop((second, third));
        assert!(turns.running().is_empty());
    }
}
