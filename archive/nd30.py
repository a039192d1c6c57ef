"""A record as NĐ 30/2020/NĐ-CP, Phụ lục VI, asks a records system to give it out: its PDF, and an XML beside it.

The names of the elements are those of the tables of input data; where the decree leaves them open they are English.
"""

import shutil
from pathlib import Path
from typing import Any

from lxml import etree

from schemas.records import Provenance, Record


def write_record(record: Record, provenance: Provenance, pdf: Path, folder: Path) -> tuple[Path, Path]:
    """Write ``<record>.pdf`` and ``<record>.xml`` to *folder*; OSError where that cannot be done."""
    name = record.id.replace("/", "_")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(pdf, folder / f"{name}.pdf")
    root = etree.Element("Document")
    for tag, value in _said(record, provenance).items():
        etree.SubElement(root, tag).text = "".join(c for c in str(value or "") if c in "\t\n" or c.isprintable())
    etree.ElementTree(root).write(
        str(folder / f"{name}.xml"), xml_declaration=True, encoding="UTF-8", pretty_print=True
    )
    return folder / f"{name}.pdf", folder / f"{name}.xml"


def _said(record: Record, provenance: Provenance) -> dict[str, Any]:
    term = record.retention
    return {
        "DocCode": record.id, "FileCode": record.dossier, "DocOrdinal": record.serial, "OrganId": record.unit,
        "ProcedureCode": record.procedure, "TypeName": record.type, "CodeNumber": record.number,
        "CodeNotation": record.symbol, "IssuedDate": record.issued_on, "OrganName": record.issuer,
        "ParentOrganName": record.parent_issuer, "Subject": record.abstract, "Language": "vi",
        "PageAmount": len(record.pages), "Priority": record.urgency, "SignerPosition": record.signer_title,
        "SignerName": record.signer, "Maintenance": term.code if term else "",
        "MaintainedUntil": term.until if term else "", "Digitiser": provenance.operator,
        "DigitisedAt": record.deposited_at.isoformat(), "PdfSha256": record.pdf_sha256,
        "Content": "\n".join(record.pages),
    }  # fmt: skip
