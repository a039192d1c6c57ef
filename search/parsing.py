"""What a person typed, as a query (``search/query.py``).

giay phep xay dung        all the words, in any order
"giấy phép xây dựng"      the words side by side, in this order
-tạm                      without this word or phrase
a b OR c d                either (HOẶC, | are the same); OR binds last
xây*                      words that begin so
12/QĐ-UBND, số 012, 15/8/2023, tháng 8/2023, H29.17-230815-0001, 230815-0001
so: kyhieu: coquan: loai: donvi: ngay: nguoiky: hoso: trichyeu: thutuc:   one field (``FIELDS`` has the English names)
"""

import calendar
import difflib
import re
from dataclasses import dataclass
from datetime import date

from schemas.errors import InputRejected
from schemas.language import _
from search.folding import folded, folded_words, plain_number, words
from search.query import (
    Code,
    Dated,
    InField,
    Not,
    Number,
    OfUnit,
    Or,
    Phrase,
    Prefix,
    Query,
    TextField,
    Word,
    atoms,
    both,
)

LONGEST_QUERY = 2000
"""Characters; a query longer than a page's abstract is a paste by mistake."""
MOST_WORDS = 100


class QueryRejected(InputRejected):
    """The query cannot be understood; the message says where and what was meant."""


_TEXT_FIELDS = {
    "kyhieu": TextField.SYMBOL, "symbol": TextField.SYMBOL,
    "coquan": TextField.ISSUER, "issuer": TextField.ISSUER,
    "loai": TextField.TYPE, "type": TextField.TYPE,
    "nguoiky": TextField.SIGNER, "signer": TextField.SIGNER,
    "trichyeu": TextField.ABSTRACT, "abstract": TextField.ABSTRACT,
    "hoso": TextField.CODES, "dossier": TextField.CODES, "thutuc": TextField.CODES, "procedure": TextField.CODES,
    "id": TextField.CODES,
}  # fmt: skip
FIELDS = ("so", "number", "donvi", "unit", "ngay", "date", *_TEXT_FIELDS)

# NĐ 30/2020/NĐ-CP, Phụ lục III: what a symbol begins with, and the name of the type.
TYPE_CODES = {
    "nq": "nghi quyet", "qd": "quyet dinh", "ct": "chi thi", "qc": "quy che", "qyd": "quy dinh", "tc": "thong cao",
    "tb": "thong bao", "hd": "huong dan", "ctr": "chuong trinh", "kh": "ke hoach", "pa": "phuong an", "da": "de an",
    "bc": "bao cao", "bb": "bien ban", "ttr": "to trinh", "cd": "cong dien", "bgn": "ban ghi nho",
    "btt": "ban thoa thuan", "guq": "giay uy quyen", "gm": "giay moi", "ggt": "giay gioi thieu",
    "gnp": "giay nghi phep", "pg": "phieu gui", "pc": "phieu chuyen", "pb": "phieu bao", "tt": "thong tu",
    "nd": "nghi dinh", "cv": "cong van", "gp": "giay phep",
}  # fmt: skip

_CHUNK = re.compile(r'-?"[^"]*"?|[^\s"]+')
_REFERENCE = re.compile(r"(\d{1,6}[a-zA-Z]?)\s*/\s*(\d{4}/)?([^\W\d_][\w./&-]*)")
_DAY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
_MONTH = re.compile(r"(\d{1,2})[/.-](\d{4})")
_ISO = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_FIELD = re.compile(r"(-?)([^\W\d_]+):(.*)", re.S)
_OR = {"OR", "HOẶC", "|", "||"}


@dataclass(frozen=True, slots=True)
class _Chunk:
    text: str
    at: int
    """Where it begins, from 0."""


def parse(typed: str) -> Query:
    """What *typed* asks for.

    QueryRejected where it cannot be understood: the message shows the place and what may have been meant. Nothing else
    is raised, whatever is typed.
    """
    if len(typed) > LONGEST_QUERY:
        raise QueryRejected(_("the query has {count} characters; at most {most} are taken").format(
            count=len(typed), most=LONGEST_QUERY))  # fmt: skip
    chunks = [_Chunk(found[0], found.start()) for found in _CHUNK.finditer(typed)]
    groups: list[list[_Chunk]] = [[]]
    for chunk in chunks:
        if chunk.text in _OR:
            if not groups[-1]:
                raise _rejected(typed, chunk, _("OR needs something to its left"))
            groups.append([])
        else:
            groups[-1].append(chunk)
    if len(groups) > 1 and not groups[-1]:
        raise _rejected(typed, chunks[-1], _("OR needs something to its right"))
    queries = tuple(_all_of(typed, group) for group in groups)
    if sum(len(list(atoms(query))) for query in queries) > MOST_WORDS:
        raise QueryRejected(_("the query has more than {most} words").format(most=MOST_WORDS))
    return queries[0] if len(queries) == 1 else Or(queries)


def dates(typed: str) -> tuple[date, date]:
    """First and last day of a date, month, year or range as people type it. QueryRejected when it is none."""
    first, dots, last = typed.partition("..")
    if not dots:
        return _span(typed)
    since = _span(first)[0] if first.strip() else date.min
    until = _span(last)[1] if last.strip() else date.max
    if since > until:
        raise QueryRejected(_("{typed}: the range ends before it begins").format(typed=typed))
    return since, until


def in_field(name: str, value: str) -> Query:
    """The query ``name:value``, the value taken whole, for a command's options."""
    return _in_field(f"{name}:{value}", _Chunk(value, len(name) + 1), name, value)


def _span(typed: str) -> tuple[date, date]:
    text = typed.strip()
    year, month, day = "", "", ""
    if found := _DAY.fullmatch(text):
        day, month, year = found.groups()
    elif found := _MONTH.fullmatch(text):
        month, year = found.groups()
    elif found := _ISO.fullmatch(text):
        year, month, day = (part or "" for part in found.groups())
    try:
        if not year:
            raise ValueError
        first = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise QueryRejected(
            _("{typed} is not a date; write 15/8/2023, 8/2023, 2023, 2023-08-15 or a range: 2023-01..2023-06").format(
                typed=typed)
        ) from None  # fmt: skip
    if day:
        return first, first
    if month:
        return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return first, first.replace(month=12, day=31)


def _rejected(typed: str, chunk: _Chunk, why: str) -> QueryRejected:
    return QueryRejected(_("query, at character {at} ({chunk}): {why}\n  {typed}\n  {caret}").format(
        at=chunk.at + 1, chunk=chunk.text, why=why, typed=typed, caret=" " * chunk.at + "^"))  # fmt: skip


def _all_of(typed: str, chunks: list[_Chunk]) -> Query:
    parts: list[Query] = []
    left = list(chunks)
    while left:
        found, taken = _next(typed, left)
        del left[:taken]
        if found is not None:
            parts.append(found)
    if parts and all(isinstance(part, Not) for part in parts):
        raise _rejected(typed, chunks[0], _("say also what to find, not only what to leave out"))
    return both(*parts)


def _next(typed: str, left: list[_Chunk]) -> tuple[Query | None, int]:
    """The query that the first chunks make, and how many they are. None: signs without a letter or digit."""
    first = left[0]
    if (spoken := _spoken(left)) is not None:
        return spoken
    text = first.text
    negative = text.startswith("-") and len(text) > 1
    if negative:
        text = text[1:]
    if text.startswith('"'):
        if len(text) < 2 or not text.endswith('"'):
            raise _rejected(
                typed, first, _('the quotation mark is not closed; write "{phrase}"').format(phrase=text[1:])
            )
        return _negated(_phrase(words(text)), negative), 1
    if (found := _FIELD.fullmatch(text)) and (name := _field_name(typed, first, found[2])):
        value, taken = found[3], 1
        if not value and len(left) > 1:
            value, taken = left[1].text, 2
        return _negated(_in_field(typed, first, name, value), negative), taken
    return _negated(_plain(typed, first, text), negative), 1


def _negated(query: Query | None, negative: bool) -> Query | None:
    return Not(query) if negative and query is not None else query


def _phrase(found: tuple[str, ...]) -> Query | None:
    if not found:
        return None
    return Word(found[0]) if len(found) == 1 else Phrase(found)


def _field_name(typed: str, chunk: _Chunk, name: str) -> str:
    """The known field that *name* is; empty where it is a word like any other (``gửi:``)."""
    plain = folded(name)
    if plain in FIELDS:
        return plain
    close = difflib.get_close_matches(plain, FIELDS, 1, 0.8) if len(plain) >= 4 else []
    if close:
        raise _rejected(typed, chunk, _("there is no field {name}; was {close}: meant?").format(
            name=name, close=close[0]))  # fmt: skip
    return ""


def _in_field(typed: str, chunk: _Chunk, name: str, value: str) -> Query:
    prefix = value.endswith("*")
    said = folded_words(value)
    if not said:
        example = "3165" if name in ("so", "number") else "8/2023" if name in ("ngay", "date") else "…"
        raise _rejected(
            typed, chunk, _("{name}: needs a value, as {name}:{example}").format(name=name, example=example)
        )
    if name in ("ngay", "date"):
        try:
            return Dated(*dates(value.strip('"')))
        except QueryRejected as error:
            raise _rejected(typed, chunk, str(error)) from None
    if name in ("so", "number"):
        return Number(plain_number(said[0]), said[1:], in_text=False)
    if name in ("donvi", "unit"):
        return OfUnit(frozenset({value.strip('"')}))
    field = _TEXT_FIELDS[name]
    if field is TextField.TYPE and len(said) == 1:
        said = tuple(TYPE_CODES.get(said[0], said[0]).split())
    return InField(field, said, prefix)


def _plain(typed: str, chunk: _Chunk, text: str) -> Query | None:
    if found := _REFERENCE.fullmatch(text.strip(".,;:()")):
        return Number(plain_number(found[1].lower()), folded_words((found[2] or "") + found[3]))
    if (_DAY.fullmatch(text) or _MONTH.fullmatch(text)) and (dated := _dated(text)) is not None:
        return dated
    said = words(text)
    if text.endswith("*"):
        if len(said) != 1 or len(said[0]) < 2:
            raise _rejected(typed, chunk, _("before * stand two letters or more, as in xây*"))
        return Prefix(said[0])
    if not said:
        return None
    return Word(said[0]) if len(said) == 1 else Code(said)


def _dated(text: str) -> Query | None:
    """A date or month and the ways a text says it; None where there is no such day."""
    try:
        first, last = _span(text)
    except QueryRejected:
        return None
    day = {str(first.day), f"{first.day:02}"} if first == last else set()
    month, year = {str(first.month), f"{first.month:02}"}, str(first.year)
    spoken: list[tuple[str, ...]] = []
    for m in sorted(month):
        if not day:
            spoken += [("thang", m, "nam", year), ("thang", m, year), (m, year)]
        for d in sorted(day):
            spoken += [(d, "thang", m, "nam", year), (d, m, year)]
    return Dated(first, last, tuple(spoken))


def _spoken(left: list[_Chunk]) -> tuple[Query, int] | None:
    """What people write in several words: ``số 012``, ``12 qd ubnd``, ``tháng 8/2023``, ``ngày 15 tháng 8 năm 2023``.

    With how many chunks it takes.
    """
    said = ["" if chunk.text[0] in '-"' else folded(chunk.text.rstrip(",;.")) for chunk in left[:6]]
    match said:
        case ["ngay", day, "thang", month, "nam", year] if dated := _dated(f"{day}/{month}/{year}"):
            return dated, 6
        case ["thang", month, "nam", year, *_rest] if dated := _dated(f"{month}/{year}"):
            return dated, 4
        case ["ngay", day, *_rest] if _DAY.fullmatch(day) and (dated := _dated(day)):
            return dated, 2
        case ["thang", month, *_rest] if _MONTH.fullmatch(month) and (dated := _dated(month)):
            return dated, 2
        case ["so" | "so:", number, *rest] if number.isdecimal() and number.isascii():
            symbol, taken = _symbol(left[2:], rest)
            return Number(plain_number(number), symbol), 2 + taken
        case [number, *rest] if number.isdecimal() and number.isascii() and len(number) <= 6:
            symbol, taken = _symbol(left[1:], rest)
            return (Number(plain_number(number), symbol), 1 + taken) if taken else None
        case _:
            return None


_AGENCIES = {"ubnd", "hdnd", "ttg", "cp", "bnv", "btc", "bgddt", "sgddt", "hdbc", "vp", "ttcp"}


def _symbol(chunks: list[_Chunk], said: list[str]) -> tuple[tuple[str, ...], int]:
    """The words of a symbol typed with spaces (``qd ubnd``) at the head of *said*, and how many chunks they are."""
    parts = folded_words(said[0]) if said else ()
    if not parts or parts[0] not in TYPE_CODES or (parts[0] == "da" and len(parts) == 1):
        return (), 0
    if len(parts) > 1:  # 12 QĐ-UBND
        return parts, 1
    agency = folded_words(said[1]) if len(said) > 1 else ()
    capitals = len(chunks) > 1 and chunks[1].text.isupper() and len(agency) == 1
    if agency and (agency[0] in _AGENCIES or capitals):
        return parts + agency, 2
    return parts, 1
