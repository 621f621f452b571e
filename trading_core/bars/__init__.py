"""Minute bars as history: which should be there, which are missing, whether they make sense."""
