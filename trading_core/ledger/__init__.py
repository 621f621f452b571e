"""What our own fills make of us: positions, profit and loss, the trading day they belong to."""
