"""Who signed: the capacity and the name at the right of the last page of the paper's body."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ingest.extract.agencies import begins_agency
from ingest.extract.finding import Finding
from ingest.extract.folding import folded, letters, likeness
from ingest.extract.layout import Run, head_of
from ingest.extract.names import TITLE_WORDS
from ingest.extract.people import SPECKS, half_hidden, has_family, is_person, is_usual, mended_name, tidy_person
from ingest.extract.rows import row_of, rows_of
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import PageText

RIGHT_FROM = 0.44
UNUSUAL = 0.85
"""Factor of a name with a word that few people bear: its marks may be misread, and nothing else on the paper tells."""
WORD_GAP = 2.5
"""In letters: as far apart stand words of a name between which another was not read."""
STRETCHED = 1.6
"""Width of a letter by that of the narrowest word's; print stays below, a word that took in what is hidden does not."""
SPELT = 0.8
"""A line at least so like a known title is that title."""
INFERRED = 0.5
"""How sure a line is that was not read but follows from the other."""
SPELT_OUT = 0.96
"""Least confidence of a line that is, letter by letter, a capacity as the decree spells it."""
PARTLY_SEEN = 0.5
"""What is as like the deputy's line as this is that line, under ``KT.`` of its head."""
OFF_MIDDLE = 0.02
"""A name stands under the middle of the capacity; one further off has lost words to the seal."""


def signer_findings(texts: Sequence[PageText]) -> tuple[Finding, Finding]:
    """The signer and their title, from the first page that has a signature's block (annexes come after it)."""
    unread = Finding(None, 0.0, reason=_("no signature was found"))
    for text in texts:
        rows = _right_rows(text)
        titles = _title_rows(rows)
        if titles:
            return _name(text, rows, titles), _title(text, titles)
        if (name := _name_after_recipients(text, rows)) is not None:
            return name, unread
    return unread, unread


def _right_rows(text: PageText) -> list[Run]:
    """Rows of the right half; a page's head is no signature."""
    head = head_of(text)
    top = head.motto.y1 + 6 * head.step if head.motto else 0.0
    recipients = _recipients(text)
    from_there = recipients - 0.06 if recipients is not None else 1.0
    found = []
    for run in head.runs:
        part = _right_part(run) if run.level > from_there else run
        if part is not None and part.middle > 0.5 and part.box.x0 > RIGHT_FROM and part.level > top:
            found.append(part)
    return rows_of(found)


def _recipients(text: PageText) -> float | None:
    """Where ``Nơi nhận`` stands, or three lines above ``Lưu: VT``; the signature is beside it."""
    at = [line.box.y0 for line in text.lines if likeness(line.text[:9], "Nơi nhận") > 0.7]
    filed = [line for line in text.lines if re.match(r"\W{0,3}Lưu\s?:", line.text)]
    return at[-1] if at else filed[-1].box.y0 - 4 * filed[-1].height if filed else None


def _right_part(run: Run) -> Run | None:
    """What of a run stands in the signature's column, where the list of recipients reaches up to it."""
    if run.box.x0 > RIGHT_FROM:
        return run
    gaps = [(after.box.x0 - before.box.x1, i) for i, (before, after) in enumerate(pairwise(run.words), 1)
            if after.box.x0 > RIGHT_FROM]  # fmt: skip
    widest, at = max(gaps, default=(0.0, 0))
    others = sorted(gap for gap, i in gaps if i != at)
    if widest <= 0 or (others and widest < 1.3 * others[len(others) // 2]):
        return None
    return Run(run.words[at:], run.height)


def _is_capacity(text: str) -> bool:
    """*text* names who signs as what: ``GIÁM ĐỐC``, ``KT. CHỦ TỊCH``."""
    tight = text.strip(SPECKS)
    core = re.sub(r"^(?:KT|TM|TL|TUQ|Q|K/T|T/M|T/L)\s*[.,]\s*", "", tight)
    if core != tight and len(letters(core)) > 3:
        return True
    if sum(c.isupper() for c in core) < 2 * sum(c.islower() for c in core):
        return False
    return any(likeness(core, title) >= 0.8 for title in TITLE_WORDS) or letters(core).startswith(
        tuple(letters(title) for title in TITLE_WORDS if len(title) > 6)
    )


def _nearly_title(text: str) -> bool:
    """Beside a title that was read: the line below it, half hidden by the seal."""
    capitals, small = sum(c.isupper() for c in text), sum(c.islower() for c in text)
    return capitals > 2 * small and max(likeness(text.strip(SPECKS), title) for title in TITLE_WORDS) >= 0.6


def _title_rows(rows: Sequence[Run]) -> list[Run]:
    """The last group of rows that name a capacity."""
    groups: list[list[Run]] = []
    for row in rows:
        near = bool(groups) and row.level - groups[-1][-1].level < 2.2 * max(row.height, 0.012)
        if near and (_is_capacity(row.text) or _nearly_title(row.text)):
            groups[-1].append(row)
        elif _is_capacity(row.text):
            groups.append([row])
    return groups[-1] if groups else []


def _title(text: PageText, rows: Sequence[Run]) -> Finding:
    if text.typed:
        said = [(_spaced(row.text), 1.0) for row in rows]
    else:
        said = _with_head_and_deputy([_mended_title(row.text) for row in rows])
    sure = [max(min(word.confidence for word in row.words), SPELT_OUT if fit == 1 else 0.0)
            for row, (_, fit) in zip(rows, said, strict=False)]  # fmt: skip
    confidence = min(sure) * min(fit for _, fit in said)
    value = " ".join(title for title, _ in said)
    evidence = Evidence(text.number, row_of(rows).box)
    return Finding(value, confidence, evidence, (value,), _("the signer's title is unclear"))


def _with_head_and_deputy(said: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """*said* with what the seal hides of ``KT. GIÁM ĐỐC`` over ``PHÓ GIÁM ĐỐC``: a deputy signs for the head, who is
    named above (NĐ 30/2020, Phụ lục I, II.7); each line tells the other."""
    titles = list(said)
    instead = next((i for i, (title, _) in enumerate(titles) if title.startswith("KT. ")), None)
    if instead is not None:
        head, fit = titles[instead]
        deputy = _deputy_of(head.removeprefix("KT. "))
        if instead + 1 == len(titles):
            titles.append((deputy, INFERRED))
        elif titles[instead + 1][0] != deputy and fit >= SPELT:
            seen, spelt = titles[instead + 1]
            alike = likeness(seen, deputy)
            if spelt < 1 or seen == head.removeprefix("KT. "):
                titles[instead + 1] = (deputy, 0.9 if alike >= PARTLY_SEEN else INFERRED)
        return titles
    if any("." in title for title, _ in titles):
        return titles
    last, fit = titles[-1]
    if len(titles) > 1 and (_is_deputy(last) or fit < SPELT):
        head, _ = titles[-2]
        return [
            *titles[:-2],
            (f"KT. {head}", INFERRED),
            (last if fit >= SPELT else _deputy_of(head), min(fit, INFERRED)),
        ]
    if _is_deputy(last):
        return [*titles[:-1], (f"KT. {_head_over(last)}", INFERRED), titles[-1]]
    return titles


def _is_deputy(title: str) -> bool:
    return folded(title).startswith(("pho ", "thu truong"))


def _deputy_of(head: str) -> str:
    if folded(head).endswith("chu nhiem"):  # BỘ TRƯỞNG, CHỦ NHIỆM: of an office or a committee
        return "PHÓ CHỦ NHIỆM"
    return "THỨ TRƯỞNG" if folded(head).startswith("bo truong") else f"PHÓ {head}"


def _head_over(deputy: str) -> str:
    return "BỘ TRƯỞNG" if folded(deputy).startswith("thu truong") else deputy.removeprefix("PHÓ ")


def _spaced(text: str) -> str:
    """*text* with one space behind ``KT.`` and its like."""
    return re.sub(r"^(KT|TM|TL|TUQ|Q)\s*\.\s*", r"\1. ", text.strip(SPECKS))


def _mended_title(text: str) -> tuple[str, float]:
    """A line of the capacity as it is spelt, and how like that the reading is."""
    tight = text.strip(SPECKS)
    before = re.match(r"^(KT|TM|TL|TUQ|Q)\s*[.,]?\s*", tight)
    prefix = before[1] + ". " if before and tight[: before.end()].rstrip() != before[1] else ""
    core = tight[before.end() :] if before and prefix else tight
    fit, title = max((likeness(core, title), title) for title in TITLE_WORDS)
    if fit < SPELT and prefix in ("TM. ", "T/M. ") and begins_agency(core):
        return prefix + core, 0.95
    return (prefix + title.upper(), fit) if fit >= SPELT else (prefix + core, 0.7)


def _name(text: PageText, rows: Sequence[Run], titles: Sequence[Run]) -> Finding:
    below = [row for row in rows if row.level > titles[-1].level + 1.2 * titles[-1].height
             and row.level < titles[-1].level + 0.25]  # fmt: skip
    if (found := _lowest_name(text, below)) is not None:
        box = found.evidence.box if found.evidence else None
        aside = box is not None and abs((box.x0 + box.x1) / 2 - row_of(titles).middle) > OFF_MIDDLE
        return replace(found, confidence=found.confidence * 0.7) if aside else found
    box = row_of(titles).box
    return Finding(None, 0.0, Evidence(text.number, box), reason=_("the signer's name was not read"))


def _name_after_recipients(text: PageText, rows: Sequence[Run]) -> Finding | None:
    """A name at the right of ``Nơi nhận`` where the seal hid the title."""
    recipients = _recipients(text)
    return _lowest_name(text, [row for row in rows if row.level > recipients]) if recipients is not None else None


def _lowest_name(text: PageText, rows: Sequence[Run]) -> Finding | None:
    named = [row for row in rows if is_person(row.text)]
    if named:
        return _named(text, named[-1])
    for row in reversed(rows):
        if (value := half_hidden(row.text)) is not None:
            confidence = 0.5 * min(word.confidence for word in row.words)
            evidence = Evidence(text.number, row.box)
            return Finding(value, confidence, evidence, (value,), _("the seal hides a part of the signer's name"))
    return None


def _hides_a_word(row: Run) -> bool:
    """There is room in a name for a word that was not read: between two words, or within the box of one of them."""
    words = [word for word in row.words if letters(word.text)]
    gaps = [after.box.x0 - before.box.x1 for before, after in pairwise(words)]
    wide = [word.box.width / len(word.text) for word in words if len(word.text) > 3]
    return bool(gaps and wide) and (max(gaps) > WORD_GAP * min(wide) or max(wide) > STRETCHED * min(wide))


def _named(text: PageText, row: Run) -> Finding:
    read = tidy_person(row.text)
    confidence = min(word.confidence for word in row.words)
    if text.typed:
        return Finding(read, confidence, Evidence(text.number, row.box), (read,))
    value = mended_name(read)
    if not has_family(read) or folded(value.split()[-1]) in ("van", "thi") or _hides_a_word(row):
        confidence *= 0.8  # a word of it is hidden
    elif not is_usual(value):
        confidence *= UNUSUAL
    return Finding(value, confidence, Evidence(text.number, row.box), (value,), _("the signer's name is unclear"))
