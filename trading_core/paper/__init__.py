"""The paper exchange: real market data as liquidity, Alpaca's API as its face."""
