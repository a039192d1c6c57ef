"""What an audit finds: names for what can be wrong, and the sum of what was looked at."""

from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    ALTERED = "altered"
    MISSING = "missing"
    ADDED = "added"
    RENAMED = "renamed"
    INVALID = "invalid"
    """Not valid OCFL, in the words of ocfl-py."""
    DISAGREES = "disagrees"
    """The archive is whole, but the catalogue says otherwise."""
    SIGNATURE = "signature"
    """The file is the one that was deposited, and bears no signature that holds over all of it."""
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as deposited; ``path`` is relative to the archive root, or a record's id."""

    path: str
    fault: Fault
    detail: str = ""


@dataclass(slots=True)
class Audit:
    """What was looked at, and what was found."""

    objects: int = 0
    files: int = 0
    size_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    of: int = 0
    """How many objects there are; ``objects`` of them were hashed."""

    @property
    def whole(self) -> bool:
        return not self.findings


@dataclass(slots=True)
class Checked:
    """What was found of one object."""

    path: str
    files: int = 0
    size_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)

    def found(self, name: str, fault: Fault, detail: str = "") -> None:
        self.findings.append(Finding(f"{self.path}/{name}" if name else self.path, fault, detail))
