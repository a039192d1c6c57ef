"""The archive of records (OCFL), the catalogue (SQL) and the audit of both. Knows only schemas."""
