//! Memory that begins as zeros, in pages of two megabytes where the system gives them.
//!
//! Which order a command names is random, so almost every line the engine asks for is on another
//! page, and on pages of 4 KB the walk to it costs as much as the line. Measured with the id
//! table's buckets and the wider look ahead, a million live orders: 111 ns a message to 60.
//! Memory is taken from the system when it is touched first.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// What may be nothing but zeros.
///
/// # Safety
/// Zeros are a value of the type, which has no padding and no more than 64 bytes.
pub(crate) unsafe trait Blank: Copy {}

// SAFETY: numbers.
unsafe impl Blank for [u32; 2] {}

/// A slice of fixed length with memory of its own.
pub(crate) struct Memory<T: Blank> {
    start: NonNull<T>,
    len: usize,
}

const HUGE_BYTES: usize = 1 << 21;
/// Below it a page of two megabytes would be mostly waste.
const HUGE_FROM_BYTES: usize = 1 << 18;

impl<T: Blank> Memory<T> {
    /// Reserve room for `len` items.
    pub fn zeroed(len: usize) -> Self {
        let layout = Self::layout(len);
        let start = if layout.size() >= HUGE_FROM_BYTES {
            system::map(layout.size())
        } else {
            // SAFETY: a layout is never empty, see there.
            NonNull::new(unsafe { alloc_zeroed(layout) })
        };
        let Some(start) = start else {
            handle_alloc_error(layout);
        };
        Self {
            start: start.cast(),
            len,
        }
    }

    /// At least one item, at a line's begin; a large one in whole huge pages.
    fn layout(len: usize) -> Layout {
        let bytes = len.max(1).saturating_mul(size_of::<T>());
        let bytes = if bytes >= HUGE_FROM_BYTES {
            bytes.saturating_add(HUGE_BYTES - 1) & !(HUGE_BYTES - 1)
        } else {
            bytes
        };
        match Layout::from_size_align(bytes, 64) {
            Ok(layout) => layout,
            Err(_) => handle_alloc_error(Layout::new::<T>()),
        }
    }
}

impl<T: Blank> Deref for Memory<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `len` items were reserved, and zeros are items.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Blank> DerefMut for Memory<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Blank> Drop for Memory<T> {
    fn drop(&mut self) {
        let layout = Self::layout(self.len);
        // SAFETY: made by `zeroed` with this layout, in one of two ways; and nobody has it any more.
        unsafe {
            if layout.size() >= HUGE_FROM_BYTES {
                system::unmap(self.start.cast(), layout.size());
            } else {
                dealloc(self.start.as_ptr().cast(), layout);
            }
        }
    }
}

impl<T: Blank> Clone for Memory<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::zeroed(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: Blank> fmt::Debug for Memory<T> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Memory of {} items", self.len)
    }
}

// SAFETY: it owns its items, as a `Vec` does, and `Blank` items are plain numbers.
unsafe impl<T: Blank> Send for Memory<T> {}
// SAFETY: as above.
unsafe impl<T: Blank> Sync for Memory<T> {}

#[cfg(all(target_os = "linux", not(miri)))]
mod system {
    use std::ffi::{c_int, c_void};
    use std::ptr::{NonNull, null_mut};

    use super::HUGE_BYTES;

    const READ_AND_WRITE: c_int = 3;
    const PRIVATE_AND_ANONYMOUS: c_int = 0x22;
    const HUGE_PAGES: c_int = 14;

    unsafe extern "C" {
        fn mmap(
            to: *mut c_void,
            bytes: usize,
            may: c_int,
            how: c_int,
            file: c_int,
            at: isize,
        ) -> *mut c_void;
        fn munmap(start: *mut c_void, bytes: usize) -> c_int;
        fn madvise(start: *mut c_void, bytes: usize, advice: c_int) -> c_int;
    }

    /// Reserve zeros that begin at a huge page; `bytes` is a multiple of its size.
    pub fn map(bytes: usize) -> Option<NonNull<u8>> {
        let spare = bytes.checked_add(HUGE_BYTES)?;
        // SAFETY: a new mapping, of which what lies before the first huge page and after the last is
        // given back at once. Advice may be declined; then the pages are small.
        unsafe {
            let start = mmap(
                null_mut(),
                spare,
                READ_AND_WRITE,
                PRIVATE_AND_ANONYMOUS,
                -1,
                0,
            );
            if start.addr() == usize::MAX {
                return None;
            }
            let before = start.addr().wrapping_neg() & (HUGE_BYTES - 1);
            let first = start.byte_add(before);
            if before > 0 {
                munmap(start, before);
            }
            munmap(first.byte_add(bytes), HUGE_BYTES - before);
            madvise(first, bytes, HUGE_PAGES);
            NonNull::new(first.cast())
        }
    }

    /// # Safety
    /// `start` and `bytes` are a mapping of `map`, used by nobody.
    pub unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
        // SAFETY: as said.
        unsafe { munmap(start.as_ptr().cast(), bytes) };
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod system {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    fn layout(bytes: usize) -> Option<Layout> {
        Layout::from_size_align(bytes, 64).ok()
    }

    /// Reserve zeros; `bytes` is not 0.
    pub fn map(bytes: usize) -> Option<NonNull<u8>> {
        // SAFETY: the layout is not empty.
        layout(bytes).and_then(|layout| NonNull::new(unsafe { alloc_zeroed(layout) }))
    }

    /// # Safety
    /// `start` and `bytes` are of `map`, used by nobody.
    pub unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
        if let Some(layout) = layout(bytes) {
            // SAFETY: as said.
            unsafe { dealloc(start.as_ptr(), layout) };
        }
    }
}
