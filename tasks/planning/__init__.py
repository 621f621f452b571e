"""When runbooks run by themselves: one table, the plan of a day, and what a late run does."""
