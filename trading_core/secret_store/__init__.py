"""Secrets with versions: one interface, with an encrypted file or Secrets Manager behind it."""
