//! Sums and products of money and shares, and why none of them wraps.
//!
//! Each order's value, and each limit, is at most 2^56; an account or a line with a sum beyond 2^60 takes
//! no more orders. So every sum stays below 2^62, and what is added or multiplied on the engine's path is not
//! looked at in a release build. Debug builds, in which the rules are tested and fuzzed, look.
#![allow(clippy::cast_possible_wrap)]

/// The largest limit in money, and the largest value of one order.
pub const MONEY_MAX: i64 = 1 << 56;

/// A line or an account with a sum of so many bits takes no more orders.
pub(crate) const MONEY_EDGE_BITS: u32 = 60;

/// Return a sum of money or shares.
#[inline(always)]
pub(crate) const fn sum(one: i64, other: i64) -> i64 {
    debug_assert!(one.checked_add(other).is_some());
    one.wrapping_add(other)
}

/// Return a difference of money or shares.
#[inline(always)]
pub(crate) const fn difference(one: i64, other: i64) -> i64 {
    debug_assert!(one.checked_sub(other).is_some());
    one.wrapping_sub(other)
}

/// Return a product of money or shares.
#[inline(always)]
pub(crate) const fn product(one: i64, other: i64) -> i64 {
    debug_assert!(one.checked_mul(other).is_some());
    one.wrapping_mul(other)
}

/// Return the value of shares at a price without its sign; of an order taken it is at most `MONEY_MAX`.
#[inline(always)]
pub(crate) const fn value_of(price: u64, shares: u32) -> i64 {
    product(price.cast_signed(), shares as i64)
}
