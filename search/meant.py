"""What may have been meant when nothing was found."""

from dataclasses import dataclass

from search.folding import WORD, composed, folded, is_syllable, spellings, without_marks
from search.index import Request, SearchIndex
from search.plan import Place
from search.query import Query, Word, atoms


@dataclass(frozen=True, slots=True)
class Meant:
    """``typed`` with unknown words replaced by known ones (empty: none is near), and the words known one by one."""

    typed: str
    known: dict[str, int]
    """Word → records that have it, for the words of the query that are somewhere, only not together."""


def meant(index: SearchIndex, query: Query, typed: str) -> Meant:
    """Look each word of *query*, which found nothing, up by itself."""
    known: dict[str, int] = {}
    better: dict[str, str] = {}
    for atom in dict.fromkeys(atoms(query)):
        if not isinstance(atom, Word):
            continue
        count = index.search(Request(atom, limit=0)).total
        word = without_marks(atom.text)
        certain = word.isdecimal() or (count and is_syllable(word))
        near = {} if certain else index.known(Place.FOLDED, spellings(word))
        if near:
            better[word] = min(near, key=lambda other: (-near[other], other))
        elif count:
            known[atom.text] = count
    return Meant(_replaced(typed, better) if better else "", known)


def _replaced(typed: str, better: dict[str, str]) -> str:
    whole = composed(typed)
    parts: list[str] = []
    end = 0
    for found in WORD.finditer(folded(typed)):
        if found[0] in better:
            parts += [whole[end : found.start()], better[found[0]]]
            end = found.end()
    return "".join([*parts, whole[end:]])
