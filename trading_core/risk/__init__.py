"""Risk: the desk's limits, the pre-trade gate, and the service that watches the day's loss."""
