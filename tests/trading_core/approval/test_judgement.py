"""An answer counts for one question, by another person, in time, once; else it is told why not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_approvals import Person
from tests.trading_core.approval.sample import ASKED_AT, a_request
from trading_core.approval.judgement import RUN, Holder, Judgement, judge
from trading_core.approval.request import Answer, Request, Step

ANN, BOB, CAT = Person("ann"), Person("Bob Lee"), Person("cat")
REQUEST = a_request()
SOON = ASKED_AT + timedelta(minutes=5)
# Every part that the digest binds, each with another value for it.
OTHERWISE: dict[str, Any] = {
    "runbook": "fail-over",
    "subject": "exchange",
    "run_id": "run-2",
    "requested_by": "dan",
    "starter_key_id": "",
    "people_needed": 2,
    "reason": "boredom",
    "parameters": {"positions": "liquidate", "dry_run": False},
    "code_sha256": "d" * 64,
    "asked_at": ASKED_AT + timedelta(microseconds=1),
    "expires_at": ASKED_AT + timedelta(days=1),
}
steps = st.builds(Step, st.text(min_size=1, max_size=20), st.booleans())


def weigh(*answers: Answer, request: Request = REQUEST, known: Holder | None = None) -> Judgement:
    holders = {one.token.key_id: one.holder() for one in (ANN, BOB, CAT)}
    if known is not None:
        holders[known.key_id] = known
    return judge(request, [replace(one, at=one.at or SOON) for one in answers], holders)


def fault(answer: Answer, known: Holder | None = None) -> str:
    found = weigh(answer, known=known)
    assert not found.yes
    assert found.no is None
    [(_, why)] = found.worthless
    return why


def test_a_request_is_the_same_after_being_stored() -> None:
    again = Request.of_body(REQUEST.body)
    assert (again, again.digest) == (REQUEST, REQUEST.digest)
    assert REQUEST.digest.startswith(REQUEST.id)


def test_one_person_under_two_names_has_one_voice() -> None:
    request = replace(REQUEST, people_needed=2)
    as_rob = CAT.holder(person=BOB.holder().person)

    found = weigh(BOB.answer(request), CAT.answer(request), request=request, known=as_rob)

    assert not found.is_granted
    assert [why for _, why in found.worthless] == ["cat has answered already"]


def test_the_starter_under_another_name_cannot_approve() -> None:
    by_name = weigh(BOB.answer(REQUEST), known=BOB.holder(person=ANN.holder().person))
    assert "Bob Lee is the person who started this run" in by_name.worthless[0][1]

    request = replace(REQUEST, requested_by="dan", starter_key_id=CAT.token.key_id)
    as_cat = BOB.holder(person=CAT.holder().person)
    by_token = weigh(BOB.answer(request), request=request, known=as_cat)
    assert not by_token.yes


def test_another_persons_yes_counts() -> None:
    found = weigh(BOB.answer(REQUEST))
    assert found.is_granted
    assert [one.name for one in found.yes] == ["Bob Lee"]


def test_every_part_of_a_request_is_tried_below() -> None:
    assert {*OTHERWISE, "plan"} == set(Request.__dataclass_fields__)


@pytest.mark.parametrize("part", OTHERWISE)
def test_an_answer_is_void_once_what_was_asked_is_different(part: str) -> None:
    changed = a_request(**{part: OTHERWISE[part]})
    found = weigh(BOB.answer(REQUEST), request=changed)
    assert not found.yes
    assert "not under this plan, code and parameters" in found.worthless[0][1]


@given(st.lists(steps, max_size=4).map(tuple))
def test_an_answer_is_void_once_the_plan_is_different(plan: tuple[Step, ...]) -> None:
    found = weigh(BOB.answer(REQUEST), request=a_request(plan=plan))
    assert bool(found.yes) == (plan == REQUEST.plan)


@given(
    st.dictionaries(st.text(max_size=8), st.one_of(st.text(max_size=8), st.integers(), st.none()))
)
def test_an_answer_is_void_once_a_parameter_is_different(parameters: dict[str, Any]) -> None:
    found = weigh(BOB.answer(REQUEST), request=a_request(parameters=parameters))
    assert bool(found.yes) == (parameters == REQUEST.parameters)


@pytest.mark.parametrize(
    ("differently", "why"),
    [
        ({"says": ""}, "an answer of nothing is neither yes nor no"),
        ({"says": "YES!"}, "neither yes nor no"),
        ({"reason": " "}, "an answer without a reason"),
        ({"name": ""}, "an answer without a name"),
        ({"reason": "something else"}, "the signature is not under"),
        ({"signature": ""}, "the signature is not under"),
        ({"says": "no"}, "the signature is not under"),
        ({"name": "cat"}, "signed with a token of somebody else"),
        ({"key_id": "f" * 12}, "signed with no token that we know"),
        ({"key_id": CAT.token.key_id}, "signed with a token of somebody else"),
        ({"at": REQUEST.expires_at + timedelta(seconds=1)}, "answered after 2026-03-02 15:00:00"),
    ],
)
def test_an_answer_that_was_tampered_with_is_none(differently: dict[str, Any], why: str) -> None:
    assert why in fault(replace(BOB.answer(REQUEST), **differently))


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"scope": RUN}, "the token is for run, not for approve"),
        ({"revoked_at": ASKED_AT}, "the token was revoked at 2026-03-02 14:30 UTC"),
        ({"valid_until": ASKED_AT}, "the token was valid until 2026-03-02 14:30 UTC"),
        ({"name": "dan"}, "signed with a token of somebody else"),
        ({"public_key": CAT.token.public_key}, "the signature is not under"),
    ],
)
def test_an_answer_with_a_token_that_does_not_allow_it_is_none(
    known: dict[str, Any], why: str
) -> None:
    assert why in fault(BOB.answer(REQUEST), BOB.holder(**known))


@pytest.mark.parametrize("spelling", ["ann", " Ann ", "ANN"])
def test_whoever_started_it_cannot_answer(spelling: str) -> None:
    ann = Person(spelling, ANN.token)
    why = fault(ann.answer(REQUEST), ann.holder())
    assert "started this run and cannot approve it" in why


def test_the_same_person_says_yes_once_with_however_many_tokens() -> None:
    request = a_request(people_needed=2)
    twice = Person("BOB  lee")
    answers = (BOB.answer(request), twice.answer(request), BOB.answer(request))
    found = weigh(*answers, request=request, known=twice.holder())
    assert not found.is_granted
    assert found.missing == 1
    assert [why for _, why in found.worthless] == [
        "BOB  lee has answered already",
        "Bob Lee has answered already",
    ]
    assert weigh(*answers, CAT.answer(request), request=request, known=twice.holder()).is_granted


def test_a_no_outweighs_every_yes() -> None:
    found = weigh(BOB.answer(REQUEST), CAT.answer(REQUEST, "no", "not in this market"))
    assert not found.is_granted
    assert found.no is not None
    assert found.no.reason == "not in this market"


def test_a_forged_no_stops_nothing() -> None:
    forged = replace(CAT.answer(REQUEST, "no"), signature="forged")
    assert weigh(forged, BOB.answer(REQUEST)).is_granted
