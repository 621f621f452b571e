"""The way in: Alpaca's REST and streams, and the replay door."""
