"""Reports that leave the machine: a site swapped in whole, and a report sent to another system with a kept receipt."""

import hashlib
import json
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.errors import InputRejected, ServiceUnavailable, SettingsRejected
from schemas.language import _

LOCAL = ("localhost", "127.0.0.1", "::1")
TRIES = 4
FIRST_WAIT_S = 1.0
TIMEOUT_S = 30.0


def publish(folder: Path, files: Iterable[tuple[str, bytes]]) -> int:
    """Write a site and swap it in whole: *folder* becomes a link to it, in one step that no reader sees half done.

    Returns how many files there are. SettingsRejected when *folder* is one that this program has not made;
    ServiceUnavailable when it cannot be written.
    """
    folder = folder.absolute()
    if folder.exists() and not folder.is_symlink() and any(folder.iterdir()):
        raise SettingsRejected(
            _("--publish {folder}: holds other files; name a folder that is new or empty").format(folder=folder)
        )
    before = folder.resolve() if folder.is_symlink() else None
    if before is not None and not before.name.startswith(f".{folder.name}-"):
        raise SettingsRejected(
            _("--publish {folder}: a link to {target}, which is not a site of ours").format(
                folder=folder, target=before)
        )  # fmt: skip
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        made.chmod(0o755)
        count = 0
        for name, content in files:
            (made / name).write_bytes(content)
            count += 1
        link = made.with_name(made.name + ".link")
        link.symlink_to(made.name)
        if folder.is_dir() and not folder.is_symlink():
            folder.rmdir()
        os.replace(link, folder)
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)
    except OSError as error:
        raise ServiceUnavailable(
            _("--publish {folder}: cannot be written ({error})").format(folder=folder, error=error.strerror)
        ) from error
    return count


class _NotElsewhere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the standard library would ask there without the report, and get a receipt."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        return None


def post(
    url: str, content: bytes, receipts: Path, *, wait_s: float = FIRST_WAIT_S, timeout_s: float = TIMEOUT_S
) -> Path:
    """Send a report to *url* as JSON and keep the receipt; the same report is sent once only.

    HTTPS, or HTTP to this machine. The key in ``Idempotency-Key`` is the report's hash, so that a receiver that got it
    but whose answer was lost takes it once. InputRejected when the receiver refuses it or sends elsewhere,
    ServiceUnavailable when it does not answer after some tries.
    """
    where = urllib.parse.urlsplit(url)
    if where.scheme != "https" and not (where.scheme == "http" and where.hostname in LOCAL):
        raise SettingsRejected(_("--post {url}: only https is allowed").format(url=url))
    key = hashlib.sha256(url.encode() + b"\0" + content).hexdigest()
    receipt = receipts / f"{key[:32]}.json"
    if receipt.exists():
        return receipt
    opener = urllib.request.build_opener(_NotElsewhere)
    problem = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(wait_s * 2 ** (attempt - 1))
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": key, "User-Agent": "sohoa"}
        request = urllib.request.Request(url, data=content, method="POST", headers=headers)
        try:
            with opener.open(request, timeout=timeout_s) as answer:
                said = answer.read(100_000).decode("utf-8", "replace")
                return _kept(receipt, url, key, answer.status, said)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 425, 429):
                raise InputRejected(
                    _("--post {url}: refused with {status}: {answer}").format(
                        url=url, status=error.code, answer=error.read(300).decode("utf-8", "replace"))
                ) from error  # fmt: skip
            problem = f"{error.code} {error.reason}"
        except (urllib.error.URLError, OSError) as error:
            problem = str(getattr(error, "reason", error))
    raise ServiceUnavailable(
        _("--post {url}: no answer after {tries} tries ({problem}); the same command sends it again").format(
            url=url, tries=TRIES, problem=problem)
    )  # fmt: skip


def _kept(receipt: Path, url: str, key: str, status: int, said: str) -> Path:
    receipt.parent.mkdir(parents=True, exist_ok=True)
    form = {"url": url, "idempotency_key": key, "status": status, "answer": said,
            "at": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip
    part = receipt.with_suffix(".part")
    part.write_text(json.dumps(form, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(part, receipt)
    return receipt
