"""What on a page speaks of where papers begin and end: the head, page numbers, headings of annexes, the closing block.

Places are those of NĐ 30/2020, Phụ lục I, taken relative to what was found and not to the sheet, as scans shift and
shrink. Words are compared as capitals without marks, which is what survives a bad reading of Vietnamese.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from schemas.pages import Line, PageState, PageText

MOTTO = ("CONG", "HOA", "XA", "HOI", "CHU", "NGHIA", "VIET", "NAM")
SECOND_LINE = ("DOC", "LAP", "TU", "DO", "HANH", "PHUC")
PARTY = ("DANG", "CONG", "SAN", "VIET", "NAM")
"""Papers of the Party bear this in place of the motto."""
HEAD_DEPTH = 0.16
"""Number, date and abstract end this far below the motto, in fractions of the page height."""
TOP = 0.35
MARGIN_TOP, MARGIN_BOTTOM = 0.085, 0.9
"""Page numbers stand above the one or below the other."""
FULL = 0.8

NUMBER = re.compile(r"\W{0,3}S.{0,2}\s?(?:[:;.,]|.{0,28}?/\s?(?:\d{4}/)?[A-Z]{2})")
DATE = re.compile(r"\bNGA.{0,14}THA.{0,10}N.[MN]\b|\bNGA.{0,14}THA.{0,12}(?:19|20)\d\d\b")
"""Stamps and pens run into the date: ``ngày 2 tháng|Ôhăm 2017``, ``ngày 03 tháng 10năn 2025``."""
TYPE = re.compile(
    r"\b(?:NGHI QUY.T|QUY.T DINH|CHI THI|QUY CHE|QUY DINH|THONG CAO|THONG BAO|HUONG DAN|CHUONG TRINH|KE HOACH|"
    r"PHUONG AN|DE AN|DU AN|BAO CAO|BIEN BAN|TO TRINH|HOP DONG|CONG DIEN|BAN GHI NHO|BAN THOA THUAN|GIAY UY QUYEN|"
    r"GIAY MOI|GIAY GIOI THIEU|GIAY NGHI PHEP|PHIEU GUI|PHIEU CHUYEN|PHIEU BAO|THONG TU|NGHI DINH|CONG VAN|"
    r"GIAY CHUNG NHAN|GIAY PHEP|GIAY KHAI SINH|BAN SAO|GIAY XAC NHAN|CHUNG CHI|VAN BANG)\b"
)
"""Types of papers (NĐ 30/2020, Phụ lục III) and of results, where a paper's title names its type."""
ANNEX = re.compile(
    r"^\W{0,3}PHU L.C\b|^\W{0,4}(?:BAN HANH |GUI |DINH )?KEM THEO\b|^\W{0,4}DINH KEM\b|^\W{0,3}M.U (?:SO )?\d|"
    r"^\W{0,3}BI.U (?:MAU|SO)\b"
)
LIST = re.compile(r"^\W{0,3}(?:DANH SACH|BANG|BI.U|LICH)\b")
"""Titles of annexes that bear no such word, and now and then of papers."""
ANNOUNCED = re.compile(r"\b(?:KEM THEO|GUI KEM|DINH KEM|PHU LUC|BIEU MAU|THEO MAU)\b")
ENCLOSED = re.compile(
    r"\([^()]{0,20}\b(?:DINH KEM|KEM THEO|GUI KEM|CO VAN BAN)\b|\b(?:SAO GUI|GUI KEM|CHUYEN KEM|SAO LUC)\b"
)
"""A paper with a head of its own is sent with this one: ``(đính kèm Quyết định)``, and not a form."""
CLOSING = re.compile(r"\bNOI ?NHA.\b|\bLUU ?[:;.]? ?VT\b|\bLUU ?[:;.] ?V")
LATER_ARTICLE = re.compile(r"^\W{0,2}DIEU (?:[2-9]|\d\d)\b")
ITEM = re.compile(r"^\W{0,2}(?:\d{1,2}[.)]|[a-zđ][.)]|[-+*•]\s|[IVX]{1,4}[.)]\s)")
PAGE_NUMBER = re.compile(r"(?:TRANG|PAGE)?\W{0,3}(\d{1,3})(?:\s?/\s?\d{1,3})?\W{0,3}")
CITED = re.compile(r"(\d{1,5})\s?/\s?((?:\d{4}\s?/\s?)?[A-Z]{2,6}(?:\s?[-–]\s?[A-Z]{2,8})*)")
SYMBOL = re.compile(r"/\s?((?:\d{4}\s?/\s?)?[A-Z0-9][A-Z]{1,6}(?:\s?[-–]\s?[A-Z0-9]{2,8})*)")


@dataclass(frozen=True, slots=True)
class PageSigns:
    """Scores are 0 to 1."""

    number: int
    """Of the page in the scan."""
    blank: bool
    readable: float
    """0: nothing can be said of the page; 1: it was read well."""
    motto: float
    motto_aside: bool
    """The motto stands in the right half, as on papers of an agency; else in the middle, as on forms."""
    number_line: bool
    date_line: bool
    addressed: bool
    """``Kính gửi`` stands near the head, as in a letter without a type."""
    type_named: bool
    title: tuple[str, ...]
    """The words of the headings in capitals near the top, the head's own lines left out."""
    annex: float
    """1: a heading of an annex; 0.5: a title that annexes have more often than papers."""
    number_printed: int | None
    """The page's own number."""
    goes_on: bool
    """The first line of the body starts within a sentence, or with an article that is not the first."""
    item_first: bool
    closing: bool
    full: bool
    """The text reaches the foot of the page."""
    breaks_off: bool
    """Its last line ends within a sentence."""
    announces: bool
    """The text speaks of something sent with it."""
    encloses: bool
    """The text speaks of another paper sent with it."""
    size_mm: tuple[float, float]
    own: tuple[str, str]
    """Its number, as far as it was read, and its symbol: ``("48", "2017/TT-BYT")``; empty where there is none."""
    cited: frozenset[tuple[str, str]]
    """Number and symbol of every paper that the text names."""
    pairs: frozenset[tuple[str, str]]
    """Neighbouring words, to see whether a title was spoken of before."""


def signs_of(page: PageText) -> PageSigns:
    lines = sorted(page.lines, key=lambda line: line.box.y0)
    plain = [plainly(line.text) for line in lines]
    at = _motto(lines, plain)
    motto, top, aside = at if at else (0.0, 0.0, False)
    head = range(0)
    if lines:
        near = [
            i for i, line in enumerate(lines) if top - 0.02 <= line.box.y0 <= top + HEAD_DEPTH + (0.0 if at else 0.1)
        ]
        head = range(near[0], near[-1] + 1) if near else head
    body = [i for i, line in enumerate(lines) if _is_body(line)]
    words = [word for text in plain for word in re.findall(r"[A-Z]{2,}", text)]
    return PageSigns(
        number=page.number,
        blank=page.state is PageState.BLANK,
        readable=_readable(page),
        motto=motto,
        motto_aside=aside,
        number_line=any(NUMBER.match(plain[i]) and lines[i].box.x0 < 0.45 for i in head),
        date_line=any(DATE.search(plain[i]) and lines[i].box.x1 > 0.55 for i in head),
        addressed=any("KINH GUI" in text for line, text in zip(lines, plain, strict=True) if line.box.y0 < top + TOP),
        type_named=bool(TYPE.search(" ".join(_title(lines, plain, top if at else 0.0)[:8]))),
        title=_title(lines, plain, top if at else 0.0),
        annex=_annex([text for line, text in zip(lines, plain, strict=True) if line.box.y0 < top + TOP]),
        number_printed=_number_printed(lines, plain),
        goes_on=bool(body) and _goes_on(lines[body[0]], plain[body[0]]),
        item_first=bool(body) and bool(ITEM.match(lines[body[0]].text)),
        closing=any(CLOSING.search(text) for text in plain),
        full=bool(body) and _last([lines[i] for i in body]).box.y1 > FULL,
        breaks_off=bool(body) and _breaks_off(_last([lines[i] for i in body])),
        announces=any(ANNOUNCED.search(text) for text in plain),
        encloses=any(ENCLOSED.search(f"{text} {after}") for text, after in zip(plain, [*plain[1:], ""], strict=False)),
        size_mm=(page.width_px / page.dpi * 25.4, page.height_px / page.dpi * 25.4),
        own=next((_own(plain[i]) for i in head if NUMBER.match(plain[i])), ("", "")),
        cited=frozenset(
            (number.lstrip("0"), _joined(symbol)) for text in plain for number, symbol in CITED.findall(text)
        ),
        pairs=frozenset(pairwise(words)),
    )


def plainly(text: str) -> str:
    """Capitals without marks, single spaces."""
    bare = unicodedata.normalize("NFD", text.upper().replace("Đ", "D").replace("Ð", "D"))
    return " ".join("".join(letter for letter in bare if not unicodedata.combining(letter)).split())


def _motto(lines: Sequence[Line], plain: Sequence[str]) -> tuple[float, float, bool] | None:
    """How well the motto was found, its top edge, and whether it stands aside; None where there is no trace of it."""
    best: tuple[float, float, bool] | None = None
    for line, text in zip(lines, plain, strict=True):
        if line.box.y0 > 0.6:
            break
        for wanted, weight in ((MOTTO, 1.0), (SECOND_LINE, 0.9), (PARTY, 1.0)):
            found = _run_of(text.split(), wanted)
            score = weight * len(found) / len(wanted)
            if wanted is not SECOND_LINE and _capitals(line.words[i].text for i in found if i < len(line.words)) < 0.7:
                continue  # "nước Cộng hòa xã hội chủ nghĩa Việt Nam" within a sentence
            if score >= 0.5 and (best is None or score > best[0] + 0.05):
                left = line.words[min(found[0], len(line.words) - 1)].box.x0
                right = line.words[min(found[-1], len(line.words) - 1)].box.x1
                best = (score, line.box.y0, (left + right) / 2 > 0.58)
    return best


def _run_of(words: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where in *words* those *wanted* stand, in their order and close to one another; misread ones count if alike."""
    found: list[int] = []
    at = 0
    for want in wanted:
        for i in range(at, min(len(words), at + 4) if found else len(words)):
            if _alike(words[i], want):
                found.append(i)
                at = i + 1
                break
    return found


@lru_cache(100_000)  # the same words on every page: 16 ms a page become 3
def _alike(read: str, want: str) -> bool:
    word = re.sub(r"\W", "", read)
    return word == want or (
        len(word) > 2 and abs(len(word) - len(want)) <= 2 and SequenceMatcher(None, word, want).ratio() >= 0.75
    )


def _capitals(words: Iterable[str]) -> float:
    letters = [letter for word in words for letter in word if letter.isalpha()]
    return sum(letter.isupper() for letter in letters) / len(letters) if letters else 0.0


def _readable(page: PageText) -> float:
    if page.state is PageState.NOT_READ:
        return 0.0
    words = [word for line in page.lines for word in line.words if len(word.text) > 1]
    if not words:
        return 0.0
    sure = sum(word.confidence > 0.6 for word in words)
    return min(1.0, sure / 40) * min(1.0, 1.25 * sure / len(words))


def _title(lines: Sequence[Line], plain: Sequence[str], top: float) -> tuple[str, ...]:
    words: list[str] = []
    for line, text in zip(lines, plain, strict=True):
        if not top <= line.box.y0 <= top + TOP or _capitals([line.text]) < 0.8 or len(text) < 6:
            continue
        if len(_run_of(text.split(), MOTTO)) >= 5 or line.box.x1 < 0.45:
            continue
        words += re.findall(r"[A-Z]{2,}", text)
    return tuple(words)


def _number_printed(lines: Sequence[Line], plain: Sequence[str]) -> int | None:
    for line, text in zip(lines, plain, strict=True):
        middle = (line.box.x0 + line.box.x1) / 2
        if (line.box.y0 < MARGIN_TOP or line.box.y1 > MARGIN_BOTTOM) and (0.4 < middle < 0.62 or middle > 0.8):
            found = PAGE_NUMBER.fullmatch(text)
            if found and int(found[1]) > 0 and sum(word.confidence for word in line.words) / len(line.words) > 0.3:
                return int(found[1])
    return None


def _is_body(line: Line) -> bool:
    return len(line.words) >= 4 and line.box.width > 0.2 and line.confidence > 0.5


def _goes_on(line: Line, plain: str) -> bool:
    if line.box.y0 > 0.3:
        return False
    letter = next((c for c in line.text if c.isalpha()), "")
    starts = re.match(r"^\W{0,2}", line.text)
    inside = letter.islower() and starts is not None and line.text[starts.end() : starts.end() + 2].isalpha()
    return inside or bool(LATER_ARTICLE.match(plain))


def _last(body: Sequence[Line]) -> Line:
    return max(body, key=lambda line: line.box.y1)


def _breaks_off(last: Line) -> bool:
    return last.text.rstrip()[-1:].isalnum() and last.box.width > 0.4


def _annex(top: Sequence[str]) -> float:
    if any(ANNEX.search(text) for text in top):
        return 1.0
    return 0.5 * any(LIST.search(text) for text in top)


def _own(plain: str) -> tuple[str, str]:
    found = list(SYMBOL.finditer(plain[:60]))
    if not found:
        return "", ""
    best = next((symbol for symbol in found if "-" in symbol[1]), found[0])  # a pen's stroke may be read as a slash
    return "".join(re.findall(r"\d", plain[: best.start()])).lstrip("0"), _joined(best[1])


def _joined(symbol: str) -> str:
    return re.sub(r"\s", "", symbol).replace("–", "-").replace("DD", "D")  # QĐ is often read QĐÐ
