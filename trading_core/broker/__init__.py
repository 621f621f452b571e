"""The door to the broker: the paper exchange, or anything else of Alpaca's shape."""
