"""Units of measure that the models have no letter for."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ingest.wording import Worded

_FIGURE = re.compile(r"\d[\d.,]*$")
_SQUARED = re.compile(r"(?P<unit>(?:\d[\d.,]*)?[kcdm]?m)\?(?P<after>[.,;:)]*)$")


def squared(lines: Sequence[list[Worded]]) -> list[list[Worded]]:
    """The lines with ``m²`` where ``m?`` was read behind a figure: neither model knows a raised two, and this is what
    both make of most. What the other readings of it are (``m°``, ``m2``) may as well be a cube or be printed so, and
    stays. What was read is kept as ``Worded.raw``."""
    return [_squared(line) for line in lines]


def _squared(line: list[Worded]) -> list[Worded]:
    changed = list(line)
    for place, worded in enumerate(line):
        seen = _SQUARED.match(worded.word.text)
        if seen is None:
            continue
        behind_figure = place > 0 and _FIGURE.search(line[place - 1].word.text) is not None
        if behind_figure or seen["unit"][0].isdigit():
            text = f"{seen['unit']}²{seen['after']}"
            changed[place] = Worded(replace(worded.word, text=text), worded.raw or worded.word.text)
    return changed
