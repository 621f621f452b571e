"""The rows of the table of endpoints, by subject."""
