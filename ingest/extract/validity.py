"""From when to when a paper is valid, and where: what TT 01/2023/TT-VPCP, Điều 9 asks for beside NĐ 30's elements.

Only what a paper says of itself counts (``Giấy phép này có giá trị …``): it speaks of other papers' validity too.
"""

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ingest.extract.finding import Finding
from ingest.extract.folding import folded
from ingest.extract.grammar import iso_date
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import Line, PageText

STATED = 0.95
"""Most confidence of what a sentence says; its words are read in small letters, well."""
NOTHING_SAID = 0.9
"""Confidence that a paper which never speaks of its validity states none."""

_ITSELF = (
    r"(?:quyet dinh|giay phep|giay chung nhan|chung chi|giay xac nhan|thong tu|nghi dinh|nghi quyet|chi thi|van ban|"
    r"the|phieu|ban sao|thong bao|chung nhan|quy dinh|quy che|ke hoach|cong van)\b(?: \w+){0,8}? nay\b[^.;]{0,30}?"
)
_HOLDS = r"(?:co|het|phat sinh) (?:hieu luc|gia tri)"
_DAY = r"(?:ngay )?(\d{1,2})(?:/| thang )(\d{1,2})(?:/| nam )(\d{4})"
_FROM_SIGNING = re.compile(rf"{_ITSELF}{_HOLDS}(?: thi hanh)?(?: ke)? tu ngay (?:ky|ban hanh|duoc ky|cap)\b")
_FROM_DAY = re.compile(rf"{_ITSELF}{_HOLDS}(?: thi hanh)?(?: ke)? tu {_DAY}")
_UNTIL_DAY = re.compile(rf"{_ITSELF}{_HOLDS}[^.;]{{0,60}}?den (?:het )?{_DAY}")
_FOR_TERM = re.compile(
    rf"(?:{_ITSELF}(?:co (?:hieu luc|gia tri)[^.;]{{0,40}}?)?(?:co (?:hieu luc|gia tri)|thoi han)"
    r"|thoi han (?:cua )?(?:hieu luc (?:cua )?)?(?:giay phep|chung chi|giay chung nhan|quyet dinh)(?: nay)?)"
    r"(?: su dung| trong| la| thoi han| thoi gian| vong){0,3} (\d{1,3})(?: ?\([^)]{1,20}\))? (nam|thang|ngay)\b"
)
_PLACE = r"toan quoc|ca nuoc|tinh|thanh pho|quan|huyen|xa|phuong"
_WHERE = re.compile(
    rf"{_ITSELF}{_HOLDS}[^.;]{{0,40}}?((?:tren|trong) (?:pham vi |dia ban )?(?:{_PLACE})\b[^.,;]{{0,40}})"
)
_SPEAKS = re.compile(rf"{_ITSELF}{_HOLDS}|thoi han (?:cua )?(?:hieu luc|giay phep|chung chi|giay chung nhan)")


@dataclass(frozen=True, slots=True)
class _Text:
    """The paper's lines as one folded text of the same length as the read one, and where each line begins in it."""

    read: str
    bare: str
    lines: tuple[tuple[int, int, Line], ...]
    """Start, page and line."""

    @classmethod
    def of(cls, texts: Sequence[PageText]) -> "_Text":
        parts: list[str] = []
        lines, at = [], 0
        for text in texts:
            for line in text.lines:
                said = " ".join(line.text.split()) + " "
                lines.append((at, text.number, line))
                parts.append(said)
                at += len(said)
        read = "".join(parts)
        return cls(read, "".join(folded(c) or c if c != " " else " " for c in read), tuple(lines))

    def evidence(self, start: int) -> tuple[Evidence, float]:
        """The line in which the character *start* stands, and how surely it was read."""
        _start, page, line = [row for row in self.lines if row[0] <= start][-1]
        return Evidence(page, line.box), line.confidence


def validity_findings(texts: Sequence[PageText], issued_on: Finding) -> dict[str, Finding]:
    """``valid_from``, ``valid_until`` (ISO, both days included) and ``scope``, as the paper says them of itself."""
    text = _Text.of(texts)
    begins = _begins(text, issued_on)
    if not _SPEAKS.search(text.bare):
        nothing = Finding(None, NOTHING_SAID)
        return {"valid_from": nothing, "valid_until": nothing, "scope": nothing}
    return {"valid_from": begins, "valid_until": _ends(text, begins, issued_on), "scope": _where(text)}


def _begins(text: _Text, issued_on: Finding) -> Finding:
    if said := _FROM_DAY.search(text.bare):
        return _day(text, said, 1)
    if said := _FROM_SIGNING.search(text.bare):
        evidence, sure = text.evidence(said.start())
        if issued_on.value is None:
            return Finding(None, 0.0, evidence, reason=_("valid from its signing, whose day was not read"))
        confidence = min(STATED, sure, issued_on.confidence)
        return Finding(
            issued_on.value, confidence, evidence, (issued_on.value,), _("the date may be completed by hand")
        )
    return Finding(None, NOTHING_SAID)


def _ends(text: _Text, begins: Finding, issued_on: Finding) -> Finding:
    if said := _UNTIL_DAY.search(text.bare):
        return _day(text, said, 1)
    if said := _FOR_TERM.search(text.bare):
        evidence, sure = text.evidence(said.start())
        first = begins if begins.value is not None else issued_on
        if first.value is None:
            return Finding(None, 0.0, evidence, reason=_("valid for a term whose first day was not read"))
        last = _after(date.fromisoformat(first.value), int(said[1]), said[2]).isoformat()
        return Finding(last, min(STATED, sure, first.confidence), evidence, (last,), _("a day of validity is unclear"))
    return Finding(None, NOTHING_SAID)


def _after(first: date, count: int, unit: str) -> date:
    """The last day of a term that begins on *first* (BLDS 2015, Điều 148: it ends on the day of the same number)."""
    if unit == "ngay":
        return first + timedelta(days=count)
    months = first.month - 1 + (12 * count if unit == "nam" else count)
    year, month = first.year + months // 12, months % 12 + 1
    return date(year, month, min(first.day, monthrange(year, month)[1]))


def _day(text: _Text, said: re.Match[str], group: int) -> Finding:
    evidence, sure = text.evidence(said.start(group))
    value = iso_date(said[group + 2], said[group + 1], said[group])
    if value is None:
        return Finding(None, 0.0, evidence, reason=_("a day of validity is no day"))
    return Finding(value, min(STATED, sure), evidence, (value,), _("a day of validity is unclear"))


def _where(text: _Text) -> Finding:
    said = _WHERE.search(text.bare)
    if said is None:
        return Finding(None, NOTHING_SAID)
    evidence, sure = text.evidence(said.start(1))
    value = text.read[said.start(1) : said.end(1)].strip(" ./")
    return Finding(value, min(STATED, sure), evidence, (value,), _("where it is valid is unclear"))
