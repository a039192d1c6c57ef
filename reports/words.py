"""How figures and names are written for people, Vietnamese or English. Percentages come rounded down already."""

from datetime import date
from fractions import Fraction

from reports.progress import Against, Outlook
from schemas.language import _, language
from schemas.units import Level


def level_name(level: Level) -> str:
    """A level as its people call it."""
    return {
        Level.DEPARTMENT: _("Departments"),
        Level.DISTRICT: _("District level"),
        Level.WARD: _("Ward level"),
    }[level]


def whole(count: int) -> str:
    """A whole number with its thousands apart: ``1.234`` in Vietnamese, ``1,234`` in English."""
    grouped = f"{count:,}"
    return grouped if language() == "en" else grouped.replace(",", ".")


def gain(count: int) -> str:
    """A change with its sign."""
    return ("+" if count > 0 else "−" if count < 0 else "±") + whole(abs(count))


def percent(hundredths: int | None) -> str:
    """Hundredths of a per cent as ``49,99 %``; *no data* for None."""
    if hundredths is None:
        return _("no data")
    text = f"{hundredths // 100}.{hundredths % 100:02d}"
    return f"{text}%" if language() == "en" else f"{text.replace('.', ',')} %"


def points(hundredths: int) -> str:
    """A difference of rates in percentage points, signed."""
    sign = "+" if hundredths > 0 else "−" if hundredths < 0 else "±"
    size = abs(hundredths)
    text = f"{sign}{size // 100}.{size % 100:02d}"
    return text if language() == "en" else text.replace(".", ",")


def share(target: Fraction | None) -> str:
    """A target as a per cent, with as many decimals as it has; a dash where none is set."""
    if target is None:
        return "–"
    text = f"{float(target * 100):.4f}".rstrip("0").rstrip(".")
    return f"{text}%" if language() == "en" else f"{text.replace('.', ',')} %"


def day(when: date | None) -> str:
    """A day: ``15/08/2023``, or ISO in English."""
    if when is None:
        return "–"
    return when.isoformat() if language() == "en" else f"{when:%d/%m/%Y}"


def tenths_up(value: Fraction) -> str:
    """A pace with one decimal, rounded up: to keep to it is to reach the target."""
    tenths = -(-value.numerator * 10 // value.denominator)
    text = f"{tenths // 10:,}.{tenths % 10}"
    return text if language() == "en" else text.replace(",", " ").replace(".", ",").replace(" ", ".")


def tenths_down(value: Fraction) -> str:
    """A pace with one decimal, rounded towards zero."""
    tenths = int(abs(value) * 10)
    text = ("−" if value < 0 and tenths else "") + f"{tenths // 10:,}.{tenths % 10}"
    return text if language() == "en" else text.replace(",", " ").replace(".", ",").replace(" ", ".")


def verdict(now: Against) -> str:
    """Reached, or by how much not."""
    if now.count.rows == 0:
        return _("no data")
    if now.target is None:
        return _("no target set")
    if now.reached:
        return _("reached")
    return _("{points} points short").format(points=points(now.missing_hundredths or 0).lstrip("+"))


def projected(outlook: Outlook) -> str:
    """When the target is met at the present pace, with the range of the last weeks."""
    if outlook.needed_a_day == 0:
        return _("met")
    if outlook.day is None:
        if outlook.earliest is None:
            return _("not at this pace")
        return _("not at this pace (at the best week's: {day})").format(day=day(outlook.earliest))
    if outlook.latest is None:
        return _("{day} ({earliest} at the earliest; at the slowest week's pace never)").format(
            day=day(outlook.day), earliest=day(outlook.earliest)
        )
    if outlook.earliest == outlook.latest:
        return day(outlook.day)
    return _("{day} ({earliest} to {latest})").format(
        day=day(outlook.day), earliest=day(outlook.earliest), latest=day(outlook.latest)
    )


def projected_day(outlook: Outlook) -> str:
    """When the target is met at the present pace: the day alone, where there is little room."""
    if outlook.needed_a_day == 0:
        return _("met")
    return _("not at this pace") if outlook.day is None else day(outlook.day)


def needed(outlook: Outlook) -> str:
    """Results a day until the due day."""
    return "–" if outlook.needed_a_day is None else tenths_up(outlook.needed_a_day)
