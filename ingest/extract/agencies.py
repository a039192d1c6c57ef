"""Names of agencies as heads of papers write them, mended where marks were misread, and their codes."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from ingest.extract.folding import folded, likeness
from ingest.extract.names import AGENCY_HEADS, INITIALS, NOT_HEADS, PLACES

MINISTRIES = (
    "Bộ Quốc phòng", "Bộ Công an", "Bộ Ngoại giao", "Bộ Nội vụ", "Bộ Tư pháp", "Bộ Tài chính",
    "Bộ Kế hoạch và Đầu tư", "Bộ Công Thương", "Bộ Nông nghiệp và Phát triển nông thôn",
    "Bộ Nông nghiệp và Môi trường", "Bộ Giao thông vận tải", "Bộ Xây dựng", "Bộ Tài nguyên và Môi trường",
    "Bộ Thông tin và Truyền thông", "Bộ Lao động - Thương binh và Xã hội", "Bộ Văn hóa, Thể thao và Du lịch",
    "Bộ Khoa học và Công nghệ", "Bộ Giáo dục và Đào tạo", "Bộ Y tế", "Bộ Dân tộc và Tôn giáo",
    "Thanh tra Chính phủ", "Ngân hàng Nhà nước Việt Nam", "Ủy ban Dân tộc", "Văn phòng Chính phủ",
    "Thủ tướng Chính phủ", "Chính phủ", "Quốc hội", "Ủy ban Thường vụ Quốc hội", "Chủ tịch nước",
    "Bảo hiểm xã hội Việt Nam", "Kiểm toán nhà nước", "Tòa án nhân dân tối cao", "Viện kiểm sát nhân dân tối cao",
    "Tổng cục Thuế", "Tổng cục Hải quan", "Cục Thuế", "Cục Hải quan", "Kho bạc Nhà nước", "Tổng cục Thống kê",
)  # fmt: skip
DEPARTMENTS = (
    "Sở Nội vụ", "Sở Tư pháp", "Sở Tài chính", "Sở Kế hoạch và Đầu tư", "Sở Công Thương",
    "Sở Nông nghiệp và Phát triển nông thôn", "Sở Nông nghiệp và Môi trường", "Sở Giao thông vận tải", "Sở Xây dựng",
    "Sở Tài nguyên và Môi trường", "Sở Thông tin và Truyền thông", "Sở Lao động - Thương binh và Xã hội",
    "Sở Văn hóa và Thể thao", "Sở Văn hóa, Thể thao và Du lịch", "Sở Du lịch", "Sở Khoa học và Công nghệ",
    "Sở Giáo dục và Đào tạo", "Sở Y tế", "Sở Quy hoạch - Kiến trúc", "Sở An toàn thực phẩm", "Sở Ngoại vụ",
    "Sở Dân tộc và Tôn giáo", "Thanh tra tỉnh", "Ban Dân tộc", "Văn phòng Ủy ban nhân dân", "Ủy ban nhân dân",
    "Hội đồng nhân dân", "Ban Quản lý", "Ban Chỉ đạo", "Ban Tổ chức", "Chi cục Thuế", "Công an", "Bệnh viện Đa khoa",
    "Trung tâm Y tế", "Trung tâm Kiểm soát bệnh tật", "Phòng Giáo dục và Đào tạo", "Phòng Tư pháp", "Phòng Nội vụ",
    "Phòng Tài chính - Kế hoạch", "Phòng Quản lý đô thị", "Phòng Kinh tế", "Phòng Văn hóa và Thông tin",
    "Phòng Lao động - Thương binh và Xã hội", "Phòng Y tế", "Phòng Tài nguyên và Môi trường", "Thanh tra Sở",
    "Văn phòng đăng ký đất đai", "Chi nhánh Văn phòng đăng ký đất đai", "Trường Đại học", "Trường Trung học phổ thông",
    "Trường Trung học cơ sở", "Trường Tiểu học", "Trường Mầm non", "Ủy ban Mặt trận Tổ quốc Việt Nam",
    "Liên đoàn Lao động", "Công đoàn ngành", "Hội Liên hiệp Phụ nữ", "Đoàn Thanh niên", "Cục Quản lý", "Cục Kiểm soát",
    "Hội đồng thẩm định", "Hội đồng tuyển dụng", "Ban Tổ chức Lễ kỷ niệm", "Ban Chấp hành", "Ban Thường vụ", "Tỉnh ủy",
    "Thành ủy", "Đảng ủy", "Ban Tiếp công dân", "Kho bạc Nhà nước", "Bảo hiểm xã hội", "Chi cục Thống kê",
    "Công ty Cổ phần", "Công ty Trách nhiệm hữu hạn Một thành viên", "Tổng công ty", "Tập đoàn", "Doanh nghiệp tư nhân",
    "Tòa án nhân dân", "Viện kiểm sát nhân dân", "Đảng bộ", "Quận ủy", "Huyện ủy", "Hợp tác xã",
    "Chi cục Thi hành án dân sự", "Cục Thi hành án dân sự", "Ban Thường trực", "Hội Nông dân Việt Nam",
    "Hội Cựu chiến binh Việt Nam",
    "Trung tâm Phục vụ hành chính công", "Trung tâm Phát triển quỹ đất", "Ban Quản lý dự án đầu tư xây dựng",
    "Phòng Kinh tế, Hạ tầng và Đô thị", "Phòng Văn hóa - Xã hội", "Chi cục Kiểm lâm",
    "Chi cục An toàn vệ sinh thực phẩm", "Chi cục Dân số - Kế hoạch hóa gia đình",
)  # fmt: skip
PROVINCES = (
    "Hà Nội", "Hồ Chí Minh", "Hải Phòng", "Đà Nẵng", "Cần Thơ", "Huế", "An Giang", "Bà Rịa - Vũng Tàu", "Bắc Giang",
    "Bắc Kạn", "Bạc Liêu", "Bắc Ninh", "Bến Tre", "Bình Định", "Bình Dương", "Bình Phước", "Bình Thuận", "Cà Mau",
    "Cao Bằng", "Đắk Lắk", "Đắk Nông", "Điện Biên", "Đồng Nai", "Đồng Tháp", "Gia Lai", "Hà Giang", "Hà Nam",
    "Hà Tĩnh", "Hải Dương", "Hậu Giang", "Hòa Bình", "Hưng Yên", "Khánh Hòa", "Kiên Giang", "Kon Tum", "Lai Châu",
    "Lâm Đồng", "Lạng Sơn", "Lào Cai", "Long An", "Nam Định", "Nghệ An", "Ninh Bình", "Ninh Thuận", "Phú Thọ",
    "Phú Yên", "Quảng Bình", "Quảng Nam", "Quảng Ngãi", "Quảng Ninh", "Quảng Trị", "Sóc Trăng", "Sơn La", "Tây Ninh",
    "Thái Bình", "Thái Nguyên", "Thanh Hóa", "Thừa Thiên Huế", "Tiền Giang", "Trà Vinh", "Tuyên Quang", "Vĩnh Long",
    "Vĩnh Phúc", "Yên Bái",
)  # fmt: skip
_PLACE_WORDS = ("Tỉnh", "Thành phố", "Quận", "Huyện", "Thị xã", "Phường", "Xã", "Thị trấn", "Thủ Đức", "Gò Vấp",
                "Bình Thạnh", "Tân Bình", "Tân Phú", "Phú Nhuận", "Bình Tân", "Củ Chi", "Hóc Môn", "Bình Chánh",
                "Nhà Bè", "Cần Giờ", "Việt Nam", "nước Cộng hòa")  # fmt: skip


@cache
def _known_words() -> dict[str, tuple[str, ...]]:
    """Folded word → its forms in agencies' names, the commonest first."""
    forms: dict[str, Counter[str]] = {}
    for name in (*MINISTRIES, *DEPARTMENTS, *PROVINCES, *_PLACE_WORDS, *AGENCY_HEADS):
        for word in re.findall(r"\w+", name):
            forms.setdefault(folded(word), Counter())[word.upper()] += 1
    return {bare: tuple(form for form, _ in counted.most_common()) for bare, counted in forms.items()}


def _bare(word: str) -> str:
    return word.strip(".,:;'`\"“”‘’*_~^|ˆ¬°—–-·•()[]{}<>=\\/!?")


def tidy_name(text: str) -> str:
    """A line of an agency's name without the specks round it, commas and hyphens within it kept."""
    words: list[str] = []
    for word in text.split():
        core = _bare(word)
        if not core:
            if word in ("-", "–", "—") and words:
                words.append("-")
            continue
        if word[0] in "-–—" and words and words[-1] != "-":
            words.append("-")
        comma = "," if word.endswith(",") else ""
        words.append(core + comma)
    while words and (words[-1] == "-" or (len(words) > 1 and len(words[-1]) == 1 and not words[-1].isdigit()
                                          and words[-1] not in ("Y", "Ý"))):  # fmt: skip
        words.pop()
    while len(words) > 1 and len(words[0]) < 2 and not begins_agency(" ".join(words)) and begins_agency(words[1]):
        words.pop(0)
    return " ".join(words).strip(", ")


@dataclass(frozen=True, slots=True)
class Named:
    """An agency's name as it should be written; ``borne_out`` by the paper's body or by a name that is known."""

    name: str
    borne_out: bool


def doubtful_words(name: str) -> list[int]:
    """Which words of *name* (by their place) are no part of agencies' names as these are spelt: names of places and
    people, and what was misread."""
    known = _known_words()
    words = [_bare(word) for word in name.split() if _bare(word)]
    return [place for place, word in enumerate(words) if word.upper() not in known.get(folded(word), ())]


def mended(name: str, body: Sequence[str], code: str = "") -> Named:
    """*name* as read, with what was misread in it mended by the names that are known and by the paper's body.

    Agencies are named in the body over and over, in plain type that is read better than capitals. *body* is the words
    of the paper; *code* the agency's part of the symbol, as read, if it is the issuer's.
    """
    name = re.sub(r"^(UBND|HĐND)(?=[A-ZĐ])", r"\1 ", name)
    words = [_bare(word) for word in name.split() if _bare(word)]
    if not words:
        return Named(name, False)
    votes = Counter(_said_in_body(words, body))
    for known in (*MINISTRIES, *DEPARTMENTS):
        parts = _words(known)
        if len(parts) == len(words) and [folded(p) for p in parts] == [folded(w) for w in words]:
            votes[tuple(part.upper() for part in parts)] += 5
    if (placed := _known_with_place(words)) is not None:
        return Named(_with_words(name, placed), True)
    if votes:
        return Named(_with_words(name, _spelt(votes.most_common(1)[0][0])), True)
    near = _nearly(name, body, code)
    return near if near is not None else Named(_mended_by_word(name, words), False)


def _known_with_place(words: Sequence[str]) -> list[str] | None:
    """A known name with the place it is of, ``UBND TỈNH KIÊN GIANG``, ``SỞ Y TẾ CẦN THƠ``; None where it is none."""
    bare = [folded(word) for word in words]
    for province in PROVINCES:
        place = [folded(part) for part in _words(province)]
        if bare[-len(place) :] != place or len(bare) == len(place):
            continue
        head = bare[: -len(place)]
        kind = next((k for k in (["TỈNH"], ["THÀNH", "PHỐ"], ["TP"]) if head[-len(k) :] == [folded(w) for w in k]), [])
        head = head[: len(head) - len(kind)]
        for known in ("UBND", "HĐND", *MINISTRIES, *DEPARTMENTS):
            parts = _words(known)
            if [folded(part) for part in parts] == head:
                return [part.upper() for part in parts] + kind + [part.upper() for part in _words(province)]
    return None


def _nearly(name: str, body: Sequence[str], code: str) -> Named | None:
    """The name that *name* nearly is: one that is known, or one that the body speaks of.

    A known name needs less likeness where the symbol's code is its own.
    """
    spoken = Counter(_like_in_body(name, body))
    found: list[tuple[float, str]] = []
    for known in (*MINISTRIES, *DEPARTMENTS):
        fit = likeness(name, known)
        if fit < 0.6:
            continue
        said = known.upper() in spoken
        found.append((fit + 0.15 * said + 0.15 * bool(code and folded(code_of(known)) == folded(code)), known.upper()))
    for text, times in spoken.items():
        found.append((likeness(name, text) + min(0.02 * times, 0.1), text))
    fit, best = max(found, default=(0.0, ""))
    if fit >= 0.9:
        return Named(best, True)
    return Named(best, False) if fit >= 0.82 else None


def _like_in_body(name: str, body: Sequence[str]) -> Iterable[str]:
    """Runs of words of the body that begin like an agency's name and are nearly *name*."""
    size = len(name.split())
    heads = {folded(head).split()[0] for head in AGENCY_HEADS}
    for start, word in enumerate(body):
        if not word[:1].isupper() or folded(word) not in heads:
            continue
        for length in {max(size - 1, 2), size, size + 1}:
            text = " ".join(body[start : start + length])
            if likeness(name, text) >= 0.8:
                yield text.upper()


def _mended_by_word(name: str, words: Sequence[str]) -> str:
    """*name* with the marks of words that stand beside one another in agencies' names: a school's ``LÊ QUÝ ĐÔN``, whose
    words stand alone in some, stays as it was read."""
    known, chosen = _known_words(), []
    bare = [folded(word) for word in words]
    for place, word in enumerate(words):
        forms = known.get(bare[place], ())
        beside = _known_pairs() & {tuple(bare[place - 1 : place + 1]), tuple(bare[place : place + 2])}
        chosen.append(word if not forms or word.upper() in forms or (len(words) > 1 and not beside) else forms[0])
    return _with_words(name, _spelt(chosen))


@cache
def _known_pairs() -> frozenset[tuple[str, ...]]:
    """Folded words that follow one another in agencies' names."""
    named = (folded(name) for name in (*MINISTRIES, *DEPARTMENTS, *PROVINCES, *_PLACE_WORDS, *AGENCY_HEADS))
    return frozenset(pair for name in named for pair in pairwise(re.findall(r"\w+", name)))


def _said_in_body(words: Sequence[str], body: Sequence[str]) -> Iterable[tuple[str, ...]]:
    bare = [folded(word) for word in words]
    size = len(bare)
    for start in range(len(body) - size + 1):
        if folded(body[start]) == bare[0] and [folded(w) for w in body[start : start + size]] == bare:
            said = tuple(word.upper() for word in body[start : start + size])
            yield said
            if not all(word.isupper() for word in body[start : start + size]):
                yield said  # capitals are misread as they were at the head; small letters are the better witness


_FIXED = ("ỦY BAN NHÂN DÂN", "HỘI ĐỒNG NHÂN DÂN", "THÀNH PHỐ", "THỊ XÃ", "THỊ TRẤN")


def _spelt(words: Sequence[str]) -> list[str]:
    """*words* with the phrases that every such name has, as they are spelt."""
    out = list(words)
    for phrase in _FIXED:
        parts = phrase.split()
        for start in range(len(out) - len(parts) + 1):
            if [folded(word) for word in out[start : start + len(parts)]] == [folded(part) for part in parts]:
                out[start : start + len(parts)] = parts
    return out


def _with_words(name: str, words: Sequence[str]) -> str:
    """*name* with its words replaced in order; hyphens and commas stay."""
    waiting = iter(words)
    out = []
    for part in name.split():
        core = _bare(part)
        out.append(part.replace(core, next(waiting)) if core else part)
    return " ".join(out)


def _words(text: str) -> list[str]:
    found: list[str] = re.findall(r"\w+", text)
    return found


body_words = _words


def with_hyphens(name: str, text: str) -> str:
    """*name* with the hyphens that *text* has in it : readers lose hyphens far more often than they make one up."""
    words, between = _words(name), re.findall(r"\W+", name)
    if len(between) != len(words) - 1:
        return name
    said = [re.findall(r"\W+", found) for found in
            re.findall(r"\W{1,3}".join(map(re.escape, words)), text, re.IGNORECASE)]  # fmt: skip
    spelt = [" - " if gap == " " and any(set(gaps[place]) & set("-–") for gaps in said) else gap
             for place, gap in enumerate(between)]  # fmt: skip
    return "".join(word + gap for word, gap in zip(words, [*spelt, ""], strict=True))


def begins_agency(line: str) -> bool:
    """*line* begins as the name of an agency does."""
    bare = folded(line)
    if any(bare.startswith(folded(no)) for no in NOT_HEADS):
        return False
    if bare.split(" ")[0] in _MARKED and line.split()[0].upper() not in _MARKED.values():
        return False
    return any(bare == head or bare.startswith(head + " ") for head in _folded_heads())


_MARKED = {"quy": "QUỸ", "hoi": "HỘI", "to": "TỔ", "doan": "ĐOÀN", "dai": "ĐÀI", "cang": "CẢNG", "hat": "HẠT",
           "vu": "VỤ", "tram": "TRẠM", "vien": "VIỆN"}  # fmt: skip
"""Heads that with other marks are names of people and places (``LÊ QUÝ ĐÔN``): they must be read with theirs."""


@cache
def _folded_heads() -> tuple[str, ...]:
    return tuple(folded(head) for head in AGENCY_HEADS)


def is_place(line: str) -> bool:
    """*line* names a place alone, and so goes on with the name above it."""
    bare = folded(line)
    if re.match(r"(?:tinh|thanh|quan|huyen|thi|xa|phuong) (?:uy|doan|doi)\b", bare):
        return False  # QUẬN ỦY, THÀNH ĐOÀN: agencies of their own
    return any(bare.startswith(folded(place) + " ") for place in PLACES) or any(
        likeness(bare, province) > 0.9 for province in PROVINCES
    )


def names_in(lines: Sequence[str], body: Sequence[str] = ()) -> list[list[int]]:
    """The lines of the agencies' block, each name's lines together: parents first, the issuer last.

    *body* are the words of the paper: an agency that it speaks of by the last line alone has its name there.
    """
    names: list[list[int]] = []
    for index, line in enumerate(lines):
        goes_on = index > 0 and _goes_on(lines[index - 1], line)
        whole = _is_council_with_place(" ".join(lines[i] for i in names[-1])) if names else False
        if names and (goes_on or not (whole or begins_agency(line) or _is_branch_in_province(line))):
            names[-1].append(index)
        else:
            names.append([index])
    last = names[-1] if names else []
    if len(last) > 1 and _is_named_alone(lines[last[-1]], [lines[i] for i in last], body):
        names = [*names[:-1], last[:-1], last[-1:]]
    return names


_UNFINISHED = (" va", ",", "-", " thuoc", " cua", "&", " dai bieu", " phat trien", " quan ly", " dich vu", " dau tu",
               " tu van", " ho tro", " xuc tien", " kiem soat", " kiem nghiem")  # fmt: skip
"""A line that ends so goes on in the next."""


def _goes_on(above: str, line: str) -> bool:
    """*line* goes on with the name of which *above* is a line."""
    before = folded(above)
    if before.endswith(_UNFINISHED) or folded(line).startswith("va ") or is_place(line):
        return True
    if folded(line).startswith("chi nhanh ") and before.startswith(("ngan hang", "kho bac", "cong ty", "tong cong ty")):
        return True
    return len(line.split()) == 1 or folded(f"{above} {line}") in _folded_known()  # no agency's name is a single word


@cache
def _folded_known() -> frozenset[str]:
    return frozenset(folded(name) for name in (*MINISTRIES, *DEPARTMENTS))


def _is_branch_in_province(line: str) -> bool:
    """``VIỄN THÔNG LÂM ĐỒNG``, ``ĐIỆN LỰC GÒ VẤP``: what a group of companies has in a place."""
    bare = folded(line)
    found = re.match(r"(?:vien thong|dien luc|buu dien|cong doan)\s+(?:tinh |tp\.? |thanh pho )?(.+)", bare)
    return found is not None and found[1] in {folded(place) for place in (*PROVINCES, *_PLACE_WORDS)}


def _is_named_alone(line: str, name: Sequence[str], body: Sequence[str]) -> bool:
    """The body speaks of *line* as of an agency, and nowhere of the whole *name*."""
    alone = [folded(word) for word in _words(line)]
    if len(alone) < 3 or is_place(line) or not body:
        return False
    whole = [folded(word) for word in _words(" ".join(name))]
    bare = [folded(word) for word in body]
    said = [at for at in range(len(bare) - len(alone) + 1) if bare[at : at + len(alone)] == alone]
    in_whole = [at for at in said if bare[max(0, at + len(alone) - len(whole)) : at + len(alone)] == whole]
    return not in_whole and any(body[at][:1].isupper() for at in said) and begins_agency(line)


def _is_council_with_place(name: str) -> bool:
    """``UBND TỈNH KIÊN GIANG``: such a name is whole, and what stands below it is another."""
    return bool(re.match(r"(?:ubnd|hdnd|uy ban nhan dan|hoi dong nhan dan)\s?(?:tinh|thanh pho|tp\.?|quan|huyen|thi xa|"
                         r"phuong|xa|thi tran)\s*\w+", folded(name)))  # fmt: skip


def fits_code(name: str, code: str) -> bool:
    """*code*, the issuer's part of a symbol, is made of the initials of *name*, some of them left out, but not the
    first two: then the code is of an agency whose name is but the end of *name*.

    ``LĐTBXH`` of BỘ LAO ĐỘNG - THƯƠNG BINH VÀ XÃ HỘI, ``KBPY`` of KHO BẠC NHÀ NƯỚC PHÚ YÊN, ``BVNĐ1``.
    """
    words: list[str] = re.findall(r"\w+", folded(name))
    letters_of = "".join(word if word.isdigit() else word[0] for word in words)
    wanted = [c for c in folded(code) if c.isalnum()]
    if len(wanted) < 2 or wanted[0] not in letters_of[:2]:
        return False
    initials = iter(letters_of[letters_of.index(wanted[0]) :])
    return all(any(c == initial for initial in initials) for c in wanted)


_GOES_ON = (" tinh", " quan", " huyen", " phuong", " xa", " thanh pho", " va", " cua")


def is_unfinished(name: str) -> bool:
    """A name of which only the beginning can have been read, or in which words run together.

    A council without its place, a single word, a ward without its name; no syllable has more than seven letters.
    """
    words = name.split()
    return (
        likeness(name, "Ủy ban nhân dân") > 0.9
        or likeness(name, "Hội đồng nhân dân") > 0.9
        or len(words) < 2
        or folded(" ".join(words[-2:])).endswith(
            (" tinh", " quan", " huyen", " phuong", " xa", " thanh pho", " va", " cua")
        )
        or any(len(word) > 7 for word in words)
    )


def code_of(agency: str) -> str:
    """The agency's part of a symbol, by its name: ``SỞ Y TẾ`` → ``SYT``, ``ỦY BAN NHÂN DÂN …`` → ``UBND``."""
    bare = folded(agency)
    for name, code in INITIALS.items():
        if bare.startswith(folded(name)):
            return code
    words: list[str] = re.findall(r"\w+", agency.upper())
    if words and words[0] in INITIALS.values():
        return words[0]
    cut = next(
        (i for i, w in enumerate(words) if i and folded(w) in ("tinh", "thanh", "quan", "huyen", "phuong", "xa")),
        len(words),
    )
    return "".join(word[0] for word in words[:cut] if folded(word) not in ("va", "thuoc", "cua"))
