"""Where things stand on the first page of a paper: NĐ 30's places, measured from what was found, not from the sheet.

The decree puts the agency's name on the left of the national motto, the number below the one, place and date below
the other, then the heading and its abstract on the axis of the page. Scans are cropped, shifted and skewed, and lines
of both columns are often read as one: all words are therefore first parted into runs, and the motto parts the columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ingest.extract.folding import folded, letters, likeness
from ingest.extract.grammar import is_label
from schemas.pages import Box, Line, PageText, Word, box_around

MOTTO = "Cộng hòa xã hội chủ nghĩa Việt Nam"
BELOW_MOTTO = "Độc lập - Tự do - Hạnh phúc"
PARTY = "Đảng Cộng sản Việt Nam"
WIDE_GAP = 1.3
"""In heights of the line: words further apart belong to different runs (justified lines reach 1.0)."""
COLUMNS_PART_AT = 0.44
"""Where the columns part when no motto was found, in page widths: the decree's own places."""
STAMP_LINES = ("nguoi ky:", "ky boi:", "email:", "co quan:", "thoi gian ky:", "ngay ky:", "signature not", "signed by")
"""What the appearance of a digital signature says at the head of a page."""


@dataclass(frozen=True)
class Run:
    """Words of one line that stand together."""

    words: tuple[Word, ...]
    height: float

    @cached_property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @cached_property
    def box(self) -> Box:
        return box_around(word.box for word in self.words)

    @property
    def confidence(self) -> float:
        """Of its words, weighted by their length."""
        return confidence_of(self.words)

    @property
    def middle(self) -> float:
        return (self.box.x0 + self.box.x1) / 2

    @property
    def level(self) -> float:
        """The height of its middle on the page."""
        return (self.box.y0 + self.box.y1) / 2


def confidence_of(words: Sequence[Word]) -> float:
    """Mean confidence, weighted by length; 0 without words."""
    weight = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / weight if weight else 0.0


def runs_of(line: Line, aspect: float) -> Iterator[Run]:
    """The line parted at its wide gaps. *aspect* is the page's height by its width: gaps count in line heights."""
    widest = WIDE_GAP * min(line.height, 0.02) * aspect
    part: list[Word] = []
    for word in line.words:
        if part and word.box.x0 - part[-1].box.x1 > widest:
            yield Run(tuple(part), line.height)
            part = []
        part.append(word)
    if part:
        yield Run(tuple(part), line.height)


def _is_writing(text: str) -> bool:
    return any(c.isalnum() for c in text)


@dataclass(frozen=True)
class Head:
    """The first page as runs, and the motto where it stands."""

    page: PageText

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """From top to bottom, each of one column only; without rules, specks and signature stamps."""
        found: list[Run] = []
        for line in self.page.lines:
            for run in runs_of(line, self.page.height_px / max(self.page.width_px, 1)):
                found.extend(self._parted_at_motto(run))
        found = [part for run in found for part in self._parted_at_column(run)]
        trimmed = [part for run in found if (part := _trimmed(run)) is not None]
        kept = [run for run in trimmed if not self._is_stamp(run)]
        return tuple(sorted(kept, key=lambda run: (round(run.level, 3), run.box.x0)))

    @staticmethod
    def _is_stamp(run: Run) -> bool:
        return run.box.y0 < 0.12 and folded(run.text).startswith(STAMP_LINES)

    @cached_property
    def motto(self) -> Box | None:
        """Where ``CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM`` stands (for a party's paper: its own); None if not read."""
        for line in self.page.lines:
            if line.box.y0 < 0.5 and (span := motto_in(line.words)):
                return Run(line.words[span[0] : span[1]], line.height).box
        below = next((r for line in self.page.lines if line.box.y0 < 0.5 for r in runs_of(line, 1.4)
                      if likeness(r.text, BELOW_MOTTO) > 0.7), None)  # fmt: skip
        if below is None:
            return None
        # The second line is centred below the first and two thirds as wide.
        return Box(below.box.x0 - 0.08, below.box.y0 - 0.02, below.box.x1 + 0.08, below.box.y0 - 0.003)

    @cached_property
    def parting(self) -> float:
        """Where the left column ends."""
        return self.motto.x0 - 0.005 if self.motto else COLUMNS_PART_AT

    @cached_property
    def top(self) -> float:
        return self.motto.y0 if self.motto else 0.03

    @cached_property
    def step(self) -> float:
        """From line to line of the head, in page heights."""
        return 1.2 * (self.motto.y1 - self.motto.y0) if self.motto else 0.02

    def _parted_at_motto(self, run: Run) -> Iterator[Run]:
        """Gaps before the motto are often narrow: the words before it are the agency's name."""
        span = self._motto_span(run)
        if span is None:
            yield run
            return
        start, end = span
        for words in (run.words[:start], run.words[start:end], run.words[end:]):
            if words:
                yield Run(words, run.height)

    def _motto_span(self, run: Run) -> tuple[int, int] | None:
        """Which words of *run* are the motto or the line below it."""
        if self.motto is None:
            return None
        below = (run.level - (self.motto.y0 + self.motto.y1) / 2) / self.step
        found = motto_in(run.words) if abs(below) < 1 else None
        if found is None and -0.3 < below < 2.5:
            found = phrase_in(run.words, BELOW_MOTTO, 0.65)
        return found

    def _parted_at_column(self, run: Run) -> Iterator[Run]:
        """The number's row and the date's, or the agency's and the motto's second, where specks fill the gap."""
        beyond = [i for i, word in enumerate(run.words) if word.box.x0 >= self.parting - 0.01]
        begins = run.box.x0 < self.parting - 0.1 and beyond and self.top <= run.level <= self.top + 8 * self.step
        if begins and (
            _is_number_row(run.words[: beyond[0]])
            or likeness(" ".join(w.text for w in run.words[beyond[0] :]), BELOW_MOTTO) > 0.7
        ):
            yield Run(run.words[: beyond[0]], run.height)
            yield Run(run.words[beyond[0] :], run.height)
        else:
            yield run

    def left(self, top: float, bottom: float) -> list[Run]:
        """Runs of the left column with their middle between the two heights: each word begins in it.

        Where words end is not asked: the box of one read anew in a strip may reach to the strip's end.
        """
        return [r for r in self.runs if top <= r.level <= bottom and r.words[-1].box.x0 < self.parting - 0.01]


@lru_cache(maxsize=16)
def head_of(page: PageText) -> Head:
    """The head of a page; the same one for all that ask of it, as finding its runs takes a millisecond or three."""
    return Head(page)


def _is_number_row(words: Sequence[Word]) -> bool:
    """The words are those of a row of number: no line of an abstract that begins with ``Sở Y tế``."""
    text = " ".join(word.text for word in words)
    return is_label(text) and ("/" in text or ":" in " ".join(word.text for word in words[:2]))


def _trimmed(run: Run) -> Run | None:
    """*run* without rules and specks at its ends; None where nothing else is in it."""
    writing = [i for i, word in enumerate(run.words) if _is_writing(word.text)]
    if not writing:
        return None
    start = writing[0] - 1 if writing[0] and run.words[writing[0] - 1].text in ("-", "–") else writing[0]
    end = writing[-1] + 1
    if end < len(run.words) and run.words[end].text in ("-", "–") and run.words[end].confidence > 0.85:
        end += 1
    return Run(run.words[start:end], run.height)


def motto_in(words: Sequence[Word]) -> tuple[int, int] | None:
    """From where to where the words are a motto, in capitals; None where they hold none."""
    if sum(c.isupper() for word in words for c in word.text) < 14:
        return None
    found = [span for motto in (MOTTO, PARTY) if (span := phrase_in(words, motto, 0.72))]
    capitals = [span for span in found if _mostly_capitals("".join(w.text for w in words[span[0] : span[1]]))]
    return capitals[0] if capitals else None


def _mostly_capitals(text: str) -> bool:
    return 2 * sum(c.isupper() for c in text) > len(letters(text))


def phrase_in(words: Sequence[Word], phrase: str, at_least: float) -> tuple[int, int] | None:
    """From where to where the words are most like *phrase*; None where nothing in them is so like it."""
    size = len(letters(phrase))
    best: tuple[float, tuple[int, int]] = (0.0, (0, 0))
    for start in range(len(words)):
        taken = ""
        for end in range(start + 1, len(words) + 1):
            taken += letters(words[end - 1].text)
            if len(taken) > size * 1.3:
                break
            if len(taken) >= size * 0.7 and (fit := likeness(taken, phrase)) > best[0]:
                best = fit, (start, end)
        if best[0] == 1:
            break
    return best[1] if best[0] >= at_least else None
