"""The kernel: the only place where the world is changed. House rules in CONTRIBUTING.md."""

from tasks.kernel.action import action
from tasks.kernel.approval import Grant, granted
from tasks.kernel.change import Change, Did, Outcome, Unchanged
from tasks.kernel.check import CheckResult, Verdict, check, graded
from tasks.kernel.checklist import (
    Checklist,
    Line,
    Readiness,
    collect,
    confirmed,
    ended,
    meanwhile,
    settle,
)
from tasks.kernel.journal import BreakGlassLedger, LocalJournal, NoLedger
from tasks.kernel.ledger import Kind, Ledger, PostgresLedger, Record
from tasks.kernel.plan import PROJECT, Planned, code_sha256, rehearse
from tasks.kernel.run import Run, begin, current_run

__all__ = [
    "PROJECT",
    "BreakGlassLedger",
    "Change",
    "CheckResult",
    "Checklist",
    "Did",
    "Grant",
    "Kind",
    "Ledger",
    "Line",
    "LocalJournal",
    "NoLedger",
    "Outcome",
    "Planned",
    "PostgresLedger",
    "Readiness",
    "Record",
    "Run",
    "Unchanged",
    "Verdict",
    "action",
    "begin",
    "check",
    "code_sha256",
    "collect",
    "confirmed",
    "current_run",
    "ended",
    "graded",
    "granted",
    "meanwhile",
    "rehearse",
    "settle",
]
