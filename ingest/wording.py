"""The words of a line, decided among its readings by how sure each was and by which syllables follow each other.

A noisy channel: each reading says how likely it sees what it saw if a candidate is what stands there; the counts of
syllable pairs say how likely the candidate is between its neighbours. Candidates are what the readings saw, and the
same letters under other marks. Where the first reading was sure, or where numbers and codes stand, marks are not tried:
a code is only ever what some reading saw.
"""  # fmt: skip

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, product

from ingest.ocr.engine import EngineLine, EngineWord, PixelBox
from ingest.secondreading import Slot, baseline
from ingest.syllables import FIRST, KEPT, Syllables, marks, skeleton, tokens

SURE = 0.93
"""Words of this confidence that are known syllables stand as the first reading has them."""
AGREED = 0.9
"""A syllable that two readings saw alike with this confidence stands, even where the language would have another."""
UNSURE = 0.8
"""Below it a word is read again. With 0.86 the second reading costs a sixth more and mends two characters of 10,000."""
MUCH_LIKELIER = 4.0
"""Natural logarithm of how much likelier another syllable must be for a sure word to be doubted."""
STRANGE = 7.0
"""The same for a word that two readings saw alike."""
LANGUAGE = 0.45
"""Weight of the language against the readings."""
LIKELIEST, UNLIKELIEST = 0.98, 0.25
"""Bounds of what a reading's confidence is taken for."""
CAPITALS = 0.85
"""Readings of capitals are taken for no surer than this together: their stacked marks are small, and both models make
the same mistakes there (``MỘT SÓ ĐIỀU``)."""
LEAST_PAIR = -14.0
DISTANCE = 2.2
"""What a reading's further mistake costs, in natural logarithms."""
LEAST_COUNT = 20
"""Marks are only tried that make a syllable seen as often as this."""
BROKEN = 0.75
"""Where no reading was surer, syllables of one letter more, less or other are tried too."""
FEW = 4
"""So many ways to put marks on the two syllables of a word that lacks its space are tried."""
FREQUENT = 200
"""Such a syllable must be seen as often as this."""
BEAM = 12
DUST = "`'ˆ^~¬¦|{}‹›_"
"""Signs that official papers do not print at a word's ends: specks, and the edges of tables and stamps."""
DASHES = frozenset("-–—=")
"""No paper prints two of them one after the other."""
SHARED = 0.7
"""Words of a line that share this much of the narrower one's width are the same ink."""
LEAST_GAP, WITHIN_WORD = 0.08, 0.35
"""Between words, in heights of the line; and what may lie within one."""
MARK, CASE, LETTER, MISSING = 0.5, 0.7, 1.3, 1.2
"""Costs of one letter read for another: under other marks, in other case, other letter, one too many or too few."""

TYPE_CODES = frozenset(
    "NQ QĐ CT QC QyĐ TC TB HD CTr KH PA ĐA DA BC BB TTr HĐ CĐ BGN BTT GUQ GM GGT GNP PG PC PB SY TrS SL "  # noqa: SIM905
    "NĐ TT TTLT".split()
)
"""NĐ 30/2020, Phụ lục III, and those of legal documents (decree, circular, joint circular)."""
ALIKE = str.maketrans("71IlYyÐDOo0", "TTTTrrĐĐQQQ")
GUESSED = 0.5
"""A figure that stands for a sign (``§3/TTr-UBND``) is no surer than this."""
LIKE_ONE = frozenset("IlÌÍÏỊ¡|!")
"""Signs that a figure one standing alone is taken for: ``khoản 1`` → ``khoản I``."""
LOOKALIKES = {0x2044: "/", 0xD0: "Đ", 0xF0: "đ"}
"""Signs of other alphabets that look like those of this one: fraction slash, Icelandic eth."""

_SYMBOL = re.compile(r"^(\S*\d/)([^/\s-]{2,4})(-[^\s]+)$")
_OF_A_LAW = re.compile(r"\d{1,3}/(19|20)\d\d/")
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Worded:
    """A line's word as decided; ``raw`` is what the first reading had there, where that differs."""

    word: EngineWord
    raw: str = ""


def is_doubtful(line: EngineLine, place: int, syllables: Syllables) -> bool:
    """The engine doubted the word, or the language does: the word is none of its own, or the same letters under other
    marks are far likelier between these neighbours."""
    word = line.words[place]
    if word.confidence < UNSURE or _is_foreign(word.text, syllables):
        return True
    syllable = _only_syllable(word.text)
    if not syllable:
        return False
    before = _near(line.words[place - 1].text, -1) if place else FIRST
    after = _near(line.words[place + 1].text, 0) if place + 1 < len(line.words) else FIRST
    return _gain(before, syllable, after, syllables) > MUCH_LIKELIER


@lru_cache(KEPT)
def _is_foreign(text: str, syllables: Syllables) -> bool:
    """Letters of it are no syllable and no abbreviation, or it is a lone stroke."""
    return _is_like_one(text) or any(
        not syllables.count(part.lower()) and not _is_abbreviation(part, syllables) for part in _LETTERS.findall(text)
    )


@lru_cache(KEPT)
def _only_syllable(text: str) -> str:
    """The text in lower case without the stops about it, if it is letters only; else nothing."""
    bare = text.strip(".,;:()“”\"'")
    return bare.lower() if _LETTERS.fullmatch(bare) else ""


def _is_abbreviation(word: str, syllables: Syllables) -> bool:
    """Capitals that no syllable has the letters of: ``UBND``, not ``SÓ``."""
    return word.isupper() and not syllables.same_letters(word)


def _near(text: str, which: int) -> str:
    keys = _keys(text)
    return keys[which] if keys else FIRST


def _gain(before: str, syllable: str, after: str, syllables: Syllables) -> float:
    """How much likelier, in natural logarithms, the best of the same letters under other marks is."""

    def likely(key: str) -> float:
        return max(LEAST_PAIR, syllables.log_probability(before, key)) + max(
            LEAST_PAIR, syllables.log_probability(key, after)
        )

    return max(map(likely, _rivals(syllable, syllables)), default=-99.0) - likely(syllable)


@lru_cache(KEPT)
def _rivals(word: str, syllables: Syllables) -> tuple[str, ...]:
    """The same letters under other marks, in lower case, as far as they are seen often; hòa and hoà are one word."""
    own = marks(word)
    return tuple(
        other for other in syllables.same_letters(word)
        if syllables.count(other) >= LEAST_COUNT and marks(other) != own
    )  # fmt: skip


def decided(line: EngineLine, slots: Sequence[Slot], syllables: Syllables) -> list[Worded]:
    """The line's words from its slots, left to right."""
    firsts = [_text(slot.first) for slot in slots]
    lattice = [_scores(slot, syllables, firsts, place) for place, slot in enumerate(slots)]
    paths: dict[str, tuple[float, tuple[str, ...]]] = {FIRST: (0.0, ())}
    for scores in lattice:
        reached: dict[str, tuple[float, tuple[str, ...]]] = {}
        candidates = [(text, score, _keys(text)) for text, score in scores.items()]
        for last, (sum_before, chosen) in paths.items():
            for text, score, keys in candidates:
                total, end = sum_before + score, last
                for key in keys:
                    total += LANGUAGE * max(LEAST_PAIR, syllables.log_probability(end, key))
                    end = key
                if end not in reached or total > reached[end][0]:
                    reached[end] = (total, (*chosen, text))
        paths = dict(sorted(reached.items(), key=lambda item: -item[1][0])[:BEAM])
    _score, texts = max(paths.values())
    found: list[Worded] = []
    for place, (slot, text, scores) in enumerate(zip(slots, texts, lattice, strict=True)):
        if len(slot.readings) == 1 and text == firsts[place]:
            found += [Worded(word) for word in slot.first]
        elif text:
            found += _placed(slot, text, _confidence(place, texts, scores, slot, syllables), line)
    kept = _once([cleaned for worded in found if (cleaned := _cleaned(worded)) is not None])
    return _apart(_rejoined(kept, line, syllables), line)


def _cleaned(worded: Worded) -> Worded | None:
    """The word without the dust at its ends; None where it is nothing else."""
    word = worded.word
    text = _without_dust(word.text)
    sure = word.confidence
    if "§" in text and any(c.isdigit() for c in text):  # no paper here bears that sign
        text, sure = text.replace("§", "8"), min(sure, GUESSED)
    if text == word.text:
        return worded
    return Worded(replace(word, text=text, confidence=sure), worded.raw or word.text) if text else None


@lru_cache(KEPT)
def _without_dust(text: str) -> str:
    return _code_held(text.translate(LOOKALIKES).strip(DUST))


def _code_held(text: str) -> str:
    """A number and symbol (``123/ITr-SXD``) with its type code (``TTr``), where what was read differs from just one
    code by letters that look alike."""
    match = _SYMBOL.match(text)
    if match is None or match[2] in TYPE_CODES:
        return text
    alike = [code for code in TYPE_CODES if code.translate(ALIKE) == match[2].translate(ALIKE)]
    return f"{match[1]}{alike[0]}{match[3]}" if len(alike) == 1 else text


def _once(words: list[Worded]) -> list[Worded]:
    """The words without those that stand where another does: a word read twice, a capital's mark read as a stop."""
    boxes = sorted((worded.word.box.x0, worded.word.box.x1) for worded in words)
    if all(before[1] <= after[0] for before, after in pairwise(boxes)):
        return words
    kept: list[Worded] = []
    for worded in sorted(words, key=_weight, reverse=True):
        if not any(_same_ink(worded, other) for other in kept):
            kept.append(worded)
    return kept


def _same_ink(worded: Worded, other: Worded) -> bool:
    """They stand in one place, and are not two words that the first reading was sure of: Tesseract draws some boxes far
    too wide (in ``Sở Y tế`` that of ``Sở`` reached over the ``Y``), but never reads the same ink twice in one line."""
    one, two = worded.word, other.word
    shared = min(one.box.x1, two.box.x1) - max(one.box.x0, two.box.x0)
    if shared <= SHARED * min(one.box.width, two.box.width):
        return False
    sure = all(w.raw == "" and w.word.confidence >= UNSURE and w.word.text.isalnum() for w in (worded, other))
    return not sure or skeleton(one.text.lower()) == skeleton(two.text.lower())


def _weight(worded: Worded) -> tuple[bool, float]:
    word = worded.word
    return any(c.isalnum() for c in word.text), word.confidence * len(word.text)


def _rejoined(words: list[Worded], line: EngineLine, syllables: Syllables) -> list[Worded]:
    """The words, those that a gap within a word had parted put together again."""
    near = WITHIN_WORD * line.box.height
    found: list[Worded] = []
    for worded in sorted(words, key=lambda w: w.word.box.x0):
        if found and worded.word.text in DASHES and found[-1].word.text in DASHES:
            continue  # a dash and the dirt above it
        if found and worded.word.box.x0 - found[-1].word.box.x1 < near and _is_one(found[-1], worded, syllables):
            worded = _both(found.pop(), worded)
        found.append(worded)
    return found


def _both(before: Worded, after: Worded) -> Worded:
    """Two pieces as one word."""
    one, other = before.word, after.word
    box = PixelBox(
        one.box.x0, min(one.box.y0, other.box.y0), max(one.box.x1, other.box.x1), max(one.box.y1, other.box.y1)
    )
    word = EngineWord(
        one.text + other.text, box, min(one.confidence, other.confidence), (*one.baseline[:2], *other.baseline[2:])
    )
    return Worded(word, f"{before.raw or one.text} {after.raw or other.text}")


def _is_one(before: Worded, after: Worded, syllables: Syllables) -> bool:
    """Two pieces of one word: a syllable of which one piece is none (``Phò ng``), a number whose law's year follows
    (``1 93/2025/NĐ-CP``)."""
    first, second = before.word.text, after.word.text
    if first.isdigit():
        return len(first) < 3 and _OF_A_LAW.match(second) is not None
    rest = second.rstrip(".,;:")
    whole = first + rest
    return (
        whole.isalpha()
        and (rest.islower() or whole.isupper())
        and not (syllables.count(first.lower()) and syllables.count(rest.lower()))
        and syllables.count(whole.lower()) >= FREQUENT
    )


def _apart(words: list[Worded], line: EngineLine) -> list[Worded]:
    """The words with a gap between any two: viewers join words that touch."""
    gap = max(1, round(LEAST_GAP * line.box.height))
    found: list[Worded] = []
    for worded in sorted(words, key=lambda w: w.word.box.x0):
        if found:
            last = found[-1].word
            missing = gap - (worded.word.box.x0 - last.box.x1)
            if missing > 0:
                inside = worded.word.box.x1 <= last.box.x1  # the wider box is the wrong one
                cut = worded.word.box.x0 - gap + gap // 2 if inside else (worded.word.box.x0 + last.box.x1) // 2
                found[-1] = replace(found[-1], word=_narrowed(last, last.box.x0, cut - gap // 2))
                worded = replace(worded, word=_narrowed(worded.word, cut + gap - gap // 2, worded.word.box.x1))
        found.append(worded)
    return found


def _narrowed(word: EngineWord, x0: int, x1: int) -> EngineWord:
    x1 = max(x1, x0 + 1)
    before, y0, after, y1 = word.baseline
    slope = (y1 - y0) / (after - before) if after > before else 0.0
    box = PixelBox(x0, word.box.y0, x1, word.box.y1)
    return replace(word, box=box, baseline=(x0, y0 + slope * (x0 - before), x1, y0 + slope * (x1 - before)))


# -- candidates ---------------------------------------------------------------------------------------------------


def _text(words: Sequence[EngineWord]) -> str:
    return words[0].text if len(words) == 1 else " ".join(word.text for word in words)


def _scores(slot: Slot, syllables: Syllables, firsts: Sequence[str], place: int) -> dict[str, float]:
    """The candidates of a place, and the logarithm of how likely the readings are if it is the one. *firsts* is what
    was first read there and at the other places of the line."""
    seen = [(_text(words), _sureness(words)) for words in slot.readings if words is not None]
    if len(seen) == 1 and seen[0][1] >= SURE and _is_known(seen[0][0], syllables):
        return {seen[0][0]: 0.0}
    agreed = len(seen) > 1 and len({text for text, _sure in seen}) == 1 and min(sure for _text, sure in seen) >= AGREED
    if agreed and _is_known(seen[0][0], syllables) and not _is_strange(seen[0][0], firsts, place, syllables):
        return {seen[0][0]: 0.0}
    candidates = dict.fromkeys(text for text, _sure in seen)
    for text, _sure in seen:
        candidates.update(dict.fromkeys(_other_marks(text, syllables)))
        candidates.update(dict.fromkeys(_parted(text, syllables)))
        if max(sure for _text, sure in seen) < BROKEN:
            candidates.update(dict.fromkeys(_other_letters(text, syllables)))
    if all(not any(c.isalnum() for c in text) for text, _sure in seen) and min(sure for _text, sure in seen) < UNSURE:
        candidates[""] = None  # a speck
    if all(text.isupper() for text, _sure in seen):
        surest = {text: min(CAPITALS, max(sure for other, sure in seen if other == text)) for text, _sure in seen}
        seen = list(surest.items())
    return {candidate: sum(_likelihood(text, sure, candidate) for text, sure in seen) for candidate in candidates}


def _is_strange(text: str, firsts: Sequence[str], place: int, syllables: Syllables) -> bool:
    """Other marks are so much likelier between its neighbours that two readings may be wrong (``giai quyết``)."""
    words = _LETTERS.findall(text)
    if _is_like_one(text):
        return True
    if len(words) != 1:
        return False
    before = _near(" ".join(firsts[max(0, place - 2) : place]), -1)
    after = _near(" ".join(firsts[place + 1 : place + 3]), 0)
    return _gain(before, words[0].lower(), after, syllables) > STRANGE


def _sureness(words: Sequence[EngineWord]) -> float:
    sure = min([word.confidence for word in words], default=0.5)
    return min(LIKELIEST, max(UNLIKELIEST, sure))


def _likelihood(seen: str, sure: float, candidate: str) -> float:
    if seen == candidate:
        return math.log(sure)
    return math.log(1 - sure) - DISTANCE * max(0.0, _distance(seen, candidate) - MARK)


@lru_cache(KEPT)
def _is_known(text: str, syllables: Syllables) -> bool:
    return all(syllables.count(word.lower()) > 0 for word in _LETTERS.findall(text))


def _other_marks(text: str, syllables: Syllables) -> list[str]:
    """The text with one of its words under other marks; none for numbers and codes."""
    if any(c.isdigit() for c in text) or "/" in text:
        return []
    words = list(_LETTERS.finditer(text))
    if len(words) > 2:
        return []
    found = []
    if _is_like_one(text):
        found.append(text.replace(text.strip(".,;:"), "1", 1))
    for match in words:
        word = match.group()
        if len(word) < 2 or not (word.isupper() or word[1:].islower()):
            continue
        for other in _rivals(word, syllables):
            found.append(text[: match.start()] + _cased(other, word) + text[match.end() :])
    return found


def _other_letters(text: str, syllables: Syllables) -> list[str]:
    """The text with its one word, which is no syllable, as a frequent one that differs by a letter: broken print."""
    words = list(_LETTERS.finditer(text))
    if any(c.isdigit() for c in text) or "/" in text or len(words) != 1:
        return []
    [match] = words
    word = match.group()
    if not 3 <= len(word) <= 7 or not (word[1:].islower() or word.isupper()) or syllables.count(word.lower()):
        return []
    return [
        text[: match.start()] + _cased(other, word) + text[match.end() :]
        for other in syllables.of_a_letter_else(word) if syllables.count(other) >= FREQUENT
    ]  # fmt: skip


def _is_like_one(text: str) -> bool:
    return text.strip(".,;:") in LIKE_ONE


def _parted(text: str, syllables: Syllables) -> list[str]:
    """The text with one space more, where a word that is no syllable is two of them; marks may be amiss too (``đênghị``
    for ``đề nghị``): the likeliest few at each place."""
    found = []
    for match in _LETTERS.finditer(text):
        word = match.group()
        if len(word) < 3 or syllables.count(word.lower()):
            continue
        for cut in range(1, len(word)):
            pairs = product(_known_forms(word[:cut], syllables), _known_forms(word[cut:], syllables))
            likeliest = sorted(pairs, key=lambda pair: -syllables.log_probability(pair[0].lower(), pair[1].lower()))
            found += [f"{text[: match.start()]}{left} {right}{text[match.end() :]}" for left, right in likeliest[:FEW]]
    return found


def _known_forms(piece: str, syllables: Syllables) -> list[str]:
    """The piece, and its letters under other marks, as far as they are known syllables."""
    known = piece.lower()
    forms = dict.fromkeys((known, *syllables.same_letters(known)))
    return [piece if form == known else _cased(form, piece) for form in forms if syllables.count(form) >= LEAST_COUNT]


def _cased(syllable: str, like: str) -> str:
    if like.isupper():
        return syllable.upper()
    return syllable[:1].upper() + syllable[1:] if like[:1].isupper() else syllable


@lru_cache(20000)
def _keys(text: str) -> tuple[str, ...]:
    return tuple(token.key for token in tokens(text))


@lru_cache(20000)
def _distance(first: str, second: str) -> float:
    """The cheapest way from one text to the other, letter by letter."""
    letters = [(b, _missing(b)) for b in second]
    row = [0.0]
    for _b, missing in letters:
        row.append(row[-1] + missing)
    for a in first:
        too_many = _missing(a)
        before, row = row, [row[0] + too_many]
        for place, (b, missing) in enumerate(letters):
            row.append(min(before[place] + _letter(a, b), before[place + 1] + too_many, row[place] + missing))
    return row[-1]


def _missing(letter: str) -> float:
    return MARK if letter in " `'ˆ~_" else MISSING


@lru_cache(20000)
def _letter(a: str, b: str) -> float:
    if a == b:
        return 0.0
    if skeleton(a) == skeleton(b) or (b == "1" and a in LIKE_ONE):
        return MARK if a.islower() == b.islower() else CASE
    return LETTER


# -- the result ---------------------------------------------------------------------------------------------------


def _confidence(place: int, texts: Sequence[str], scores: dict[str, float], slot: Slot, syllables: Syllables) -> float:
    """How much likelier the chosen text is than the other candidates between the neighbours chosen."""
    text = texts[place]
    if len(scores) == 1:
        return min(word.confidence for word in slot.first) if slot.first else 0.5
    before = next((keys[-1] for keys in map(_keys, reversed(texts[:place])) if keys), FIRST)
    after = next((keys[0] for keys in map(_keys, texts[place + 1 :]) if keys), FIRST)

    def whole(candidate: str) -> float:
        total, end = scores[candidate], before
        for key in (*_keys(candidate), after):
            total += LANGUAGE * max(LEAST_PAIR, syllables.log_probability(end, key))
            end = key
        return total

    best = whole(text)
    share = 1 / sum(math.exp(min(50.0, whole(candidate) - best)) for candidate in scores)
    seen = [words for words in slot.readings if words is not None]
    agreed = [min((w.confidence for w in words), default=0.5) for words in seen if _text(words) == text]
    trust = 1 - math.prod(1 - min(0.97, c) for c in agreed) if agreed else 0.6
    return min(0.99, max(0.01, share * trust))


def _placed(slot: Slot, text: str, sure: float, line: EngineLine) -> list[Worded]:
    """The chosen text as words with places: those of the reading that saw it, or of the first that saw anything."""
    raw = _text(slot.first)
    pieces = text.split(" ")
    # the first reading's boxes are those of the ink; those of a strip reach into their neighbours
    like = next((words for words in slot.readings if words and len(words) == len(pieces)), None)
    if like is None:
        like = _shared(slot, pieces, line)
    changed = raw if raw != text else ""
    return [
        Worded(EngineWord(piece, word.box, sure if len(slot.readings) > 1 or changed else word.confidence,
                          word.baseline), changed)
        for piece, word in zip(pieces, like, strict=True)
    ]  # fmt: skip


def _shared(slot: Slot, pieces: Sequence[str], line: EngineLine) -> tuple[EngineWord, ...]:
    """The slot's extent parted among *pieces* by their lengths."""
    slope, foot = baseline(line)
    boxes = [word.box for words in slot.readings for word in words or ()]
    x0, x1 = min(b.x0 for b in boxes), max(b.x1 for b in boxes)
    y0, y1 = min(b.y0 for b in boxes), max(b.y1 for b in boxes)
    step = (x1 - x0) / (sum(map(len, pieces)) + len(pieces) - 1)
    found, left = [], float(x0)
    for piece in pieces:
        right = left + step * len(piece)
        box = PixelBox(round(left), y0, max(round(left) + 1, round(right)), y1)
        found.append(EngineWord(piece, box, 0.0, (left, slope * left + foot, right, slope * right + foot)))
        left = right + step
    return tuple(found)


# -- stops --------------------------------------------------------------------------------------------------------

_GROUND = re.compile(r"^(Căn cứ|Theo đề nghị|Xét đề nghị|Thực hiện)\b")


def grounds_closed(lines: list[list[Worded]]) -> list[list[Worded]]:
    """The lines with a semicolon where a comma was read at the end of a legal ground and another ground follows: each
    stands on a line of its own that ends in one (NĐ 30/2020, Phụ lục I, II.5), and at 200 dpi the two signs differ by
    a dot of two pixels."""
    closed = list(lines)
    within = False
    for place, (line, following) in enumerate(pairwise(lines)):
        text = " ".join(w.word.text for w in line)
        within = bool(_GROUND.match(text)) or within
        if not (line and within and _GROUND.match(" ".join(w.word.text for w in following))):
            within = within and not text.endswith((".", ";", ":"))
            continue
        last = line[-1]
        if last.word.text.endswith(","):
            mended = replace(last.word, text=last.word.text[:-1] + ";")
            closed[place] = [*line[:-1], Worded(mended, last.raw or last.word.text)]
        within = False
    return closed
