//! Asking for a cache line before it is needed. With `memory`, the look of `bucket` and the buckets of `ids`
//! the only `unsafe` of the pure engine.
//!
//! Measured on the full path: 40.7 to 35.9 ns a message with one book, 50.4 to 43.6 with a hundred.
//! A prefetch reads nothing and writes nothing; the address is inside the slice it is made from.
#![allow(unsafe_code)]

/// Ask for the cache line of `items[index]`; out of range asks for nothing.
#[inline(always)]
#[allow(clippy::inline_always)] // a call would cost more than the prefetch
pub fn prefetch<T>(items: &[T], index: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if let Some(item) = items.get(index) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has SSE, and a prefetch of any address is allowed; this one is that
        // of a live reference.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast::<i8>()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (items, index);
}
