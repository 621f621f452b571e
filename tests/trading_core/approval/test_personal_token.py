"""A token signs for its owner only, and is not taken from a file that others can read."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.approval.personal_token import PersonalToken, folded, is_signed
from trading_core.approval.token_file import own_token
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings

TOKEN = PersonalToken.new()


def test_a_token_is_the_same_after_being_kept_as_text() -> None:
    again = PersonalToken.read(f"  {TOKEN.text}\n")
    assert (again.public_key, again.key_id) == (TOKEN.public_key, TOKEN.key_id)
    assert is_signed(TOKEN.public_key, b"yes", again.sign(b"yes"))


def test_printing_a_token_does_not_show_it() -> None:
    assert TOKEN.text.split(".")[1] not in repr(TOKEN) + str([TOKEN])


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_a_signature_is_under_exactly_the_words_it_was_made_for(one: bytes, other: bytes) -> None:
    assert is_signed(TOKEN.public_key, other, TOKEN.sign(one)) == (one == other)


@given(st.text(max_size=100))
def test_whatever_is_sent_as_a_signature_is_refused_and_nothing_breaks(text: str) -> None:
    assert not is_signed(TOKEN.public_key, b"yes", text)


@given(st.integers(0, len(TOKEN.text) - 1), st.sampled_from("aZ0_.x"))
def test_a_mistyped_token_is_refused(place: int, letter: str) -> None:
    mistyped = TOKEN.text[:place] + letter + TOKEN.text[place + 1 :]
    if mistyped != TOKEN.text:
        with pytest.raises(ConfigurationError, match="personal token"):
            PersonalToken.read(mistyped)


def test_a_last_letter_that_differs_only_in_bits_base64_drops_is_mistyped_too() -> None:
    prefix, encoded, checksum = TOKEN.text.split(".")
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    twin = letters[letters.index(encoded[-1]) ^ 1]
    with pytest.raises(ConfigurationError, match="personal token"):
        PersonalToken.read(f"{prefix}.{encoded[:-1]}{twin}.{checksum}")


def test_a_token_others_can_read_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN.text)
    file.chmod(0o640)
    with pytest.raises(ConfigurationError, match="was 0640") as refused:
        own_token(Settings(token_file=file))
    assert f"chmod 600 {file}" in refused.value.next_step
    file.chmod(0o600)
    assert own_token(Settings(token_file=file)) == TOKEN


def test_a_named_token_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        own_token(Settings(), tmp_path / "none")


def test_the_token_of_the_usual_place_is_found_and_none_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert own_token(Settings()) is None
    usual = tmp_path / ".config" / "tradeops" / "token"
    usual.parent.mkdir(parents=True)
    usual.write_text(TOKEN.text)
    usual.chmod(0o600)
    assert own_token(Settings()) == TOKEN


@pytest.mark.parametrize("name", ["Ann Lee", " ann  lee ", "ANN LEE", "\uff21nn lee", "ann\tlee"])
def test_one_name_in_many_spellings_is_one_person(name: str) -> None:
    assert folded(name) == "ann lee"
