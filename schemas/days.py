"""Days as the law counts them: those of Vietnam, whatever clock a machine keeps."""

from datetime import UTC, date, datetime, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7))
"""A deposit belongs to the day that it is in Vietnam, which has had no summer time since 1975."""
FOREVER = date.max.toordinal()
"""The day (as ``date.toordinal``) on which what has no known end would end."""


def day_in_vietnam(at: str) -> int:
    """The day (ordinal) in Vietnam of a time in ISO 8601; one without a zone is in UTC."""
    time = datetime.fromisoformat(at)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(VIETNAM).date().toordinal()


def date_of(ordinal: int | None) -> date | None:
    """The day with this ordinal; None of none."""
    return None if ordinal is None else date.fromordinal(ordinal)
