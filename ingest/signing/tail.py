# mypy: disable-error-code="no-untyped-call"
"""What stands behind the newest signature: whole updates that bring proofs (PAdES B-LT), and nothing else.

No signature covers it, so that each byte must be what the standard or another part of the file calls for. The proofs
prove themselves (``issuing.py``); what nothing calls for is the second identifier (``identifier.py``).
"""

from itertools import pairwise
from typing import Any, BinaryIO

from pyhanko.pdf_utils.generic import DictionaryObject, Reference
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError

from ingest.signing.dialects import UNREADABLE
from ingest.signing.identifier import identifier_holds, identifiers
from ingest.signing.syntax import Updates, updates_in

MAY_CHANGE = frozenset(["/Size", "/Prev", "/ID"])
"""What a trailer may say otherwise than the one before it, or for the first time."""
KNOWN_EXTENSIONS = {
    ("/ADBE", "/1.7"): (1, 2, 3, 5, 6, 8, 11),
    ("/ESIC", "/1.7"): (1, 2, 5),  # ETSI TS 102 778-4, 5; EN 319 142-1, 5.6
    ("/ISO_", "/2.0"): (24064, 24654, 32001, 32002, 32003, 32004, 32005, 32007),
}
"""Their levels, by prefix and version."""

Extension = tuple[str, frozenset[tuple[str, str]]]
"""The prefix, and what else is stated."""


def adds_only_proofs(file: BinaryIO, reader: PdfFileReader, newest: int, end: int) -> bool:
    """Whether what stands behind *end*, where what revision *newest* signs ends, is updates that bring proofs."""
    try:
        file.seek(end)
        content = file.read()
        found = updates_in(content, end, lambda number, generation: _length(reader, number, generation))
        return (
            _is_what_tables_say(found, reader, newest)
            and _is_all_used(reader, newest)
            and _brings_proofs(reader, newest)
            and _trailers_go_on(reader, newest)
            and _catalogues_go_on(reader, newest)
            and identifier_holds(file, reader, newest, end)
        )
    except UNREADABLE:
        return False


def _length(reader: PdfFileReader, number: int, generation: int) -> int:
    return int(reader.get_object(Reference(number, generation, reader)))


def _is_what_tables_say(found: Updates, reader: PdfFileReader, newest: int) -> bool:
    """Each object stands where a cross-reference has it, each update's end leads to its own, and none is left over."""
    listed: set[tuple[int, int, int]] = set()
    declared = []
    for revision in range(newest + 1, reader.total_revisions):
        container, data = reader.xrefs.get_xref_container_info(revision), reader.xrefs.get_xref_data(revision)
        declared.append(container.declared_startxref)
        sections = [(container, data)]
        if data.hybrid is not None:
            sections.append((data.hybrid.meta_info, data.hybrid.xref_data))
        for section, entries in sections:
            listed |= {(number, *entry) for number, entry in entries.standard_xrefs.items()}
            if section.stream_ref is not None:
                listed.add((section.stream_ref.idnum, section.stream_ref.generation, section.start_location))
    places = found.tables | {place for _number, _generation, place in found.objects}
    return (
        found.objects == listed
        and len(found.led_to) == len(declared)
        and all(
            said <= place <= said + 2 and place in places for said, place in zip(declared, found.led_to, strict=True)
        )
    )


def _is_all_used(reader: PdfFileReader, newest: int) -> bool:
    """The catalogue leads to each new object, and numbers end with the last one (ISO 32000-2, 7.5.5)."""
    now = reader.get_historical_resolver(reader.total_revisions - 1)
    used: set[Reference] = set()
    store = _at(now.root, "/DSS")
    for start in (now.root, store, _at(store, "/VRI")):
        used |= now.collect_dependencies(start, since_revision=newest + 1)
    listed: set[Reference] = set()
    for revision in range(newest + 1, reader.total_revisions):
        listed |= reader.xrefs.explicit_refs_in_revision(revision)
        used |= reader.xrefs.object_streams_used_in(revision) | reader.xrefs.xref_stream_refs
    new = {one for one in listed if reader.xrefs.get_introducing_revision(one) > newest}
    size = int(reader.get_historical_resolver(newest).trailer_view["/Size"])
    return new <= used and int(reader.trailer["/Size"]) == max([size, *(one.idnum + 1 for one in listed)])


def _brings_proofs(reader: PdfFileReader, newest: int) -> bool:
    """Each update behind revision *newest* brought validation data. One that brings nothing was taken out of sight:
    with a bit of its table changed, the file reads as it was before, without the signature that covers all of it."""
    held = [_proofs(reader, revision) for revision in range(newest, reader.total_revisions)]
    return len(held) > 1 and all(before < after for before, after in pairwise(held))


def _proofs(reader: PdfFileReader, revision: int) -> int:
    try:
        store = DocumentSecurityStore.read_dss(reader.get_historical_resolver(revision))
    except (NoDSSFoundError, *UNREADABLE):
        return 0
    return len(store.certs) + len(store.ocsps) + len(store.crls) + len(store.vri_entries)


def _trailers_go_on(reader: PdfFileReader, newest: int) -> bool:
    """The trailers say what the signed ones said, of the same document."""
    before, after = reader.get_historical_resolver(newest).trailer_view, reader.trailer_view
    same = all(key in before and after.raw_get(key) == before.raw_get(key) for key in after.keys() - MAY_CHANGE)
    return same and ("/ID" not in before or identifiers(after)[0] == identifiers(before)[0])


def _catalogues_go_on(reader: PdfFileReader, newest: int) -> bool:
    """What pyHanko lets a catalogue say otherwise is as it was, or is what programs that add proofs state."""
    before, after = reader.get_historical_root(newest), reader.root
    old, new = _extensions(before), _extensions(after)
    return (
        _at(before, "/MarkInfo") == _at(after, "/MarkInfo")
        and _at(after, "/Version") in (_at(before, "/Version"), "/1.7", "/2.0")
        and {prefix for prefix, _stated in old} <= {prefix for prefix, _stated in new}
        and all(_is_known(*one) for one in new - old)
    )


def _at(entries: DictionaryObject, key: str) -> Any:
    """What stands there, also as an object of its own; an empty dictionary where nothing does."""
    return entries[key] if key in entries else DictionaryObject()


def _extensions(catalogue: DictionaryObject) -> set[Extension]:
    """ISO 32000-2, 7.12: a dictionary a prefix, or an array of them."""
    found = set()
    for prefix, stated in _at(catalogue, "/Extensions").items():
        value = stated.get_object()
        for one in value if isinstance(value, list) else [value]:
            entry = one.get_object()
            said = entry.items() if isinstance(entry, DictionaryObject) else [("", entry)]
            found.add((str(prefix), frozenset((str(key), str(value)) for key, value in said)))
    return found


def _is_known(prefix: str, stated: frozenset[tuple[str, str]]) -> bool:
    said = dict(stated)
    if (prefix, said) == ("/Type", {"": "/Extensions"}):
        return True
    levels = map(str, KNOWN_EXTENSIONS.get((prefix, said.pop("/BaseVersion", "")), ()))
    return (
        said.pop("/ExtensionLevel", "") in levels
        and said.pop("/Type", "/DeveloperExtensions") == "/DeveloperExtensions"
        and said.keys() <= {"/URL", "/ExtensionRevision"}
    )
