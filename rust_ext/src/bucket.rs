//! One line of the id table: eight entries, found by comparing all of their tags at once.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::Address;
use crate::memory::Blank;

/// Entries of a bucket.
pub(crate) const ENTRIES: usize = 8;

/// One line of the table. An entry whose tag is 0 is free.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Bucket {
    pub tags: [u16; ENTRIES],
    pub orders: [Address; ENTRIES],
    /// 0 as long as nothing went on from here because there was no room.
    pub ran_over: u32,
    spare: [u32; 3],
}

// SAFETY: numbers, and a multiple of their alignment.
#[allow(unsafe_code)]
unsafe impl Blank for Bucket {}

/// The place of an entry in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry(u32);

impl Bucket {
    /// Return two bits for each entry of a tag.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn of_tag(&self, tag: u32) -> u32 {
        use core::arch::x86_64::{
            _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_set_epi16, _mm_set1_epi16,
        };
        let tags = self.tags.map(u16::cast_signed);
        // SAFETY: every x86-64 has SSE2, and nothing here takes an address.
        unsafe {
            let tags = _mm_set_epi16(
                tags[7], tags[6], tags[5], tags[4], tags[3], tags[2], tags[1], tags[0],
            );
            let equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(tag as i16));
            _mm_movemask_epi8(equal).cast_unsigned()
        }
    }

    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    pub fn of_tag(&self, tag: u32) -> u32 {
        let places = self.tags.iter().enumerate();
        places
            .map(|(place, own)| u32::from(u32::from(*own) == tag) * 3 << (2 * place))
            .sum()
    }

    /// Return two bits for each free entry.
    #[inline(always)]
    pub fn free(&self) -> u32 {
        self.of_tag(0)
    }
}

/// Return the first entry that has bits; any if none has.
#[inline(always)]
pub(crate) const fn first(bits: u32) -> usize {
    (bits.trailing_zeros() / 2) as usize % ENTRIES
}

impl Entry {
    #[inline(always)]
    pub(crate) const fn of(bucket: usize, place: usize) -> Self {
        // Buckets are fewer than 2^24.
        Self((bucket as u32).wrapping_mul(ENTRIES as u32) | place as u32)
    }

    #[inline(always)]
    pub(crate) const fn bucket(self) -> usize {
        self.0 as usize / ENTRIES
    }

    #[inline(always)]
    pub(crate) const fn place(self) -> usize {
        self.0 as usize % ENTRIES
    }
}
