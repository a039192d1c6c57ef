"""Records to find, drawn for the tests."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from schemas.documents import Kind
from schemas.records import Record
from search.index import SearchIndex
from search.projection import Entry


def record(serial: int, *pages: str, **fields: Any) -> Record:
    """Record *serial* of unit H29.17; *fields* replace what it is given."""
    dossier = fields.pop("dossier", f"H29.17-230815-{serial:04}")
    given: dict[str, Any] = {
        "id": f"{dossier}.001", "dossier": dossier, "serial": 1, "version": 1, "unit": "H29.17",
        "procedure": "1.001193", "kind": Kind.RESULT, "number": None, "symbol": None, "issued_on": None,
        "issuer": None, "parent_issuer": None, "type": None, "abstract": None, "urgency": None, "signer": None,
        "signer_title": None, "pages": pages, "deposited_at": datetime(2023, 8, 20, tzinfo=UTC),
        "scan_sha256": f"{serial:064x}", "pdf_sha256": f"{serial + 1:064x}",
    }  # fmt: skip
    return Record(**(given | fields))


def fill(index: SearchIndex, records: Sequence[Record]) -> None:
    """Put *records* into *index*, positions from 1."""
    refused = index.update([Entry(n, r) for n, r in enumerate(records, 1)], (), len(records))
    assert refused == []


PERMIT = record(
    1, "ỦY BAN NHÂN DÂN\nQUẬN 1\nSố: 3165/QĐ-UBND", "Điều 1. Cấp giấy phép xây dựng nhà ở\ntại số 12 đường Lê Lợi",
    number="3165", symbol="QĐ-UBND", issued_on=date(2023, 8, 15), issuer="ỦY BAN NHÂN DÂN QUẬN 1",
    parent_issuer="THÀNH PHỐ HỒ CHÍ MINH", type="Quyết định", abstract="Về việc cấp giấy phép xây dựng",
    signer="Nguyễn Thị Thúy", signer_title="CHỦ TỊCH",
)  # fmt: skip
NOTICE = record(
    2, "Thông báo về hòa giải tại phường\ntheo Quyết định 3165/QĐ-UBND ngày 15 tháng 8 năm 2023",
    number="12", symbol="TB-UBND", issued_on=date(2023, 9, 1), issuer="UBND PHƯỜNG BẾN NGHÉ", type="Thông báo",
    abstract="Về việc hòa giải", unit="H29.17.3", signer="Trần Văn Đức",
)  # fmt: skip
MISREAD = record(3, "Chứng chỉ hành nghề, nghlệp vụ kế toán", type="QUYẾT ĐỊNH", issued_on=date(2022, 1, 5), number="7")
SHOES = record(4, "Hóa đơn mua giày phép mầu", issued_on=date(2021, 12, 31), unit="H29.99", number="3165")
MOTHER = record(5, "má của người làm đơn", number="012", symbol="TTr-SXD")
GHOST = record(6, "ma chay, cưới hỏi")
BUT = record(7, "nhưng mà không có")
ALL = (PERMIT, NOTICE, MISREAD, SHOES, MOTHER, GHOST, BUT)
