//! The arguments of a raw call: read where they lie, or an error that names the one that does not fit.
#![allow(unsafe_code)]

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::message::{self, Message};
use crate::python_number;

pub(crate) type Arguments<'a> = &'a [*mut ffi::PyObject];

/// Return the arguments of a raw call.
///
/// # Safety
/// There are `count` at `arguments`, alive as long as they are used, none of which is null.
#[inline(always)]
pub(crate) unsafe fn given<'a>(
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> Arguments<'a> {
    if arguments.is_null() {
        return &[];
    }
    // SAFETY: see above; a null pointer is only given with a count of 0.
    unsafe { std::slice::from_raw_parts(arguments, count.cast_unsigned()) }
}

/// Read an argument that fits 64 bits, signed or not; sets the error indicator otherwise.
#[inline(always)]
pub(crate) fn number(given: Arguments<'_>, place: usize) -> Option<i64> {
    let object = *given.get(place)?;
    // SAFETY: a live reference, while attached.
    match unsafe { python_number::read(object) } {
        -1 => number_slowly(object, place),
        number => Some(number),
    }
}

/// Read the one argument that is a ticket; sets the error indicator when it is no number.
///
/// # Safety
/// As of `given`.
#[inline(always)]
pub(crate) unsafe fn read_ticket(object: *mut ffi::PyObject) -> Option<u64> {
    // SAFETY: a live reference, while attached.
    let ticket = match unsafe { python_number::read_ticket(object) } {
        -1 => number_slowly(object, 0)?,
        ticket => ticket,
    };
    Some(ticket.cast_unsigned())
}

/// Read -1, an id above 2^63 - 1, or what is no number.
#[cold]
fn number_slowly(object: *mut ffi::PyObject, place: usize) -> Option<i64> {
    // SAFETY: a live reference, while attached.
    unsafe {
        if !ffi::PyErr_Occurred().is_null() {
            return None;
        }
        let number = ffi::PyLong_AsLongLong(object);
        if number != -1 || ffi::PyErr_Occurred().is_null() {
            return Some(number);
        }
        if place > 0 || ffi::PyErr_ExceptionMatches(ffi::PyExc_OverflowError) == 0 {
            return None;
        }
        ffi::PyErr_Clear();
        let number = ffi::PyLong_AsUnsignedLongLong(object);
        (number != u64::MAX || ffi::PyErr_Occurred().is_null()).then_some(number.cast_signed())
    }
}

/// Read a count, a book, an account or a side; sets the error indicator otherwise.
#[inline(always)]
fn small(given: Arguments<'_>, place: usize, name: &'static str) -> Option<u32> {
    let number = number(given, place)?;
    match u32::try_from(number) {
        Ok(number) => Some(number),
        Err(_) => too_large(name, number),
    }
}

#[cold]
fn too_large(name: &str, number: i64) -> Option<u32> {
    // SAFETY: only called from a raw call, which is attached.
    let py = unsafe { Python::assume_attached() };
    let text = format!("{name}: expected 0 to {}, was {number}", u32::MAX);
    PyOverflowError::new_err(text).restore(py);
    None
}

#[inline(always)]
fn counted(given: Arguments<'_>, least: usize, most: usize, usage: &'static str) -> Option<()> {
    if (least..=most).contains(&given.len()) {
        return Some(());
    }
    miscounted(usage)
}

#[cold]
fn miscounted(usage: &str) -> Option<()> {
    // SAFETY: only called from a raw call, which is attached.
    let py = unsafe { Python::assume_attached() };
    PyTypeError::new_err(format!("expected {usage}")).restore(py);
    None
}

#[inline(always)]
pub(crate) fn read_submit(given: Arguments<'_>, message: &mut Message) -> Option<()> {
    counted(
        given,
        6,
        8,
        "submit(order_id, account, symbol, side, price, quantity, tif=0, flags=0)",
    )?;
    let optional = |place: usize, name| {
        if given.len() > place {
            small(given, place, name)
        } else {
            Some(0)
        }
    };
    let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    message.kind = message::NEW;
    message.id = number(given, 0)?.cast_unsigned();
    message.account = small(given, 1, "account")?;
    message.symbol = small(given, 2, "symbol")?;
    message.side = byte(small(given, 3, "side")?);
    message.price = number(given, 4)?;
    message.quantity = small(given, 5, "quantity")?;
    message.tif = byte(optional(6, "tif")?);
    message.flags = byte(optional(7, "flags")?);
    Some(())
}

#[inline(always)]
pub(crate) fn read_cancel(given: Arguments<'_>, message: &mut Message) -> Option<()> {
    counted(given, 3, 3, "cancel(order_id, account, symbol)")?;
    message.kind = message::CANCEL;
    message.id = number(given, 0)?.cast_unsigned();
    message.account = small(given, 1, "account")?;
    message.symbol = small(given, 2, "symbol")?;
    Some(())
}

#[inline(always)]
pub(crate) fn read_modify(given: Arguments<'_>, message: &mut Message) -> Option<()> {
    counted(
        given,
        5,
        5,
        "modify(order_id, account, symbol, price, quantity)",
    )?;
    message.kind = message::MODIFY;
    message.id = number(given, 0)?.cast_unsigned();
    message.account = small(given, 1, "account")?;
    message.symbol = small(given, 2, "symbol")?;
    message.price = number(given, 3)?;
    message.quantity = small(given, 4, "quantity")?;
    Some(())
}
