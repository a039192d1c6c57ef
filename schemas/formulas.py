"""Text in the cells of CSV files: what others wrote must not be taken for a formula, and comes back as it was."""

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a cell a formula to some spreadsheet (OWASP, CSV Injection)."""


def harmless_formula(text: str) -> str:
    """*text* that no spreadsheet takes for a formula: with an apostrophe before it where it might be."""
    return "'" + text if text.startswith(STARTS) else text


def without_guard(text: str) -> str:
    """*text* as it was before ``harmless_formula``."""
    return text[1:] if text.startswith("'") and text[1:].startswith(STARTS) else text
