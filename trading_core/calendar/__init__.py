"""When the exchange trades: two libraries compared, and the firm's own word above both."""
