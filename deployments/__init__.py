"""When and where runbooks run, and how a person starts one and follows it."""
