//! Single orders from Python: methods that read their own arguments.
//!
//! The generated way of reading arguments was measured at 98 ns a call against 47 before this was
//! written. Each block of `unsafe` says why it is sound; a panic in the engine becomes a Python exception.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::event::EventKind;
use crate::message::{self, Message};
use crate::python_desk::Desk;
use crate::python_engine::PyEngine;
use crate::python_number;

type Arguments<'a> = &'a [*mut ffi::PyObject];

/// Carry out what a raw call asks for, with the engine that `slf` is.
///
/// # Safety
/// Called by Python through a method descriptor of `Engine`: attached, `slf` an `Engine`, `count`
/// arguments at `arguments`, of which none is null.
#[inline(always)]
unsafe fn raw_call(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    read: impl Fn(Arguments<'_>, &mut Message) -> Option<()>,
) -> *mut ffi::PyObject {
    // SAFETY: see above; a null pointer is only given with a count of 0.
    let (py, given) = unsafe {
        let py = Python::assume_attached();
        let given = if arguments.is_null() {
            &[][..]
        } else {
            std::slice::from_raw_parts(arguments, count.cast_unsigned())
        };
        (py, given)
    };
    // Written in place: a copy would read in one piece what was just written in several, and wait.
    let mut message = Message::default();
    if read(given, &mut message).is_none() {
        return std::ptr::null_mut();
    }
    // SAFETY: the caller's reference keeps the engine alive during the call; its class is frozen, so
    // that nobody has a `&mut` to it.
    let owner = unsafe { Borrowed::from_ptr(py, slf).cast_unchecked::<PyEngine>() };
    match catch_unwind(AssertUnwindSafe(|| carry_out(owner.get(), &message))) {
        // SAFETY: attached; the error indicator is not set.
        Ok(Ok(answer)) => unsafe { ffi::PyLong_FromLong(answer) },
        Ok(Err(error)) => fail(py, error),
        Err(_) => {
            let text = "engine: an invariant is broken; rebuild it";
            fail(py, PyRuntimeError::new_err(text))
        }
    }
}

#[cold]
fn fail(py: Python<'_>, error: PyErr) -> *mut ffi::PyObject {
    error.restore(py);
    std::ptr::null_mut()
}

/// Return how many events a command caused; or, negative, why it was refused.
#[inline(always)]
fn carry_out(owner: &PyEngine, message: &Message) -> PyResult<c_long> {
    let mut hold = owner.desk.hold()?;
    let Desk {
        engine, journal, ..
    } = &mut *hold;
    if !engine.has_room_for_events() {
        return Err(full());
    }
    let before = engine.events().len();
    if let Some(journal) = journal {
        journal.append_message(message);
    }
    engine.apply(message);
    let caused = engine.events().get(before..).unwrap_or_default();
    Ok(match caused.first() {
        Some(first) if first.kind == EventKind::Refuse => -c_long::from(first.reason as u8),
        _ => caused.len().cast_signed() as c_long,
    })
}

#[cold]
fn full() -> PyErr {
    let text = "engine: expected room for events, is full: take_events() first";
    PyRuntimeError::new_err(text)
}

/// Read an argument that fits 64 bits, signed or not; sets the error indicator otherwise.
#[inline(always)]
fn number(given: Arguments<'_>, place: usize) -> Option<i64> {
    let object = *given.get(place)?;
    // SAFETY: a live reference, while attached.
    let number = unsafe { python_number::read(object) };
    if number == -1 {
        return number_slowly(object, place);
    }
    Some(number)
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
fn read_submit(given: Arguments<'_>, message: &mut Message) -> Option<()> {
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
fn read_cancel(given: Arguments<'_>, message: &mut Message) -> Option<()> {
    counted(given, 3, 3, "cancel(order_id, account, symbol)")?;
    message.kind = message::CANCEL;
    message.id = number(given, 0)?.cast_unsigned();
    message.account = small(given, 1, "account")?;
    message.symbol = small(given, 2, "symbol")?;
    Some(())
}

#[inline(always)]
fn read_modify(given: Arguments<'_>, message: &mut Message) -> Option<()> {
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

macro_rules! raw_method {
    ($name:ident, $read:ident) => {
        unsafe extern "C" fn $name(
            slf: *mut ffi::PyObject,
            arguments: *mut *mut ffi::PyObject,
            count: ffi::Py_ssize_t,
        ) -> *mut ffi::PyObject {
            // SAFETY: Python calls it as `raw_call` wants.
            unsafe { raw_call(slf, arguments, count, $read) }
        }
    };
}

raw_method!(raw_submit, read_submit);
raw_method!(raw_cancel, read_cancel);
raw_method!(raw_modify, read_modify);

type Raw = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *mut *mut ffi::PyObject,
    ffi::Py_ssize_t,
) -> *mut ffi::PyObject;

const RAW_METHODS: [(&CStr, Raw, &CStr); 3] = [
    (
        c"submit",
        raw_submit,
        c"submit($self, order_id, account, symbol, side, price, quantity, tif=0, flags=0, /)\n--\n\nEnter an order.",
    ),
    (c"cancel", raw_cancel, c"cancel($self, order_id, account, symbol, /)\n--\n\nTake an order out."),
    (
        c"modify",
        raw_modify,
        c"modify($self, order_id, account, symbol, price, quantity, /)\n--\n\nChange an order.",
    ),
];

/// Give the class its raw methods.
pub fn add_raw_methods(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<PyEngine>();
    for (name, function, doc) in RAW_METHODS {
        // A method's definition must live as long as the class, which is for ever.
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFast: function,
            },
            ml_flags: ffi::METH_FASTCALL,
            ml_doc: doc.as_ptr(),
        }));
        // SAFETY: the definition is leaked, the class is alive, and the result is owned or null.
        let method = unsafe {
            Bound::from_owned_ptr_or_err(
                py,
                ffi::PyDescr_NewMethod(class.as_type_ptr(), definition),
            )
        }?;
        class.setattr(name.to_string_lossy().as_ref(), method)?;
    }
    Ok(())
}
