"""A sealed answer opens for the one who asked, for that question, and for nobody else."""

import pytest
from pydantic import SecretStr

from trading_core.errors import CheckFailed
from trading_core.secret_store import sealed

ANSWER = SecretStr("a planted secret")


def test_the_asker_reads_what_was_sealed_and_nobody_else_does() -> None:
    private, stranger = sealed.new_private_key(), sealed.new_private_key()
    box = sealed.seal(sealed.public_half(private), "request", ANSWER)
    assert sealed.unseal(private, "request", box) == ANSWER
    assert "planted" not in box
    with pytest.raises(CheckFailed, match="another or damaged"):
        sealed.unseal(stranger, "request", box)


def test_an_answer_does_not_pass_for_that_to_another_request() -> None:
    private = sealed.new_private_key()
    box = sealed.seal(sealed.public_half(private), "request", ANSWER)
    with pytest.raises(CheckFailed, match="another or damaged"):
        sealed.unseal(private, "another", box)


@pytest.mark.parametrize("damaged", ["", "x", "!" * 200, "A" * 200])
def test_what_is_no_sealed_answer_is_refused_in_words(damaged: str) -> None:
    with pytest.raises(CheckFailed, match="another or damaged"):
        sealed.unseal(sealed.new_private_key(), "request", damaged)


def test_the_same_answer_never_looks_the_same() -> None:
    public = sealed.public_half(sealed.new_private_key())
    assert sealed.seal(public, "request", ANSWER) != sealed.seal(public, "request", ANSWER)
