"""The feed listened to changes by word, or by itself when the other is better; never back."""

from dataclasses import dataclass, field

import pytest

from tests.fakes.market_feeds import a_bar
from tests.fakes.market_provider import FakeProvider
from tests.fakes.strategy_surroundings import OPENS_AT
from trading_core.errors import CheckFailed, Unreachable
from trading_core.lockstep import MINUTE
from trading_core.market_data.feeds import AT_FIRST, OURSELVES, Choice, Feeds

BARS = [a_bar("SPY", minute) for minute in range(30)]
BY_HAND = Choice("backup", fallback_enabled=True, reason="a drill", actor="on-call")


@dataclass
class Shelf:
    """Choices that are kept; `down` makes keeping and reading them fail."""

    kept: list[Choice] = field(default_factory=list)
    down: bool = False

    def newest(self) -> Choice | None:
        self._answer()
        return self.kept[-1] if self.kept else None

    def add(self, choice: Choice) -> None:
        self._answer()
        self.kept.append(choice)

    def _answer(self) -> None:
        if self.down:
            raise Unreachable("database: expected an answer, was none", next_step="wait")


class Room:
    """Both feeds two minutes after the open."""

    def __init__(self) -> None:
        self.primary = FakeProvider("primary", BARS)
        self.backup = FakeProvider("backup", BARS)
        self.shelf = Shelf()
        self.switches: list[str] = []
        self.feeds = self.new_feeds()
        for provider in (self.primary, self.backup):
            provider.start()
            provider.advance(OPENS_AT + 2 * MINUTE)

    def new_feeds(self) -> Feeds:
        return Feeds(
            self.primary,
            self.backup,
            self.shelf,
            silent_seconds_max=30,
            on_switch=lambda choice: self.switches.append(choice.active),
        )

    def minute(self, number: int) -> None:
        for provider in (self.primary, self.backup):
            provider.advance(OPENS_AT + number * MINUTE)


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_healthy_pair_stays_as_it_is(room: Room) -> None:
    room.primary.silent_seconds = room.backup.silent_seconds = 3600
    room.feeds.look()
    assert room.feeds.choice == AT_FIRST
    assert not room.switches
    assert not room.shelf.kept


def test_a_feed_that_is_silent_while_the_other_goes_on_is_given_up(room: Room) -> None:
    room.primary.mute = True
    room.minute(3)
    room.primary.silent_seconds = 30
    room.feeds.look()
    assert room.feeds.choice.active == "primary", "at the limit it still may come"
    room.primary.silent_seconds = 31
    room.feeds.look()
    choice = room.feeds.choice
    assert (choice.active, choice.actor) == ("backup", OURSELVES)
    assert choice.reason == "primary silent for 31 s, backup is at 13:33:00 UTC"
    assert room.shelf.kept == [choice]


def test_a_lost_connection_is_given_up_and_its_return_changes_nothing(room: Room) -> None:
    room.primary.down, room.primary.silent_seconds = True, 31
    room.feeds.look()
    assert room.feeds.choice.reason == "primary silent for 31 s, not connected"
    room.primary.down, room.primary.silent_seconds = False, 0
    room.feeds.look()
    assert room.feeds.active is room.backup
    assert room.switches == ["backup"]


def test_nothing_is_given_up_for_a_feed_that_is_not_there_or_without_leave(room: Room) -> None:
    room.primary.down, room.primary.silent_seconds = True, 31
    room.backup.down = True
    room.feeds.look()
    room.feeds.choose(Choice("primary", fallback_enabled=False, reason="a drill", actor="on-call"))
    room.backup.down = False
    room.feeds.look()
    assert room.feeds.active is room.primary


def test_a_person_chooses_only_a_feed_that_stands(room: Room) -> None:
    room.backup.down = True
    with pytest.raises(CheckFailed, match="feed backup: expected its stream to stand"):
        room.feeds.choose(BY_HAND)
    room.backup.down = False
    room.feeds.choose(BY_HAND)
    room.feeds.choose(BY_HAND)
    assert room.feeds.active is room.backup
    assert room.shelf.kept == [BY_HAND]


def test_a_choice_survives_a_restart_and_one_that_could_not_be_kept_is_not_made(
    room: Room,
) -> None:
    room.shelf.down = True
    with pytest.raises(Unreachable):
        room.feeds.choose(BY_HAND)
    assert room.feeds.active is room.primary
    room.shelf.down = False
    room.feeds.choose(BY_HAND)
    again = room.new_feeds()
    room.shelf.down = True
    again.look()
    assert again.choice.active == "primary", "until the database tells"
    room.shelf.down = False
    again.look()
    assert again.choice == BY_HAND


def test_without_a_database_the_feed_is_changed_and_written_down_later(room: Room) -> None:
    room.shelf.down = True
    room.primary.down, room.primary.silent_seconds = True, 31
    room.feeds.look()
    assert room.feeds.active is room.backup
    assert room.shelf.kept == []
    room.shelf.down = False
    room.feeds.look()
    room.feeds.look()
    assert [choice.active for choice in room.shelf.kept] == ["backup"]


def test_a_question_goes_to_the_other_feed_when_this_one_refuses(room: Room) -> None:
    room.primary.refusals = 1
    told = room.feeds.bars(["SPY"], OPENS_AT, OPENS_AT + MINUTE)
    assert told == BARS[:2]
    assert (room.primary.usage().refused, len(room.backup.asked)) == (1, 1)
    room.feeds.choose(Choice("primary", fallback_enabled=False, reason="a drill", actor="on-call"))
    room.primary.down = True
    with pytest.raises(Unreachable, match="primary"):
        room.feeds.latest_quotes(["SPY"])
