"""How numbers, symbols and dates are written, and what a reader makes of them when a stroke is misread."""

import re
from dataclasses import dataclass
from datetime import date

from ingest.extract.folding import folded
from ingest.extract.names import type_code

_FOR_DIGITS = str.maketrans({
    "l": "1", "L": "1", "I": "1", "|": "1", "]": "1", "[": "1", "!": "1", "Ì": "1", "Í": "1", "Î": "1", "ì": "1",
    "í": "1", "i": "1", "ï": "1", "j": "1", "J": "1", "T": "1", "O": "0", "o": "0", "Ó": "0", "Ô": "0", "Ò": "0",
    "ó": "0", "Q": "0", "ô": "0", "ò": "0", "ö": "0", "Ø": "0", "D": "0", "Z": "2", "z": "2", "S": "5", "s": "5",
    "§": "8", "B": "8", "b": "6", "G": "6", "g": "9", "q": "9", "A": "4", "†": "1", "ƒ": "7",
})  # fmt: skip
"""What Tesseract makes of digits; ``ngày l6``, ``tháng I1``, ``ngày ]]`` are all on real scans."""


@dataclass(frozen=True, slots=True)
class Digits:
    """A number as read, and in digits; ``exact`` when every character was one."""

    value: str
    exact: bool


def digits_in(text: str) -> Digits | None:
    """The digits that *text* stands for; None where some character looks like none."""
    tight = "".join(text.split()).strip(".,:;'`^_~*\"“”‘’°-–—…")
    if not tight:
        return None
    if tight.isascii() and tight.isdigit():
        return Digits(tight, exact=True)
    turned = tight.translate(_FOR_DIGITS)
    return Digits(turned, exact=False) if turned.isascii() and turned.isdigit() else None


@dataclass(frozen=True, slots=True)
class NumberLine:
    """``Số: 3165/QĐ-UBND`` taken apart. ``number`` is as read, spaces and all; ``symbol`` tidied."""

    number: str
    symbol: str
    slash: bool
    """The slash between them was read."""


_LABEL = re.compile(
    r"^[\W_]{0,3}(?:(?:Luật|Nghị quyết|Pháp lệnh|Lệnh)\s+)?"
    r"(?:[Ss5][oóôốồổỗộòỏõọốởéèẽẻêếá60Ó](?:[:;.,'’¿?“”\"›/]*)\s*|S[ÔỐÓO]\s*[:;.]\s*)"
)
_BARE = re.compile(r"^\W{0,2}(?=\d{1,6}\s?/\s?(?:\d{4}\s?/\s?)?[A-ZĐÐ][A-ZĐÐa-z&.]{0,7}\s?-)")
"""A number and symbol whose label is missing."""
_YEAR_SYMBOL = re.compile(r"^(?P<number>.{0,14}?)/\s*(?P<symbol>(?:19|20)\d\d\s*/\s*[A-ZĐÐ].*)$")
_CODE = r"(?:[A-ZĐÐ]|[a-zđ](?=[A-ZĐÐ]))(?:[A-ZĐÐa-zđ0-9]|[.&](?=[A-ZĐÐ0-9]))*"
_UNLABELLED = re.compile(rf"^(?P<number>\S{{1,12}}?)\s*/\s*(?P<symbol>{_CODE}(?:\s*-\s*{_CODE})+)\W*$")
_SYMBOL_AT_END = re.compile(r"[7lI1|\]]?(?P<symbol>[A-ZĐÐ]{2,6}\s*-\s*[A-ZĐÐ]{2,}[A-ZĐÐa-z-]*)\W*$")
"""A symbol behind a slash that was read as a digit or a stroke."""


def number_line(text: str) -> NumberLine | None:
    """*text* taken apart at its slash, or, where that was misread, before its symbol; None if it has no symbol."""
    if not (label := _LABEL.match(text) or _BARE.match(text)):
        return None
    rest = text[label.end() :].strip(" .:;")
    if with_year := _YEAR_SYMBOL.match(rest):
        return NumberLine(with_year["number"].strip(), tidy_symbol(with_year["symbol"]), slash=True)
    number, slash, symbol = rest.partition("/")
    if slash and (found := _symbol_in(symbol.replace("/", " ") if number.strip() else symbol)):
        return NumberLine(number.strip(), tidy_symbol(found), slash=True)
    if "/" in rest:
        number, _, symbol = rest.rpartition("/")
        if found := _symbol_in(symbol):
            return NumberLine(number.strip(" /"), tidy_symbol(found), slash=True)
    if at_end := _SYMBOL_AT_END.search(rest):
        return NumberLine(rest[: at_end.start()].strip(), tidy_symbol(at_end["symbol"]), slash=False)
    return None


def unlabelled(text: str) -> NumberLine | None:
    """A row whose label was lost in reading, ``SẾ4‡/SYT-NVY``: what stands before the slash is no number to rely on."""
    found = _UNLABELLED.match(text)
    return NumberLine(found["number"], tidy_symbol(found["symbol"]), slash=True) if found else None


def is_label(text: str) -> bool:
    """*text* begins as a number line does: ``Số:``."""
    return bool(_LABEL.match(text))


def _symbol_in(text: str) -> str:
    text = text.strip(" .:;,'`^“”\"_ˆ")
    found = re.match(rf"{_CODE}(?:\s*[-–—]+\s*{_CODE})*", re.sub(r"\s*([-–—])[\s–—-]*", "-", text))
    return found[0] if found else ""


def tidy_symbol(text: str) -> str:
    """*text* without spaces, one hyphen between its parts, the type's code as the decree writes it."""
    tight = re.sub(r"[-–—.]*[-–—][-–—.]*", "-", "".join(text.split())).strip("-.,;:")
    tight = tight.replace("Ð", "Đ").replace("QDĐ", "QĐ").replace("QĐĐ", "QĐ").replace("ĐĐL", "ĐL")
    head, slash, last = tight.rpartition("/")
    parts = last.split("-")
    if len(parts) > 1 and (code := type_code(parts[0])):
        parts[0] = code
    elif len(parts) > 1 and folded(parts[0]) == "qd":
        parts[0] = "QĐ"
    return head + slash + "-".join(parts)


@dataclass(frozen=True, slots=True)
class DateRead:
    """A date in words; parts that were not read as a number are None."""

    day: Digits | None
    month: Digits | None
    year: Digits | None
    raw: tuple[str, str, str]

    @property
    def iso(self) -> str | None:
        """ISO 8601; None where a part is missing or there is no such day."""
        if self.day is None or self.month is None or self.year is None:
            return None
        return iso_date(self.year.value, self.month.value, self.day.value)

    @property
    def exact(self) -> bool:
        return all(part is not None and part.exact for part in (self.day, self.month, self.year))


def iso_date(year: str, month: str, day: str) -> str | None:
    """ISO 8601, or None where there is no such day from 1945 to 2099."""
    if len(year) != 4 or not 1 <= len(month) <= 2 or not 1 <= len(day) <= 2 or not "1945" <= year <= "2099":
        return None
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


_DAY = r"[Nn][gq]\S?[àaâảáạã]y"
_MONTH = r"[Tt][hb]\S?[^\W\d]?n[gqjÔ]"
_YEAR = r"[^\W\d]?[ăàaãâảáäắằ]m"
_DATE = re.compile(
    rf"{_DAY}[,.:]?(?P<day>.{{0,8}}?){_MONTH}[,.:]?(?P<month>.{{0,8}}?)[\s)]*{_YEAR}[,.:]?\s*"
    r"(?P<year>[\dlIOo]{4}|[\dlIOo]{2,3}\s\d{1,2})"
)


def date_in(text: str) -> DateRead | None:
    """The first ``ngày … tháng … năm …`` of *text*, read or not; None where there is none."""
    found = _DATE.search(text)
    if not found:
        return None
    raw = found["day"].strip(), found["month"].strip(), found["year"].strip()
    return DateRead(digits_in(raw[0]), digits_in(raw[1]), digits_in(raw[2]), raw)
