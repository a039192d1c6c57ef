"""A document as ``sohoa read --json`` prints it."""

from schemas.documents import Document, Field
from schemas.pages import PageState


def shown(document: Document) -> dict[str, object]:
    """The JSON object of *document*: the shape is that of docs (``sohoa read --json``), pages counted from 1."""
    return {
        "scan": str(document.scan.path),
        "sha256": document.scan.sha256,
        "pages": list(document.page_numbers),
        "blank_pages": [page.number for page in document.pages if page.state is PageState.BLANK],
        "state": "held" if document.reasons else "ready",
        "reasons": list(document.reasons),
        "kind": document.kind.value,
        "cut": {"state": document.cut.state.value, "confidence": document.cut.confidence},
        "doubtful_cuts": list(document.doubtful_cuts),
        "text": [page.text for page in document.pages],
        "fields": {name: _shown_field(field) for name, field in document.metadata.items()},
    }


def _shown_field(field: Field) -> dict[str, object]:
    evidence = None
    if field.evidence is not None:
        box = field.evidence.box
        evidence = {"page": field.evidence.page, "box": [round(edge, 4) for edge in (box.x0, box.y0, box.x1, box.y1)]}
    return {
        "value": field.value,
        "state": field.state.value,
        "confidence": field.confidence,
        "candidates": list(field.candidates),
        "evidence": evidence,
    }
