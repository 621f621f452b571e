"""PostgreSQL: the schema, and queries by subject. No rule of trading lives here."""
