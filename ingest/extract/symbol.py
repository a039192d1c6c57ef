"""The symbol of a paper against what it is made of: the type's code, the agency's, and (of a letter) the desk's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.extract import agencies
from ingest.extract.finding import Finding
from ingest.extract.folding import distance, folded
from ingest.extract.issuer import Agency
from ingest.extract.names import LETTER, TYPES
from ingest.extract.numberrow import NumberRow
from ingest.extract.rows import FAINT, box_of
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import PageText

ALONE = 0.9
"""Factor where nothing else on the paper bears out what was read."""


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What a symbol should be made of."""

    type: str | None
    issuer: Agency | None
    desks: frozenset[str]
    """Those named in ``Lưu: VT, NVY``, folded."""
    number_proved: bool


def symbol_without_row(type_name: str | None, issuer_name: str) -> Finding:
    """What the symbol may be where no row of number and symbol was found: never sure."""
    code, agency = _code_of(type_name), agencies.code_of(issuer_name)
    likely = f"{code}-{agency}" if code and agency else None
    return Finding(likely, 0.1, candidates=(likely,) if likely else (),
                   reason=_("no row of number and symbol was found"))  # fmt: skip


def symbol_finding(page: PageText, row: NumberRow, made_of: MadeOf) -> Finding:
    """The symbol in *row* of *page*, mended by what it is made of, and as sure as that bears it out."""
    evidence = Evidence(page.number, box_of(row.symbol_words) or row.row.box)
    read = row.parts.symbol
    sure = _read_surely(page, row)
    year, slash, symbol = read.rpartition("/")
    parts = symbol.split("-")
    issuer = made_of.issuer
    name = issuer.name if issuer is not None else ""
    agency = agencies.code_of(name)
    mended = list(parts)
    borne_out = 0
    letter = made_of.type == LETTER
    if not letter and len(parts) >= 2:
        code = _code_of(made_of.type)
        if code and parts[0] != code and distance(folded(parts[0]), folded(code)) <= 1 and not page.typed:
            mended[0] = code
        borne_out += bool(code) and mended[0] == code
        place = 1
    else:
        place = 0
    if agency and place < len(parts):
        near = _near_code(parts[place], agency, misread=sure < FAINT)
        if near is not None and near != parts[place] and not (issuer is not None and issuer.borne_out):
            near = None  # a name that may itself be misread mends nothing
        mended[place] = near if near and not page.typed else parts[place]
        borne_out += near is not None or agencies.fits_code(name, parts[place])
    if letter and len(parts) > 1 and folded(parts[-1]) in made_of.desks:
        borne_out += 1
    value = year + slash + "-".join(mended)
    whole = borne_out >= min(2, len(parts)) and len(parts) <= 2
    confidence = max(sure, 0.97 if mended == parts else 0.93) if whole else sure * (ALONE if not borne_out else 0.97)
    if not row.parts.slash:
        confidence *= 0.9
    if len(parts) == 1:
        confidence *= 0.8  # nearly every symbol has two parts: the other may have been missed
    if place < len(parts) and _lacks_beginning(parts[place], agency) and not made_of.number_proved:
        confidence *= ALONE  # pen before the slash may lie over the first letters
    return Finding(value, confidence, evidence, tuple(dict.fromkeys((value, read))), _("the symbol is unclear"))


def _read_surely(page: PageText, row: NumberRow) -> float:
    """Confidence of its words; where it read alike by itself, without the pen before its slash, that counts as well."""
    sure = min((w.confidence for w in row.symbol_words), default=0.0)
    apart = [word.confidence for word in page.apart if word.text == row.parts.symbol]
    return max([sure, *(1 - (1 - sure) * (1 - again) for again in apart)])


def _code_of(type_name: str | None) -> str | None:
    return next((code for code, name in TYPES.items() if name == type_name), None)


def desks_of(texts: Sequence[PageText]) -> frozenset[str]:
    """The desks named in ``Lưu: VT, NVY``, folded."""
    found: set[str] = set()
    for text in texts:
        for line in text.lines:
            if filed := re.search(r"\bl[uư]u\b\W*(.*)", line.text.lower()):
                found |= {folded(word) for word in re.findall(r"\w+", filed[1])}
    return frozenset(found)


def _near_code(part: str, agency: str, *, misread: bool) -> str | None:
    """The agency's code as the issuer's name gives it, where *part* is it or nearly so; None where it is another.

    Codes may leave out the beginning or the end of a name (``QLD`` of Cục Quản lý Dược): these stay as they are, and
    so does one that has a letter more or less, unless it was *misread*.
    """
    bare, name = folded(part).replace("&", "").replace(".", ""), folded(agency)
    if len(bare) < 2:
        return None
    if bare == name and len(part) == len(agency):
        return agency
    if name.startswith(bare):
        return _marked_as(part, agency)
    if name.endswith(bare) or bare == name:
        return part
    if len(bare) >= 3 and distance(bare, name) == 1 and (len(bare) == len(name) or misread):
        return agency
    return None


def _lacks_beginning(part: str, agency: str) -> bool:
    """``ĐT`` where the name's code is ``SKHĐT``: the rest of it, or what pen has left of it."""
    bare, name = folded(part), folded(agency)
    return 1 < len(bare) < len(name) and name.endswith(bare)


def _marked_as(part: str, agency: str) -> str:
    """*part* with the strokes and case of the name's code: ``BGDDT`` → ``BGDĐT``."""
    return agency[: len(part)] if folded(agency).startswith(folded(part)) else part
