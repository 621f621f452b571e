"""Corporate actions, positions, cash and equity compared.

A missing fill moves a position, cash and equity as well. Those are its consequences and no breaks
of their own: a standing is a break only as far as the breaks found before do not explain it. A
duplicate may or may not have been booked, so it explains a difference with or without itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from trading_core.domain.activities import ActivityKind
from trading_core.reconciliation.breaks import Break, BreakType, Subject, Words
from trading_core.reconciliation.statement import ActionWord, HoldingWord, Of, Statement
from trading_core.reconciliation.tolerances import Tolerances

_NOTHING = HoldingWord(Decimal(0), Decimal(0))
_ACTIONS = {
    ActivityKind.FEE: BreakType.FEE,
    ActivityKind.DIVIDEND: BreakType.CORPORATE_ACTION,
    ActivityKind.SPLIT: BreakType.CORPORATE_ACTION,
    ActivityKind.OTHER: BreakType.CASH,
}


@dataclass(slots=True)
class Explained:
    """How far breaks put the two sides apart: surely, and by duplicates that may be booked.

    Attributes:
        shares: By account and symbol.
        cash_usd: By account.
        named: Accounts and symbols whose cost a break touches.
    """

    shares: dict[Of, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    shares_perhaps: dict[Of, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    cash_usd: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    cash_usd_perhaps: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    named: set[Of] = field(default_factory=set)

    def add(self, found: Iterable[Break], cash_after: date | None = None) -> None:
        """Take breaks into account.

        Args:
            cash_after: The day whose closing cash both sides agreed on: what broke by then is in
                it already, but for what was charged or paid after the close and dated back.
        """
        for one in found:
            perhaps = one.is_duplicate
            of = one.account, one.symbol
            is_action = one.about is Subject.ACTION
            if one.shares or not is_action:
                self.named.add(of)
            (self.shares_perhaps if perhaps else self.shares)[of] += one.shares
            dated_back = is_action and one.trading_date == cash_after
            if cash_after is None or one.trading_date > cash_after or dated_back:
                cash_usd = self.cash_usd_perhaps if perhaps else self.cash_usd
                cash_usd[one.account] += one.cash_usd

    def left_of_shares(self, of: Of, apart: Decimal) -> Decimal:
        """Return what is left of a difference in shares."""
        return _left(apart, self.shares.get(of), self.shares_perhaps.get(of))

    def left_of_cash(self, account: str, apart: Decimal) -> Decimal:
        """Return what is left of a difference in dollars of cash."""
        return _left(apart, self.cash_usd.get(account), self.cash_usd_perhaps.get(account))


def _left(apart: Decimal, surely: Decimal | None, perhaps: Decimal | None) -> Decimal:
    """Return the smallest rest: with all explanations, without duplicates, or with none at all.

    A difference that is not there needs no explanation, whatever broke elsewhere.
    """
    sure = surely or Decimal(0)
    ways = (Decimal(0), sure, sure + (perhaps or Decimal(0)))
    return min((apart - way for way in ways), key=abs) if apart else apart


def compare_actions(ours: Statement, theirs: Statement, limits: Tolerances) -> Iterator[Break]:
    """Yield a break for every corporate action or fee that one side has not, or has otherwise."""
    here, there = _by_key(ours.actions), _by_key(theirs.actions)
    for key in sorted(here.keys() | there.keys()):
        booked, told = here.get(key), there.get(key)
        shares = _of(told, "shares") - _of(booked, "shares")
        cash_usd = _of(told, "cash_usd") - _of(booked, "cash_usd")
        limit_usd = limits.fee_usd if key[1] is ActivityKind.FEE else limits.cash_usd
        if abs(shares) > limits.quantity_shares or abs(cash_usd) > limit_usd:
            yield _action_break(key, booked, told, shares, cash_usd)


_ActionKey = tuple[str, ActivityKind, str, date]


def _by_key(actions: Iterable[ActionWord]) -> dict[_ActionKey, ActionWord]:
    """Return the sum of each kind of action by account, kind, symbol and day."""
    found: dict[_ActionKey, ActionWord] = {}
    for one in actions:
        key = one.account, one.kind, one.symbol, one.on
        before = found.get(key)
        shares, cash_usd = _of(before, "shares"), _of(before, "cash_usd")
        found[key] = ActionWord(*key, shares + one.shares, cash_usd + one.cash_usd)
    return found


def _of(action: ActionWord | None, name: str) -> Decimal:
    amount: Decimal = Decimal(0) if action is None else getattr(action, name)
    return amount


def _action_break(
    key: _ActionKey,
    ours: ActionWord | None,
    theirs: ActionWord | None,
    shares: Decimal,
    cash_usd: Decimal,
) -> Break:
    account, kind, symbol, on = key
    return Break(
        type=_ACTIONS[kind],
        about=Subject.ACTION,
        account=account,
        name=f"{kind} {symbol}".strip(),
        symbol=symbol,
        trading_date=on,
        ours=_action_words(ours),
        theirs=_action_words(theirs),
        shares=shares,
        cash_usd=cash_usd,
    )


def _action_words(action: ActionWord | None) -> Words | None:
    if action is None:
        return None
    return {
        "kind": action.kind,
        "on": action.on.isoformat(),
        "shares": f"{action.shares.normalize():+f}",
        "cash": f"${action.cash_usd.normalize():f}",
    }


def compare_holdings(
    ours: Statement, theirs: Statement, day: date, explained: Explained, limits: Tolerances
) -> Iterator[Break]:
    """Yield a break for every position that the breaks found before do not explain."""
    for of in sorted(ours.holdings.keys() | theirs.holdings.keys()):
        here = ours.holdings.get(of, _NOTHING)
        there = theirs.holdings.get(of, _NOTHING)
        left = explained.left_of_shares(of, there.shares - here.shares)
        if abs(left) > limits.quantity_shares:
            is_orphan = not (here.shares and there.shares)
            kind = BreakType.ORPHAN_POSITION if is_orphan else BreakType.QUANTITY
            yield _holding_break(kind, of, (here, there), day, left)
        elif _costs_otherwise(of, here, there, explained, limits):
            yield _holding_break(BreakType.PRICE, of, (here, there), day, Decimal(0))


def _costs_otherwise(
    of: Of, ours: HoldingWord, theirs: HoldingWord, explained: Explained, limits: Tolerances
) -> bool:
    """Whether the same shares cost something else, where no break touches what they cost."""
    same = ours.shares == theirs.shares and of not in explained.named
    return same and abs(theirs.cost_usd - ours.cost_usd) > limits.cost_usd


def _holding_break(
    kind: BreakType, of: Of, sides: tuple[HoldingWord, HoldingWord], day: date, shares: Decimal
) -> Break:
    account, symbol = of
    ours, theirs = (_holding_words(one) for one in sides)
    return Break(
        type=kind,
        about=Subject.POSITION,
        account=account,
        name=symbol,
        symbol=symbol,
        trading_date=day,
        ours=ours,
        theirs=theirs,
        shares=shares,
    )


def _holding_words(holding: HoldingWord) -> Words | None:
    if holding == _NOTHING:
        return None
    return {"shares": f"{holding.shares:+f}", "cost": f"${holding.cost_usd:.2f}"}


def compare_balances(
    ours: Statement,
    theirs: Statement,
    day: date,
    explained: Explained,
    limits: Tolerances,
    prices_usd: Mapping[str, Decimal],
) -> Iterator[Break]:
    """Yield a break for cash, or else for equity, that the breaks found before do not explain.

    Args:
        prices_usd: What the broker values a share of each symbol at.
    """
    held_usd = _held_apart_usd(ours, theirs, prices_usd)
    for account in sorted(ours.balances.keys() & theirs.balances.keys()):
        here, there = ours.balances[account], theirs.balances[account]
        apart_usd = there.cash_usd - here.cash_usd
        left_usd = explained.left_of_cash(account, apart_usd)
        if abs(left_usd) > limits.cash_usd:
            words = (_dollars(here.cash_usd), _dollars(there.cash_usd))
            yield _balance_break(BreakType.CASH, account, words, day, left_usd)
        if here.equity_usd is None or there.equity_usd is None:
            continue
        rest_usd = there.equity_usd - here.equity_usd - apart_usd - held_usd[account]
        if abs(rest_usd) > limits.equity_usd:
            words = (_dollars(here.equity_usd), _dollars(there.equity_usd))
            yield _balance_break(BreakType.PROFIT, account, words, day, rest_usd)


def _held_apart_usd(
    ours: Statement, theirs: Statement, prices_usd: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Return by account what the difference of all its positions is worth."""
    worth_usd: dict[str, Decimal] = defaultdict(Decimal)
    for of in ours.holdings.keys() | theirs.holdings.keys():
        here, there = ours.holdings.get(of, _NOTHING), theirs.holdings.get(of, _NOTHING)
        if here.shares != there.shares:
            account, symbol = of
            worth_usd[account] += (there.shares - here.shares) * prices_usd[symbol]
    return worth_usd


def _dollars(amount_usd: Decimal) -> str:
    return f"${amount_usd:.2f}"


def _balance_break(
    kind: BreakType, account: str, words: tuple[str, str], day: date, cash_usd: Decimal
) -> Break:
    about = Subject.CASH if kind is BreakType.CASH else Subject.EQUITY
    return Break(
        type=kind,
        about=about,
        account=account,
        name="",
        symbol="",
        trading_date=day,
        ours={about.value: words[0]},
        theirs={about.value: words[1]},
        cash_usd=cash_usd,
    )
