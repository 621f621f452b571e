"""The operator's command. A module here that has `register(app)` adds its commands to it."""
