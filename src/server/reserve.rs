//! Memory for one more connection, asked for before it is accepted.
//!
//! A [`Slab`] that grows where there is no memory aborts the process, and with it every connection. A peer that waits in the
//! backlog loses nothing.

use slab::Slab;
use std::collections::TryReserveError;
use std::mem;

/// The fewest entries that a slab grows by.
const FEWEST: usize = 4;

/// Makes room for one more entry.
///
/// # Errors
///
/// There is no memory for it.
pub(super) fn reserve_one<T>(slab: &mut Slab<T>) -> Result<(), TryReserveError> {
    if slab.len() < slab.capacity() {
        return Ok(());
    }
    let more = slab.capacity().max(FEWEST);
    // What a vector of the new size gets, the slab gets too: nothing else allocates in between. An entry is a value or the key
    // of the next vacant one.
    let entry = mem::size_of::<T>().max(mem::size_of::<usize>()) + mem::align_of::<T>();
    let bytes = entry.saturating_mul(slab.capacity() + more);
    Vec::<u8>::new().try_reserve_exact(bytes)?;
    slab.reserve(more);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slab_has_room_for_one_more_and_grows_rarely() {
        let mut slab = Slab::new();
        let mut capacities = Vec::new();
        for _ in 0..1000 {
            reserve_one(&mut slab).unwrap();
            capacities.push(slab.capacity());
            slab.insert([0_u64; 3]);
            assert_eq!(capacities.last(), Some(&slab.capacity()));
        }
        capacities.dedup();
        assert!(capacities.len() <= 9, "{capacities:?}");
    }

    #[test]
    fn without_memory_nothing_is_aborted() {
        let mut slab: Slab<[u8; 1 << 46]> = Slab::new();
        reserve_one(&mut slab).unwrap_err();
        assert_eq!(slab.capacity(), 0);
    }
}
