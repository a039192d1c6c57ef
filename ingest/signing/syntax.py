"""The syntax of updates to a PDF, to the letter (ISO 32000-2, 7.2 to 7.5).

Readers pass over a misspelt keyword, or over what stands between two objects; here each byte is part of what the
standard calls for, or the update is none. Blanks are spaces, tabs and ends of lines, as many as a program likes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

SPACE = re.compile(rb"(?:[ \t\r\n]|%(?!%EOF)[^\r\n]*+[\r\n])*+")
OBJECT = re.compile(rb"(\d{1,10})[ \t\r\n]++(\d{1,5})[ \t\r\n]++obj(?=[ \t\r\n<\[(/%])")
TABLE = re.compile(
    rb"xref[ \t]*+(?:\r\n|\n|\r)"
    rb"(?:\d{1,10} \d{1,10}[ \t]*+(?:\r\n|\n|\r)(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*+)++"
    rb"[ \t\r\n]*+trailer(?=[ \t\r\n<])"
)
END = re.compile(rb"startxref[ \t\r\n]++(\d{1,12})[ \t\r\n]++%%EOF(?:\r\n|\n|\r|\Z)")
TOKEN = re.compile(
    rb"(?:[ \t\r\n]|%[^\r\n]*+[\r\n])*+"
    rb"(<<|>>|\[|\]"
    rb"|/(?:[!-\"$&'*-.0-;=?-Z\\^-z|~]|#[0-9A-Fa-f]{2})*+"
    rb"|<[0-9A-Fa-f \t\r\n]*+>"
    rb"|\((?:[^()\\]|\\[\x00-\xff]|\((?:[^()\\]|\\[\x00-\xff])*+\))*+\)"
    rb"|[1-9]\d{0,9}[ \t\r\n]++(?:0|[1-9]\d{0,4})[ \t\r\n]++R(?=[\s<>\[\]()/%])"
    rb"|(?:[+-]?(?:\d++(?:\.\d*+)?|\.\d++)|true|false|null)(?=[\s<>\[\]()/%]))"
)
LENGTH = re.compile(rb"/Length[ \t\r\n]++(\d{1,10})(?:[ \t\r\n]++(\d{1,5})[ \t\r\n]++R)?(?=[\s/>])")
STREAM = re.compile(rb"[ \t\r\n]*+stream\r?\n")
STREAM_END = re.compile(rb"(?:\r\n|\n|\r)?endstream(?=[ \t\r\n])")
OBJECT_END = re.compile(rb"(?:[ \t\r\n]|%[^\r\n]*+[\r\n])*+endobj(?=[ \t\r\n]|\Z)")
CLOSED_BY = {b"<<": b">>", b"[": b"]"}


@dataclass(frozen=True, slots=True)
class Updates:
    """What one or more updates consist of; places count from the beginning of the file."""

    objects: frozenset[tuple[int, int, int]]
    """Number, generation and place of each."""
    tables: frozenset[int]
    """Places of cross-reference tables; those that are streams are among the objects."""
    led_to: tuple[int, ...]
    """Where the end of each update says that its cross-reference stands, blanks before it passed over."""


def updates_in(content: bytes, start: int, length_of: Callable[[int, int], int]) -> Updates:
    """The updates that *content* is, which stands in a file from *start* to its end.

    *length_of* tells the value of a number that is an object of its own. ValueError where a byte is part of none.
    """
    objects: set[tuple[int, int, int]] = set()
    tables: set[int] = set()
    led_to: list[int] = []
    at, ended = 0, False
    while not (ended and at == len(content)):
        at = _past(SPACE, content, at)
        ended = False
        if head := OBJECT.match(content, at):
            objects.add((int(head[1]), int(head[2]), start + at))
            at = _object_end(content, head.end(), length_of)
        elif head := TABLE.match(content, at):
            tables.add(start + at)
            at = _value_end(content, head.end())
        elif head := END.match(content, at):
            place = int(head[1]) - start
            led_to.append(start + _past(SPACE, content, place) if 0 <= place < at else int(head[1]))
            at, ended = head.end(), True
        else:
            raise ValueError("what stands there is part of no update")
    return Updates(frozenset(objects), frozenset(tables), tuple(led_to))


def _past(pattern: re.Pattern[bytes], content: bytes, at: int) -> int:
    found = pattern.match(content, at)
    if found is None:
        raise ValueError("an object that is not to the letter")
    return found.end()


def _object_end(content: bytes, at: int, length_of: Callable[[int, int], int]) -> int:
    end = _value_end(content, at)
    if data := STREAM.match(content, end):
        stated = LENGTH.search(content, at, end)
        if stated is None:
            raise ValueError("a stream without a length")
        length = int(stated[1]) if stated[2] is None else length_of(int(stated[1]), int(stated[2]))
        end = _past(STREAM_END, content, data.end() + length)
    return _past(OBJECT_END, content, end)


def _value_end(content: bytes, at: int) -> int:
    """Where the value that begins at *at* ends."""
    open_: list[_Open] = []
    while token := TOKEN.match(content, at):
        at = token.end()
        if open_ and open_[-1].closed_by == token[1]:
            open_.pop().close()
        elif token[1] in (b">>", b"]"):
            break
        else:
            if open_:
                open_[-1].take(token[1])
            if token[1] in CLOSED_BY:
                open_.append(_Open(CLOSED_BY[token[1]]))
        if not open_:
            return at
    raise ValueError("a value that does not end")


@dataclass(slots=True)
class _Open:
    """A dictionary or an array that is not closed yet."""

    closed_by: bytes
    keys: set[bytes] = field(default_factory=set)
    wants_key: bool = True

    def take(self, token: bytes) -> None:
        if self.closed_by == b">>":
            if self.wants_key and (token[:1] != b"/" or token in self.keys):
                raise ValueError("an entry without a name of its own")  # which of two counts, each reader settles
            if self.wants_key:
                self.keys.add(token)
            self.wants_key = not self.wants_key

    def close(self) -> None:
        if not self.wants_key:
            raise ValueError("a name without an entry")
