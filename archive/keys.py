"""What two papers of one result share: units, numbers and symbols in the one form in which they are compared."""

import re
import unicodedata
from functools import lru_cache


@lru_cache(maxsize=100_000)
def number_key(number: str) -> str:
    """A number for matching: case and spaces folded, no leading zeros (``01`` and ``1`` are the same)."""
    folded = "".join(number.split()).upper()
    return folded.lstrip("0") or folded[:1]


@lru_cache(maxsize=100_000)
def symbol_key(symbol: str) -> str:
    """A symbol for matching: case and spaces folded, in NFC, every dash a hyphen."""
    folded = "".join(unicodedata.normalize("NFC", symbol).split()).upper()
    return re.sub(r"[\u2010-\u2015\u2212]", "-", folded).strip("/")


@lru_cache(maxsize=10_000)
def unit_key(code: str) -> str:
    """A unit's code for matching: ``000.00.17.H29`` (QĐ 20/2020) and ``H29.17`` (QĐ 09/2025) are the same."""
    folded = "".join(code.split()).upper()
    parts = folded.split(".")
    if len(parts) > 1 and re.fullmatch(r"[A-Z]\d+", parts[-1]) and all(part.isdigit() for part in parts[:-1]):
        return ".".join([parts[-1], *(part for part in reversed(parts[:-1]) if int(part))])
    return folded


def match_key(home: str, number: str, symbol: str, issued: int) -> str:
    """What an inventory row and its records share. *home*: the unit after all mergers; its rows lie side by side."""
    return key_of_parts(home, issued, symbol_key(symbol), number_key(number))


def key_of_parts(home: str, issued: int, symbol_part: str, number_part: str) -> str:
    """The key from parts that are in their form for matching already."""
    return f"{home}|{issued}|{symbol_part}|{number_part}"


def likeness(issued: int, symbol_part: str, number_part: str, title: str) -> int:
    """What results of one day, symbol, number and title share, whichever unit lists them; few others do.

    64 bits that hold within this process only. Of the title its length, which capitals do not change: to fold it takes
    longer than all the rest. 0 where there is no title, without which nothing is alike.
    """
    return hash((issued, symbol_part, number_part, len(title))) if title else 0
