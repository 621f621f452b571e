"""The executor: the only hand that sends orders, and the switch that stays it."""
