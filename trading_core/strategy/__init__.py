"""Strategies: pure rules over closed bars, and the service that runs them minute by minute."""
