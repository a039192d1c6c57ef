"""The fields of a paper in the words and ways of the people who read them."""

import re

from schemas.documents import Kind
from schemas.language import _

DAYS = ("issued_on", "valid_from", "valid_until")
"""The fields that are days."""


def as_written(name: str, value: str) -> str:
    """*value* as people here write it: a day as 15/08/2023."""
    day = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", value) if name in DAYS else None
    return f"{day[3]}/{day[2]}/{day[1]}" if day else value


def field_labels() -> dict[str, str]:
    """What people call each field."""
    return {
        "number": _("number"),
        "symbol": _("symbol"),
        "issued_on": _("date issued"),
        "issuer": _("issuing agency"),
        "parent_issuer": _("parent agency"),
        "type": _("type of document"),
        "abstract": _("abstract"),
        "urgency": _("urgency"),
        "signer": _("signer"),
        "signer_title": _("signer's title"),
        "valid_from": _("valid from"),
        "valid_until": _("valid until"),
        "scope": _("where valid"),
        "result_code": _("result code"),
    }


def kind_label(kind: Kind) -> str:
    """What people call a paper of this kind."""
    return {Kind.RESULT: _("result"), Kind.COMPONENT: _("component"), Kind.COPY: _("copy")}[kind]
