"""How well it went: returns, trades and executions as figures, each by its usual definition.

Nothing here reads or writes: what goes in are fills, bars and daily figures, what comes out are
numbers with their unit in the name. Money is `Decimal` to the end; ratios are floats.
"""
