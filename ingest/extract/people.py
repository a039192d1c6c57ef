"""Names of people as they are printed under a signature: which words are one, and how they are spelt."""

import re
from pathlib import Path

from ingest.extract.folding import folded, letters, likeness
from ingest.extract.names import IN_PLACE_OF

SPECKS = " .,:;'`\"“”‘’|*-_~^°"
NEARLY = 0.8
"""A family name at least so like a known one is that one, misread."""
FAMILY_NAMES = (
    "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương",
    "Lý", "Đào", "Đoàn", "Vương", "Trịnh", "Trương", "Đinh", "Lâm", "Phùng", "Mai", "Tô", "Hà", "Tăng", "Lưu",
    "Thái", "Lương", "Tạ", "Châu", "Quách", "Cao", "La", "Lục", "Kiều", "Diệp", "Tống", "Nghiêm", "Triệu", "Giang",
    "Đàm", "Tôn", "Ninh", "Mạc", "Lại", "Bạch", "Ông", "Từ", "Văn", "Khúc", "Chu", "Lữ", "Thạch", "Danh", "Kim",
    "Sơn", "Trang", "Nông", "Hứa", "Mã", "Vi", "Đồng", "Cù", "Khổng", "Doãn", "Phí", "Thân", "Viên", "Hầu", "Âu",
    "Nhâm", "Tiêu", "Trà",
)  # fmt: skip
"""Nearly all Vietnamese bear one of these; no two of them have the same letters but for the marks."""
_BY_LETTERS = {folded(name): name for name in FAMILY_NAMES} | {"thi": "Thị"}
GIVEN_NAMES = frozenset(Path(__file__).with_name("given_names.txt").read_text(encoding="utf-8").split())
"""Middle and given names that are common; a name with another may be misread in its marks (``Chỉ`` for ``Chi``)."""
HONOURS = re.compile(
    r"^(?:(?:NGND|NGƯT|NGUT|NSND|NSƯT|TTND|TTƯT|TTUT|AHLĐ|GS|PGS|TSKH|TS|ThS|Th\.S|THS|BSCKII|BSCKI|BSCK2|BSCK1|BSNT|BSCK|"
    r"BS|CKII|CKI|CK2|CK1|DSCKII|DSCKI|DS|KTS|KS|CN|LS|VS)\s*[.,]\s*)+"
    r"|^(?:Đại|Thượng|Trung|Thiếu)\s+(?:tướng|tá|úy|uý)\s+|^(?:Luật sư|Bác sĩ|Bác sỹ|Kỹ sư|Tiến sĩ|Thạc sĩ|Ông|Bà)\s+"
)
"""Degrees, honours and ranks before a name (NĐ 30/2020, Phụ lục I, II.7 lets schools, hospitals and
forces have them)."""


def is_person(text: str) -> bool:
    """Two to six words, each with a capital and small letters, the way names are printed under a signature."""
    words = [w for w in tidy_person(text).split() if w not in IN_PLACE_OF]
    if not 2 <= len(words) <= 6:
        return False
    spelt = [w for w in words if w.isalpha() and w[0].isupper() and (len(w) == 1 or w[1:].islower())]
    return len(spelt) == len(words) and len(letters(text)) >= 6


def half_hidden(text: str) -> str | None:
    """A name whose family name the seal has spoilt, as it most probably is; None where it is no name."""
    words = [word for word in tidy_person(text).split() if letters(word)]
    while len(words) > 1 and not (words[-1].isalpha() and words[-1][0].isupper() and words[-1][1:].islower()):
        words.pop()
    if not 2 <= len(words) <= 6 or not words[-1][1:].islower() or len(words[-1]) < 2:
        return None
    ways = [(likeness("".join(words[:taken]), family) - 0.1 * (not words[taken][0].isupper()), family, taken)
            for taken in (1, 2) if taken < len(words) for family in FAMILY_NAMES]  # fmt: skip
    fit, family, taken = max(ways)
    if fit < 0.5:
        return None
    return mended_name(" ".join([family, *(word[0].upper() + word[1:] for word in words[taken:])]))


def mended_name(name: str) -> str:
    """*name* with the marks of its family name, and of ``Văn`` and ``Thị`` within it, as they are spelt."""
    first, *others = name.split()
    fit, near = max((likeness(first, family), family) for family in FAMILY_NAMES)
    spelt = [_BY_LETTERS.get(folded(first), near if fit >= NEARLY else first)]
    spelt += [{"van": "Văn", "thi": "Thị"}.get(folded(word), word) for word in others[:-1]]
    return " ".join(spelt + others[-1:])


def is_usual(name: str) -> bool:
    """Every word of *name* is one that people bear: none of its marks is likely to be misread."""
    first, *others = name.split()
    return first in FAMILY_NAMES and all(
        word in GIVEN_NAMES or word in FAMILY_NAMES or word == "Thị" for word in others
    )


def has_family(name: str) -> bool:
    """*name* begins with a family name; ``Văn`` and ``Thị`` before a single word are most often the middle one."""
    words = name.split()
    return folded(words[0]) in _BY_LETTERS and not (len(words) < 3 and folded(words[0]) in ("van", "thi"))


def tidy_person(text: str) -> str:
    """*text* without specks and honours, each word once where strips that were read anew overlap."""
    text = HONOURS.sub("", text.strip(SPECKS))
    words = [word for part in text.split() if (word := part.strip(SPECKS))]
    return " ".join(word for i, word in enumerate(words) if not i or word != words[i - 1])
