"""Pages that say little are known again by what they look like: a drawing or a photograph that was scanned twice.

A look is 16 × 16 signs of frequencies (``ingest/look.py``), row by row as hex digits. Two scans of one page differ in
few of the 150 lowest, wherever and however the paper lay; turned by a quarter they are the same signs in another order.
The database finds who shares a run of some of them exactly; the looks of those few are then compared whole.
"""

import hashlib
from collections.abc import Sequence

SIDE = 16
LOWEST = sorted(
    ((down, across) for down in range(SIDE) for across in range(SIDE) if 0 < down + across <= SIDE),
    key=lambda place: (sum(place), place),
)
"""The frequencies that count, by their rows and columns, the lowest first; the mean (0, 0) says nothing."""
RUN = 10
"""Signs in a run that is looked for; the lowest are left out, as many pages have those in common. Two scans of a page
share 5 of 14 runs as a rule; one pair of pages in six shares any by chance."""
MOST_PAGES = 3
"""So many pages of a paper are looked for by their looks; those that are like are compared whole."""
MOST_OTHER = 0.18
"""Of the signs, between two scans of one page; figures in docs/papers.md. Two plans in one frame had 0.22 and more."""

Signs = tuple[tuple[bool, ...], ...]


def look_marks(looks: Sequence[str], *, turned: bool = False) -> tuple[int, ...]:
    """Hashes (63 bits, as databases have) by which the paper whose pages look so is found; with *turned* also as its
    pages look when they lie on their side or head, for what is looked for."""
    found: dict[int, None] = {}
    for page, look in enumerate(look for look in looks[:MOST_PAGES] if look):
        for signs in turns(signs_of(look)) if turned else (signs_of(look),):
            for run in range(RUN, len(LOWEST), RUN):
                bits = "".join("01"[signs[down][across]] for down, across in LOWEST[run : run + RUN])
                found[_hash(f"look {page} {run} {bits}")] = None
    return tuple(found)


def look_alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Two papers have as many pages, and each looks like its counterpart; never where no look is known."""
    return any(one) and len(one) == len(other) and all(map(_same_page, one, other))


def signs_of(look: str) -> Signs:
    """The signs of a look, by row and column. ValueError where it is none."""
    bits = [digit == "1" for digit in f"{int(look, 16):0{SIDE * SIDE}b}"]
    return tuple(tuple(bits[at : at + SIDE]) for at in range(0, SIDE * SIDE, SIDE))


def turns(signs: Signs) -> tuple[Signs, ...]:
    """The signs of a page as it lies, and turned by one, two and three quarters.

    A picture that is mirrored has the odd frequencies of that axis the other way round.
    """
    across = tuple(zip(*signs, strict=True))  # mirrored at the falling diagonal
    return (
        signs,
        tuple(tuple(sign ^ (x % 2 == 1) for x, sign in enumerate(row)) for row in across),
        tuple(tuple(sign ^ ((x + y) % 2 == 1) for x, sign in enumerate(row)) for y, row in enumerate(signs)),
        tuple(tuple(sign ^ (y % 2 == 1) for sign in row) for y, row in enumerate(across)),
    )


def _same_page(one: str, other: str) -> bool:
    if not (one and other):
        return one == other
    theirs = signs_of(other)
    return any(_other_signs(signs, theirs) <= MOST_OTHER * len(LOWEST) for signs in turns(signs_of(one)))


def _other_signs(one: Signs, other: Signs) -> int:
    return sum(one[down][across] != other[down][across] for down, across in LOWEST)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
