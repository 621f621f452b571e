"""Who is on call: a file of roles, and what follows from it at a moment."""
