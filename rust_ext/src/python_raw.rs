//! Single orders from Python: methods that read their own arguments.
//!
//! The generated way of reading arguments was measured at 98 ns a call against 47 before this was
//! written. Each block of `unsafe` says why it is sound; a panic in the engine becomes a Python exception.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::event::{EventKind, Reason};
use crate::message::Message;
use crate::python_answer::answer_of;
use crate::python_arguments::{
    Arguments, given, read_cancel, read_modify, read_submit, read_ticket,
};
use crate::python_batch;
use crate::python_desk::Desk;
use crate::python_engine::PyEngine;

/// Do something with the engine that `slf` is, and answer with the object it makes, or raise.
///
/// # Safety
/// Called by Python through a method descriptor of `Engine`: attached, `slf` an `Engine`, and the
/// error indicator is not set.
#[inline(always)]
unsafe fn guarded(
    slf: *mut ffi::PyObject,
    work: impl FnOnce(Python<'_>, &PyEngine) -> PyResult<*mut ffi::PyObject>,
) -> *mut ffi::PyObject {
    // SAFETY: attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the caller's reference keeps the engine alive during the call; its class is frozen, so
    // that nobody has a `&mut` to it.
    let owner = unsafe { Borrowed::from_ptr(py, slf).cast_unchecked::<PyEngine>() };
    match catch_unwind(AssertUnwindSafe(|| work(py, owner.get()))) {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => fail(py, error),
        Err(_) => {
            let text = "engine: an invariant is broken; rebuild it";
            fail(py, PyRuntimeError::new_err(text))
        }
    }
}

/// The same, of what answers with a number.
///
/// # Safety
/// As of `guarded`.
#[inline(always)]
unsafe fn answer(
    slf: *mut ffi::PyObject,
    work: impl FnOnce(Python<'_>, &PyEngine) -> PyResult<i64>,
) -> *mut ffi::PyObject {
    let work = |py: Python<'_>, owner: &PyEngine| {
        let number = work(py, owner)?;
        // SAFETY: attached; the error indicator is not set, and the module keeps the answers.
        Ok(unsafe { answer_of(number) })
    };
    // SAFETY: the caller's promise.
    unsafe { guarded(slf, work) }
}

#[cold]
fn fail(py: Python<'_>, error: PyErr) -> *mut ffi::PyObject {
    error.restore(py);
    std::ptr::null_mut()
}

/// Return how many events a command caused; or, negative, why it was refused.
#[inline(always)]
fn carry_out(owner: &PyEngine, message: &Message) -> PyResult<i64> {
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
        Some(first) if first.kind == EventKind::Refuse => -i64::from(first.reason as u8),
        _ => caused.len().cast_signed() as i64,
    })
}

#[cold]
fn full() -> PyErr {
    let text = "engine: expected room for events, is full: read the events first";
    PyRuntimeError::new_err(text)
}

/// # Safety
/// As of `guarded`.
#[inline(always)]
unsafe fn command(
    slf: *mut ffi::PyObject,
    given: Arguments<'_>,
    read: impl FnOnce(Arguments<'_>, &mut Message) -> Option<()>,
) -> *mut ffi::PyObject {
    // Written in place: a copy would read in one piece what was just written in several, and wait.
    let mut message = Message::default();
    if read(given, &mut message).is_none() {
        return std::ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    unsafe { answer(slf, |_, owner| carry_out(owner, &message)) }
}

/// # Safety
/// As of `guarded`.
#[inline(always)]
unsafe fn submit(slf: *mut ffi::PyObject, given: Arguments<'_>) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise.
    unsafe { command(slf, given, read_submit) }
}

/// # Safety
/// As of `guarded`.
#[inline(always)]
unsafe fn modify(slf: *mut ffi::PyObject, given: Arguments<'_>) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise.
    unsafe { command(slf, given, read_modify) }
}

/// # Safety
/// As of `guarded`.
#[inline(always)]
unsafe fn cancel(slf: *mut ffi::PyObject, given: Arguments<'_>) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise.
    unsafe { command(slf, given, read_cancel) }
}

/// # Safety
/// As of `guarded`.
#[inline(always)]
unsafe fn place(slf: *mut ffi::PyObject, given: Arguments<'_>) -> *mut ffi::PyObject {
    let mut message = Message::default();
    if read_submit(given, &mut message).is_none() {
        return std::ptr::null_mut();
    }
    let work = |_: Python<'_>, owner: &PyEngine| {
        let caused = carry_out(owner, &message)?;
        if caused < 0 {
            return Ok(caused);
        }
        Ok(owner
            .desk
            .hold()?
            .engine
            .ticket_of(message.id)
            .cast_signed())
    };
    // SAFETY: the caller's promise.
    unsafe { answer(slf, work) }
}

unsafe extern "C" fn raw_withdraw(
    slf: *mut ffi::PyObject,
    ticket: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the argument is alive during the call.
    let Some(ticket) = (unsafe { read_ticket(ticket) }) else {
        return std::ptr::null_mut();
    };
    let work = |_: Python<'_>, owner: &PyEngine| {
        let mut hold = owner.desk.hold()?;
        let Desk {
            engine, journal, ..
        } = &mut *hold;
        if !engine.has_room_for_an_event() {
            return Err(full());
        }
        if let Some(journal) = journal
            && let Some((at, _)) = engine.order_of(ticket)
        {
            journal.append_message(&engine.cancel_of(at));
        }
        Ok(if engine.cancel_ticket(ticket) {
            1
        } else {
            -i64::from(Reason::UnknownId as u8)
        })
    };
    // SAFETY: Python calls a method of `Engine`.
    unsafe { answer(slf, work) }
}

unsafe extern "C" fn raw_apply(
    slf: *mut ffi::PyObject,
    rows: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: Python calls a method of `Engine`; the argument is alive during the call.
    unsafe { answer(slf, |py, owner| python_batch::apply(py, owner, rows)) }
}

unsafe extern "C" fn raw_take_events(
    slf: *mut ffi::PyObject,
    record: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let work = |py: Python<'_>, owner: &PyEngine| {
        // SAFETY: the argument is alive during the call.
        let record = unsafe { Borrowed::from_ptr(py, record) };
        owner.take_events(&record)
    };
    // SAFETY: Python calls a method of `Engine`.
    unsafe { guarded(slf, work) }
}

macro_rules! raw_method {
    ($name:ident, $method:ident) => {
        unsafe extern "C" fn $name(
            slf: *mut ffi::PyObject,
            arguments: *mut *mut ffi::PyObject,
            count: ffi::Py_ssize_t,
        ) -> *mut ffi::PyObject {
            // SAFETY: Python calls a method of `Engine`, with `count` arguments.
            unsafe { $method(slf, given(arguments, count)) }
        }
    };
}

raw_method!(raw_submit, submit);
raw_method!(raw_cancel, cancel);
raw_method!(raw_modify, modify);
raw_method!(raw_place, place);

/// A method of several arguments, or of one.
enum Raw {
    Several(ffi::PyCFunctionFast),
    One(ffi::PyCFunction),
}

const RAW_METHODS: [(&CStr, Raw, &CStr); 7] = [
    (
        c"submit",
        Raw::Several(raw_submit),
        c"submit($self, order_id, account, symbol, side, price, quantity, tif=0, flags=0, /)\n--\n\nEnter an order.",
    ),
    (
        c"cancel",
        Raw::Several(raw_cancel),
        c"cancel($self, order_id, account, symbol, /)\n--\n\nTake an order out.",
    ),
    (
        c"modify",
        Raw::Several(raw_modify),
        c"modify($self, order_id, account, symbol, price, quantity, /)\n--\n\nChange an order.",
    ),
    (
        c"place",
        Raw::Several(raw_place),
        c"place($self, order_id, account, symbol, side, price, quantity, tif=0, flags=0, /)\n--\n\nEnter an order for its ticket.",
    ),
    (
        c"withdraw",
        Raw::One(raw_withdraw),
        c"withdraw($self, ticket, /)\n--\n\nTake an order out by its ticket.",
    ),
    (
        c"apply",
        Raw::One(raw_apply),
        c"apply($self, rows, /)\n--\n\nCarry out rows of 32 or 64 bytes.",
    ),
    (
        c"take_events",
        Raw::One(raw_take_events),
        c"take_events($self, record, /)\n--\n\nHand out the events since the last time.",
    ),
];

/// Give the class its raw methods.
pub fn add_raw_methods(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<PyEngine>();
    for (name, function, doc) in RAW_METHODS {
        let (ml_meth, ml_flags) = match function {
            Raw::Several(several) => (
                ffi::PyMethodDefPointer {
                    PyCFunctionFast: several,
                },
                ffi::METH_FASTCALL,
            ),
            Raw::One(one) => (ffi::PyMethodDefPointer { PyCFunction: one }, ffi::METH_O),
        };
        // A method's definition must live as long as the class, which is for ever.
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth,
            ml_flags,
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
