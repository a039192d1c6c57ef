"""Packages for the historical archive: E-ARK CSIP 2.0 (METS, PREMIS, SHA-256), and what comes back out of one.

A package is a folder ``uuid-…``::

    METS.xml                                        every other file, with size and SHA-256
    metadata/descriptive/<record>.xml               Dublin Core
    metadata/preservation/premis.xml                what was done to each record, when and by whom
    representations/rep1/data/<record>/…            the record's files as the archive has them, byte for byte

The name follows from what is in it, so that the same records give the same package again.
"""

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from mimetypes import guess_type
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, unquote

from lxml import etree
from metsrw import Agent
from metsrw.plugins import premisrw

from archive.staging import flush
from archive.store import Archive
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable
from schemas.language import _
from schemas.records import Record, RecordVersion

METS, XLINK = "http://www.loc.gov/METS/", "http://www.w3.org/1999/xlink"
CSIP, XSI = "https://DILCIS.eu/XML/METS/CSIPExtensionMETS", "http://www.w3.org/2001/XMLSchema-instance"
DC, OAI_DC = "http://purl.org/dc/elements/1.1/", "http://www.openarchives.org/OAI/2.0/oai_dc/"
PREMIS = "http://www.loc.gov/premis/v3"
PROFILE = "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml"
DATA = "representations/rep1/data"
PRESERVED = "metadata/preservation/premis.xml"
NAMES = {"document.pdf", "metadata.json", "text.json", "provenance.json"}
_PACKAGE = re.compile(r"uuid-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PREMIS_META = {"version": "3.0", "xsi:schema_location": f"{PREMIS} https://www.loc.gov/standards/premis/premis.xsd"}


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was written, or was there already."""

    folder: Path
    records: tuple[str, ...]
    new: bool


def write_package(archive: Archive, record_ids: Sequence[str], target: Path, label: str) -> Package:
    """Write a package of these records below *target*; one that is there already is left.

    InputRejected for a record that there is not, IntegrityBroken for a file that is not what was deposited,
    ServiceUnavailable when *target* cannot be written. The package is there whole or not at all.
    """
    records = [archive.record(id) for id in record_ids]
    name = f"uuid-{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([[r.id, r.version, r.pdf_sha256] for r in records]))}"
    if (target / name).is_dir():
        return Package(target / name, tuple(record_ids), False)
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".eark-", dir=target) as temporary:
            folder = Path(temporary) / name
            for record in records:
                _write_files(archive, record, folder / DATA / _folder_of(record.id))
                _write_dublin_core(record, folder / "metadata/descriptive" / f"{_folder_of(record.id)}.xml")
            history = {record.id: archive.history(record.id) for record in records}
            _write_premis(records, history, folder / PRESERVED)
            _write_mets(folder, label)
            flush(folder)
            folder.rename(target / name)
    except OSError as error:
        raise ServiceUnavailable(
            _("{path}: cannot be written ({error}); choose another folder with -o").format(
                path=target, error=error.strerror
            )
        ) from error
    return Package(target / name, tuple(record_ids), True)


def packages_in(paths: Sequence[Path]) -> list[Path]:
    """The packages among *paths*, and however deep below them."""
    found = []
    for path in paths:
        for folder, below, files in os.walk(path):
            below.sort()
            if is_packages(Path(folder)) and "METS.xml" in files:
                found.append(Path(folder))
                below.clear()
    return found


def is_packages(folder: Path) -> bool:
    """Whether a folder bears the name of a package (CSIP, 3.1, and ``write_package``)."""
    return _PACKAGE.fullmatch(folder.name) is not None


def records_in(package: Path) -> Iterator[tuple[str, Path]]:
    """The records of a package, each with the folder of its files; every file is what its METS says, and none is more.

    IntegrityBroken for one that is not; InputRejected for a package that has none of our records.
    """
    named = dict(_named(package))
    there = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file() or file.is_symlink()}
    for name, sha256 in named.items():
        file = package / name
        if not file.is_file() or file.is_symlink() or _sha256(file) != sha256:
            raise IntegrityBroken(_("{file}: missing, or not what its package says").format(file=file))
    for name in sorted(there - named.keys() - {"METS.xml"}):
        raise IntegrityBroken(_("{file}: its package does not name it").format(file=package / name))
    folders = sorted({Path(name).parent for name in named if name.startswith(f"{DATA}/")})
    if not folders or any(not (package / folder / part).is_file() for folder in folders for part in NAMES):
        raise InputRejected(_("{package}: a package without records of sohoa").format(package=package))
    for folder in folders:
        yield unquote(folder.name), package / folder


def history_in(package: Path, record_ids: Iterable[str]) -> dict[str, list[RecordVersion]]:
    """What the PREMIS of a package, which ``records_in`` has looked through, says was done to these records, the oldest
    first. InputRejected where it cannot be read."""
    histories: dict[str, list[RecordVersion]] = {}
    for event in _parsed(package / PRESERVED).iter(f"{{{PREMIS}}}event"):
        identifier, type_, when, what, by, record = (
            event.findtext(f".//{{{PREMIS}}}{name}") or ""
            for name in ("eventIdentifierValue", "eventType", "eventDateTime", "eventDetail",
                         "linkingAgentIdentifierValue", "linkingObjectIdentifierValue")
        )  # fmt: skip
        number = _EVENT_ID.fullmatch(identifier)
        try:
            made_at = datetime.fromisoformat(when)
        except ValueError as error:
            raise InputRejected(
                _("{package}: {file} has an event without a date ({event})").format(
                    package=package, file=PRESERVED, event=identifier
                )
            ) from error
        done = RecordVersion(int(number[1]) if number else 0, made_at, by, what or type_, (), earlier=True)
        histories.setdefault(record, []).append(done)
    return {id: histories.get(_xml_text(id), []) for id in record_ids}


def _write_files(archive: Archive, record: Record, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True)
    for name, file, sha512 in archive.files(record.id):
        shutil.copyfile(file, folder / name)
        if _digest(folder / name, "sha512") != sha512:
            raise IntegrityBroken(_("{file}: damaged; it is not copied; see `sohoa audit`").format(file=file))


def _write_dublin_core(record: Record, file: Path) -> None:
    root = etree.Element(f"{{{OAI_DC}}}dc", nsmap={"oai_dc": OAI_DC, "dc": DC})
    number = "/".join(part for part in (record.number, record.symbol) if part)
    said: dict[str, list[str | None]] = {
        "identifier": [record.id, number],
        "title": [" ".join(part for part in (record.type, record.abstract) if part) or record.id],
        "creator": [record.issuer, record.signer],
        "date": [record.issued_on.isoformat() if record.issued_on else None],
        "type": [record.type],
        "format": ["application/pdf"],
        "language": ["vi"],
        "isPartOf": [record.dossier],
    }
    for name, values in said.items():
        for value in filter(None, values):
            etree.SubElement(root, f"{{{DC}}}{'relation' if name == 'isPartOf' else name}").text = _xml_text(value)
    _write_xml(root, file)


def _write_premis(records: Sequence[Record], history: dict[str, tuple[RecordVersion, ...]], file: Path) -> None:
    root = etree.Element(f"{{{PREMIS}}}premis", nsmap={"premis": PREMIS, "xsi": XSI}, version="3.0")
    events: list[tuple[Any, ...]] = []
    agents: dict[str, None] = {}
    for record in records:
        root.append(premisrw.data_to_premis((
            "object", PREMIS_META | {"xsi:type": "premis:file"},
            ("object_identifier", ("object_identifier_type", "local"),
             ("object_identifier_value", _xml_text(record.id))),
            ("object_characteristics",
             ("fixity", ("message_digest_algorithm", "SHA-256"), ("message_digest", record.pdf_sha256)),
             ("format", ("format_designation", ("format_name", "PDF/A"), ("format_version", "2b")))),
        ), "3.0"))  # fmt: skip
        for done in history[record.id]:
            agents[done.by or "?"] = None
            events.append((
                "event", PREMIS_META,
                ("event_identifier", ("event_identifier_type", "local"),
                 ("event_identifier_value", _event_id(record.id, done))),
                ("event_type", _event_type(done)),
                ("event_date_time", done.made_at.isoformat()),
                ("event_detail_information", ("event_detail", _xml_text(done.what))),
                ("linking_agent_identifier", ("linking_agent_identifier_type", "local"),
                 ("linking_agent_identifier_value", _xml_text(done.by or "?"))),
                ("linking_object_identifier", ("linking_object_identifier_type", "local"),
                 ("linking_object_identifier_value", _xml_text(record.id))),
            ))  # fmt: skip
    for event in events:
        root.append(premisrw.data_to_premis(event, "3.0"))
    for name in agents:
        root.append(premisrw.data_to_premis((
            "agent", PREMIS_META,
            ("agent_identifier", ("agent_identifier_type", "local"), ("agent_identifier_value", _xml_text(name))),
            ("agent_name", _xml_text(name)), ("agent_type", "person"),
        ), "3.0"))  # fmt: skip
    _write_xml(root, file)


_EVENT_ID = re.compile(r".* v([0-9]{1,9}) [0-9T:.+-]+ .*", re.DOTALL)


def _event_id(record_id: str, done: RecordVersion) -> str:
    """The same in every archive that the record comes to: there, versions are counted from 1 again."""
    return f"{_xml_text(record_id)} v{done.number} {done.made_at.isoformat()} {_event_type(done)}"


def _event_type(done: RecordVersion) -> str:
    return _xml_text(done.what.split(" ")[0]) or "change"


def _write_mets(folder: Path, label: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    root = etree.Element(
        f"{{{METS}}}mets", nsmap={"mets": METS, "xlink": XLINK, "csip": CSIP, "xsi": XSI},
        OBJID=folder.name, LABEL=_xml_text(label), TYPE="Textual works – Print", PROFILE=PROFILE,
    )  # fmt: skip
    root.set(f"{{{CSIP}}}CONTENTINFORMATIONTYPE", "MIXED")
    root.set(f"{{{XSI}}}schemaLocation", f"{METS} http://www.loc.gov/standards/mets/mets.xsd")
    header = etree.SubElement(root, f"{{{METS}}}metsHdr", CREATEDATE=now, LASTMODDATE=now)
    header.set(f"{{{CSIP}}}OAISPACKAGETYPE", "SIP")
    agent = Agent("CREATOR", type="SOFTWARE", name="sohoa", notes=[version("sohoa")]).serialize()
    agent.find(f"{{{METS}}}note").set(f"{{{CSIP}}}NOTETYPE", "SOFTWARE VERSION")
    header.append(agent)
    described, preserved = [], []
    for file in sorted((folder / "metadata/descriptive").iterdir()):
        section = etree.SubElement(root, f"{{{METS}}}dmdSec", ID=_new_id(), CREATED=now, STATUS="CURRENT")
        described.append(section.get("ID"))
        _reference(section, folder, file, now, MDTYPE="DC")
    section = etree.SubElement(etree.SubElement(root, f"{{{METS}}}amdSec", ID=_new_id()), f"{{{METS}}}digiprovMD",
                               ID=_new_id(), CREATED=now, STATUS="CURRENT")  # fmt: skip
    preserved.append(section.get("ID"))
    _reference(section, folder, folder / PRESERVED, now, MDTYPE="PREMIS")
    files = etree.SubElement(root, f"{{{METS}}}fileSec", ID=_new_id())
    group = etree.SubElement(files, f"{{{METS}}}fileGrp", ID=_new_id(), USE="Representations/rep1")
    group.set(f"{{{CSIP}}}CONTENTINFORMATIONTYPE", "MIXED")
    for file in sorted((folder / DATA).rglob("*")):
        if file.is_file():
            entry = etree.SubElement(group, f"{{{METS}}}file", ID=_new_id(), CREATED=now, **_facts(file))
            located = etree.SubElement(entry, f"{{{METS}}}FLocat", LOCTYPE="URL")
            _link(located, folder, file)
    structure = etree.SubElement(root, f"{{{METS}}}structMap", ID=_new_id(), TYPE="PHYSICAL", LABEL="CSIP")
    whole = etree.SubElement(structure, f"{{{METS}}}div", ID=_new_id(), LABEL=folder.name)
    etree.SubElement(whole, f"{{{METS}}}div", ID=_new_id(), LABEL="Metadata",
                     DMDID=" ".join(described), ADMID=" ".join(preserved))  # fmt: skip
    representation = etree.SubElement(whole, f"{{{METS}}}div", ID=_new_id(), LABEL="Representations/rep1")
    etree.SubElement(representation, f"{{{METS}}}fptr", FILEID=group.get("ID"))
    _write_xml(root, folder / "METS.xml")


def _reference(section: Any, folder: Path, file: Path, now: str, *, MDTYPE: str) -> None:
    reference = etree.SubElement(
        section, f"{{{METS}}}mdRef", ID=_new_id(), LOCTYPE="URL", MDTYPE=MDTYPE, CREATED=now, **_facts(file)
    )
    _link(reference, folder, file)


def _facts(file: Path) -> dict[str, str]:
    return {
        "MIMETYPE": guess_type(file.name)[0] or "application/octet-stream",
        "SIZE": str(file.stat().st_size), "CHECKSUM": _sha256(file), "CHECKSUMTYPE": "SHA-256",
    }  # fmt: skip


def _link(element: Any, folder: Path, file: Path) -> None:
    element.set(f"{{{XLINK}}}type", "simple")
    element.set(f"{{{XLINK}}}href", quote(str(file.relative_to(folder))))


def _named(package: Path) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of each file that a package's METS names."""
    root = _parsed(package / "METS.xml")
    for tag, holder in (("mdRef", None), ("file", "FLocat")):
        for element in root.iter(f"{{{METS}}}{tag}"):
            located = element if holder is None else element.find(f"{{{METS}}}{holder}")
            name = unquote(located.get(f"{{{XLINK}}}href") or "") if located is not None else ""
            inside = (package / name).resolve().is_relative_to(package.resolve())
            if not name or not inside or element.get("CHECKSUMTYPE") != "SHA-256":
                raise InputRejected(
                    _("{package}: METS.xml names a file elsewhere, or one without SHA-256").format(package=package)
                )
            yield name, element.get("CHECKSUM") or ""


def _parsed(file: Path) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.parse(str(file), parser).getroot()
    except (etree.XMLSyntaxError, OSError) as error:
        raise InputRejected(_("{package}: {file} cannot be read ({error})").format(
            package=file.parent, file=file.name, error=error)) from error  # fmt: skip


def _folder_of(record_id: str) -> str:
    """A record's id as the name of a folder: what may not stand in one is spelt out."""
    return quote(record_id, safe="")


def _new_id() -> str:
    return f"id-{uuid.uuid4()}"


def _xml_text(text: str) -> str:
    """*text* without the characters that XML 1.0 has not."""
    return "".join(c for c in text if c in "\t\n\r" or c.isprintable())


def _write_xml(root: Any, file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    etree.ElementTree(root).write(str(file), xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _sha256(file: Path) -> str:
    return _digest(file, "sha256")


def _digest(file: Path, algorithm: str) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
