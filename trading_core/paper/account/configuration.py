"""What the owner of an account may set, and the rest of Alpaca's switches at their usual value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Configuration:
    """The account's configuration.

    Attributes:
        max_margin_multiplier: Buying power is equity times this, less what is tied up.
        no_shorting: Refuses sales of what is not held.
        suspend_trade: Refuses every new order.
        fractional_trading: Whether parts of a share, and dollar amounts, are taken.
    """

    max_margin_multiplier: str = "2"
    no_shorting: bool = False
    suspend_trade: bool = False
    fractional_trading: bool = True
    trade_confirm_email: str = "all"
    ptp_no_exception_entry: bool = False
    max_options_trading_level: int = 0
    disable_overnight_trading: bool = False
