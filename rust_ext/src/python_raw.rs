//! Single orders from Python: methods that read their own arguments.
//!
//! The generated way of reading arguments was measured at 98 ns a call against 47 before this was
//! written. Each block of `unsafe` says why it is sound; a panic in the engine becomes a Python exception.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::engine::Engine;
use crate::event::EventKind;
use crate::message::{self, Message};
use crate::python_engine::PyEngine;

type Arguments<'a> = &'a [*mut ffi::PyObject];

/// Carry out what a raw call asks for, with the engine that `slf` is.
///
/// # Safety
/// Called by Python through a method descriptor of `Engine`: attached, `slf` an `Engine`, `count`
/// arguments at `arguments`.
unsafe fn raw_call(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    call: fn(&mut Engine, Arguments<'_>) -> Option<Message>,
) -> *mut ffi::PyObject {
    // SAFETY: see above; a null pointer is only given with a count of 0.
    let (py, given, object) = unsafe {
        let py = Python::assume_attached();
        let given = if count == 0 {
            &[][..]
        } else {
            std::slice::from_raw_parts(arguments, count.cast_unsigned())
        };
        (
            py,
            given,
            Bound::from_borrowed_ptr(py, slf).cast_into_unchecked::<PyEngine>(),
        )
    };
    let Ok(mut owner) = object.try_borrow_mut() else {
        PyRuntimeError::new_err("engine: another thread is using it").restore(py);
        return std::ptr::null_mut();
    };
    let told = catch_unwind(AssertUnwindSafe(|| {
        let message = call(&mut owner.engine, given)?;
        if !owner.engine.has_room_for_events() {
            let text = "engine: expected room for events, is full: take_events() first";
            PyRuntimeError::new_err(text).restore(py);
            return None;
        }
        let before = owner.engine.events().len();
        let PyEngine { engine, journal } = &mut *owner;
        if let Some(journal) = journal {
            journal.append_message(&message);
        }
        engine.apply(&message);
        Some(answer(&owner.engine, before))
    }));
    match told {
        // SAFETY: attached; the error indicator is not set.
        Ok(Some(answer)) => unsafe { ffi::PyLong_FromLong(answer) },
        Ok(None) => std::ptr::null_mut(),
        Err(_) => {
            PyRuntimeError::new_err("engine: an invariant is broken; rebuild it").restore(py);
            std::ptr::null_mut()
        }
    }
}

/// How many events a call caused; or, negative, why it was refused.
fn answer(engine: &Engine, before: usize) -> std::os::raw::c_long {
    let caused = engine.events().get(before..).unwrap_or_default();
    match caused.first() {
        Some(first) if first.kind == EventKind::Refuse => -(first.reason as std::os::raw::c_long),
        _ => caused.len().cast_signed() as std::os::raw::c_long,
    }
}

/// Read an argument that fits 64 bits, signed or not; sets the error indicator otherwise.
fn number(given: Arguments<'_>, place: usize) -> Option<i64> {
    let object = *given.get(place)?;
    // SAFETY: a live reference, while attached. The second reading is for ids above 2^63 - 1.
    unsafe {
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
fn small(given: Arguments<'_>, place: usize, name: &'static str) -> Option<u32> {
    let number = number(given, place)?;
    if let Ok(number) = u32::try_from(number) {
        return Some(number);
    }
    // SAFETY: only called from a raw call, which is attached.
    let py = unsafe { Python::assume_attached() };
    let text = format!("{name}: expected 0 to {}, was {number}", u32::MAX);
    PyOverflowError::new_err(text).restore(py);
    None
}

fn counted(given: Arguments<'_>, least: usize, most: usize, usage: &'static str) -> Option<()> {
    if (least..=most).contains(&given.len()) {
        return Some(());
    }
    // SAFETY: only called from a raw call, which is attached.
    let py = unsafe { Python::assume_attached() };
    PyTypeError::new_err(format!("expected {usage}")).restore(py);
    None
}

fn read_submit(_: &mut Engine, given: Arguments<'_>) -> Option<Message> {
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
    Some(Message {
        id: number(given, 0)?.cast_unsigned(),
        account: small(given, 1, "account")?,
        symbol: small(given, 2, "symbol")?,
        side: byte(small(given, 3, "side")?),
        price: number(given, 4)?,
        quantity: small(given, 5, "quantity")?,
        tif: byte(optional(6, "tif")?),
        flags: byte(optional(7, "flags")?),
        kind: message::NEW,
    })
}

fn read_cancel(_: &mut Engine, given: Arguments<'_>) -> Option<Message> {
    counted(given, 3, 3, "cancel(order_id, account, symbol)")?;
    Some(Message {
        id: number(given, 0)?.cast_unsigned(),
        account: small(given, 1, "account")?,
        symbol: small(given, 2, "symbol")?,
        kind: message::CANCEL,
        ..Message::default()
    })
}

fn read_modify(_: &mut Engine, given: Arguments<'_>) -> Option<Message> {
    counted(
        given,
        5,
        5,
        "modify(order_id, account, symbol, price, quantity)",
    )?;
    Some(Message {
        id: number(given, 0)?.cast_unsigned(),
        account: small(given, 1, "account")?,
        symbol: small(given, 2, "symbol")?,
        price: number(given, 3)?,
        quantity: small(given, 4, "quantity")?,
        kind: message::MODIFY,
        ..Message::default()
    })
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
