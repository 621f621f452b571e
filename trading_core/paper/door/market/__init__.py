"""The market data API."""
