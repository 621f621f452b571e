"""What the exchange says, in Alpaca's words."""
