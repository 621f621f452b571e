"""One account: its money, holdings, settings and history."""
