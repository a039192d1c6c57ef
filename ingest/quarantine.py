"""Incidents: a scan on which a secrecy stamp was seen, and what a person has to do about it.

``quarantine/`` holds a note for each, never what the paper says. By setting the scan itself is moved there, so that
nobody opens it by mistake; a scan that was released goes back to where it came from.
"""

import json
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.errors import InputRejected
from schemas.language import _
from schemas.work import SecretScan


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The folder ``quarantine/`` of a workspace (mode 700)."""

    folder: Path
    takes_scans: bool = False
    """The scans are moved here, else they stay where they are and are only named."""

    def note(self, secret: SecretScan, operator: str, now: datetime) -> None:
        """Write the incident (mode 600): which file, which page, when, what to do. Done twice, it is the same."""
        name = f"{secret.scan.sha256[:16]}.{secret.scan.media_type.name.lower()}"
        here = self.folder / name if self.takes_scans else None
        incident = {
            "scan": str(secret.scan.path),
            "sha256": secret.scan.sha256,
            "page": secret.page,
            "seen_at": now.isoformat(timespec="seconds"),
            "operator": operator,
            "moved_to": here.name if here is not None else "",
            "what_to_do": _(
                "Take the file off this machine by the rules for secret papers, tell the officer in charge, and scan "
                "the rest of the stack without this paper. If no stamp is there: sohoa review release {sha256} "
                "--reason …"
            ).format(sha256=secret.scan.sha256[:12]),
        }
        file = self.folder / f"{secret.scan.sha256[:16]}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(incident, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if here is not None and secret.scan.path.exists():
            self.folder.chmod(0o700)
            _moved(secret.scan.path, here)
            here.chmod(0o600)

    def incident(self, sha256: str) -> tuple[dict[str, Any], Path]:
        """The one open incident whose scan's hash begins so, and its file. InputRejected for none, or several."""
        found = [
            (incident, file)
            for file in sorted(self.folder.glob("*.json"))
            if (incident := json.loads(file.read_text(encoding="utf-8")))["sha256"].startswith(sha256)
        ]
        if len(found) != 1:
            raise InputRejected(
                _("{id}: no incident, or more than one, begins so; see quarantine/ in the workspace").format(id=sha256)
            )
        return found[0]

    def put_back(self, incident: dict[str, Any]) -> None:
        """Let a scan that was moved here lie where it came from again. InputRejected where that place is taken."""
        moved_to, place = incident.get("moved_to", ""), Path(incident["scan"])
        here = self.folder / moved_to
        if not moved_to or not here.exists():
            return
        if place.exists():
            raise InputRejected(
                _("{scan}: another file lies there now; move it away, then release again").format(scan=place)
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        _moved(here, place)

    def take_again(self, incident: dict[str, Any]) -> None:
        """Move a scan here once more whose release was taken back, where it had been moved here at first."""
        moved_to, place = incident.get("moved_to", ""), Path(incident["scan"])
        if moved_to and place.exists():
            self.folder.chmod(0o700)
            _moved(place, self.folder / moved_to)
            (self.folder / moved_to).chmod(0o600)


def _moved(source: Path, target: Path) -> None:
    """Rename; across file systems the copy is whole and on the disk before the original goes."""
    try:
        source.rename(target)
    except OSError:
        unfinished = target.with_name(f".{target.name}.part")
        with source.open("rb") as original, unfinished.open("wb") as copy:
            os.fchmod(copy.fileno(), 0o600)
            shutil.copyfileobj(original, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(source, unfinished)
        unfinished.replace(target)
        source.unlink()
