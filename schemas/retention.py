"""How long a record is kept: the codes of the archives' rules and the day that follows from one."""

from dataclasses import dataclass
from datetime import date

RETENTION_YEARS: dict[str, int | None] = {
    "01": None, "02": 70, "03": 50, "04": 30, "05": 20, "06": 10, "07": None,
}  # fmt: skip
"""Years by code; 01 is permanent, 07 another term, whose day is given with it (DOMAIN, The archive)."""
PERMANENT, OTHER = "01", "07"


@dataclass(frozen=True, slots=True)
class Retention:
    """A record is kept at least until the day before ``until``; None: for ever, or (07) until a day is set."""

    code: str
    until: date | None = None

    def is_over(self, today: date) -> bool:
        """The record may be destroyed."""
        return self.until is not None and self.until <= today


def retention(code: str, begins: date, until: date | None = None) -> Retention:
    """The retention of a record whose term *begins* on the day of its issue; *until* is for code 07 alone.

    ValueError for a code that there is not, or a day given beside a code that has its own.
    """
    if code not in RETENTION_YEARS:
        raise ValueError(code)
    if until is not None and code != OTHER:
        raise ValueError(f"{code}: {until}")
    years = RETENTION_YEARS[code]
    if years is None:
        return Retention(code, until)
    try:
        return Retention(code, begins.replace(year=begins.year + years))
    except ValueError:  # the 29th of February
        return Retention(code, date(begins.year + years, 3, 1))
