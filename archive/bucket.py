"""An OCFL storage root in an S3 bucket: objects go there whole from a folder, and come back checked.

Every change is made in a folder first (``archive/staging.py``). What is new of an object is then sent, its root
inventory last: before that, nothing of it can be seen. A version's own inventory goes first and only where none is: of
two machines that make the same version of one object, one is refused. Each request bears a sum that the server compares
(SHA-256; CRC-32 for each part of a file of 100 MB and more); what comes back is compared with the SHA-512 of the
inventory.

Access keys come from where S3 programs look for them (``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, or
``~/.aws/credentials``), never from the settings.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from archive.objects import CERTIFICATE, DIGEST, INVENTORY, SIDECAR, lacks_only_what_was_destroyed
from archive.staging import DECLARATION
from schemas.addresses import is_this_machine
from schemas.errors import IntegrityBroken, ServiceUnavailable, SettingsRejected
from schemas.language import _
from schemas.retention import PERMANENT
from schemas.settings import ArchiveSection

T = TypeVar("T")

SCHEME = "s3://"
OBJECT_DECLARATION = "0=ocfl_object_1.1"
AT_ONCE = 8
"""Files sent or fetched at once: each waits for the network most of its time."""
TRIES = 8
"""Of each request, with growing pauses, some twenty seconds in all: a server that is started anew is back by then."""
PART_BYTES = 50 << 20
"""A file of two parts and more goes in parts, each sent again by itself where the network breaks."""
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 5, 60
FOR_EVER = timedelta(days=100 * 365)
"""An object lock needs a day; what is kept for ever is locked for so long."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The storage root at ``url``. Any method may raise ServiceUnavailable."""

    url: str
    store: Any = field(repr=False)
    """s3fs's file system."""
    lock: str = ""
    """``GOVERNANCE`` or ``COMPLIANCE``: files with a retention cannot be deleted before its end; empty: no lock."""

    def make(self, root: Path) -> None:
        """Let the storage root say what it is, as the one in the folder *root* does, where it does not yet.

        IntegrityBroken where something else is there.
        """
        with self._explained():
            if self.store.exists(self._key(DECLARATION)):
                return
            files = sorted(file for file in root.rglob("*") if file.is_file() and _is_of_root(file, root))
            # Of the root's own files some may be there: another machine is sending them, or was killed as it did.
            there = (key.removeprefix(self._key("")).lstrip("/") for key in self.store.find(self._key("")))
            foreign = any(name and not _is_named_of_root(name) for name in there)
            if foreign and not self.store.exists(self._key(DECLARATION)):
                raise IntegrityBroken(
                    _(
                        "archive {root}: the folder holds something, but {name} is missing; is archive.root right?"
                    ).format(root=self.url, name=DECLARATION)
                )
            for file in sorted(files, key=lambda file: file.name == DECLARATION):
                self._send(file, file.relative_to(root).as_posix())

    def push(self, root: Path, object_path: str) -> bool:
        """Send what the object in the folder *root* has and this one has not; False where they are the same.

        IntegrityBroken where another machine made the version that is to be sent, or the histories differ by more
        than a document that was destroyed.
        """
        here = root / object_path
        inventory = (here / INVENTORY).read_bytes()
        with self._explained():
            there = self._bytes(f"{object_path}/{INVENTORY}")
            if there == inventory:
                return False
            last = json.loads(there)["head"] if there else "v0"
            if there and _read(here / last / INVENTORY) != there:
                if not lacks_only_what_was_destroyed(json.loads(inventory), json.loads(there)):
                    raise self._other_history(object_path)
                self._replace(here, object_path)
                return True
            said = json.loads(inventory)
            new = [name for name in sorted(said["versions"], key=_number) if _number(name) > _number(last)]
            for version in new:
                self._begin(here, object_path, version)
            if not there:
                self._send(here / OBJECT_DECLARATION, f"{object_path}/{OBJECT_DECLARATION}")
            names = [path for paths in said["manifest"].values() for path in paths if path.split("/")[0] in new]
            names += [f"{version}/{SIDECAR}" for version in new]
            self._send_all(here, object_path, names)
            self._show(here, object_path)
            return True

    def behind(self, root: Path, object_path: str) -> bool:
        """The folder *root* lacks something of the object that is here."""
        with self._explained():
            there = self._bytes(f"{object_path}/{INVENTORY}")
        here = root / object_path
        if not there or there == _read(here / INVENTORY):
            return False
        head = json.loads(there)["head"]
        if there == _read(here / head / INVENTORY):
            return False
        # A destruction writes all inventories anew: one that did not get here yet has a version more and a certificate.
        return not (_head(here) > _number(head) and _is_purged(_read(here / INVENTORY)))

    def is_purged(self, root: Path, object_path: str) -> bool:
        """What the folder *root* has of the object has another history, as one of its documents was destroyed since;
        all others are as they were."""
        here = root / object_path
        mine = _read(here / INVENTORY)
        with self._explained():
            there = self._bytes(f"{object_path}/{INVENTORY}")
            if not _is_purged(there) or self._bytes(f"{object_path}/v{_head(here)}/{INVENTORY}") == mine:
                return False
            return bool(mine) and lacks_only_what_was_destroyed(json.loads(there), json.loads(mine))

    def fetch(self, object_path: str, target: Path, *, having: Path | None = None) -> None:
        """Write to the folder *target* what the object has and the folder *having* has not, each file checked.

        IntegrityBroken where a file is not what its inventory says, or *having* has another history.
        """
        with self._explained():
            there = self._bytes(f"{object_path}/{INVENTORY}")
            said = json.loads(there)
            known = 0
            if having is not None:
                known = _number(json.loads(_read(having / INVENTORY))["head"])
                if self._bytes(f"{object_path}/v{known}/{INVENTORY}") != _read(having / INVENTORY):
                    raise self._other_history(object_path)
            digests = {path: digest for digest, paths in said["manifest"].items() for path in paths
                       if _number(path.split("/")[0]) > known}  # fmt: skip
            new = [name for name in said["versions"] if _number(name) > known]
            plain = [f"{folder}{name}" for folder in ("", *(f"{version}/" for version in new))
                     for name in (INVENTORY, SIDECAR)]  # fmt: skip
            if not known:
                plain.append(OBJECT_DECLARATION)

            def fetched(name: str) -> None:
                (target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.store.get_file(self._key(f"{object_path}/{name}"), str(target / name))
                if name in digests and _digest(target / name) != digests[name]:
                    raise self._damaged(f"{object_path}/{name}")

            _each(fetched, [*digests, *plain])
            for folder in ("", *(f"{version}/" for version in new)):
                if (
                    _digest(target / f"{folder}{INVENTORY}")
                    != _read(target / f"{folder}{SIDECAR}").decode().split(" ")[0]
                ):
                    raise self._damaged(f"{object_path}/{folder}{INVENTORY}")

    def faults(self, object_path: str) -> list[str]:
        """The files of an object that are not, byte for byte, what its inventory says; read and hashed here."""
        with self._explained():
            noted = self._bytes(f"{object_path}/{SIDECAR}").decode(errors="replace").split(" ")[0]
            if self._fault(object_path, INVENTORY, noted):
                return [INVENTORY]
            inventory = self._bytes(f"{object_path}/{INVENTORY}")
            named = {path: digest for digest, paths in json.loads(inventory)["manifest"].items() for path in paths}
            return sorted(filter(None, _each(lambda name: self._fault(object_path, name, named[name]), list(named))))

    def mend(self, root: Path, object_path: str, names: Collection[str]) -> None:
        """Send these files of the object in the folder *root*, which the caller knows to be whole, anew.

        A bucket that keeps versions keeps what they stood for there.
        """
        here = root / object_path
        with self._explained():
            self._send_all(here, object_path, sorted(set(names) - {INVENTORY, SIDECAR}))
            if INVENTORY in names:
                self._show(here, object_path)

    def object_paths(self) -> Iterator[str]:
        """Where each object is, relative to the root."""
        with self._explained():
            found = self.store.find(self._key(""))
        for key in found:
            if key.endswith(f"/{OBJECT_DECLARATION}"):
                yield key.removeprefix(self._key("")).removesuffix(f"/{OBJECT_DECLARATION}").lstrip("/")

    # Steps of these

    def _begin(self, here: Path, object_path: str, version: str) -> None:
        """Be the one that makes *version*."""
        name = f"{version}/{INVENTORY}"
        content = (here / name).read_bytes()
        try:
            self.store.pipe_file(self._key(f"{object_path}/{name}"), content, mode="create", ChecksumAlgorithm="SHA256")
        except FileExistsError as error:
            if self._bytes(f"{object_path}/{name}") != content:  # else this machine was stopped while it sent it
                raise self._other_history(object_path) from error

    def _show(self, here: Path, object_path: str) -> None:
        for name in (INVENTORY, SIDECAR):
            self._send(here / name, f"{object_path}/{name}")

    def _replace(self, here: Path, object_path: str) -> None:
        """After a destruction: what stands is sent anew, then what is no more is deleted, in every kept version.

        The root inventory comes last: until it is there, the next run sees that this one was stopped, and does all of
        it again.
        """
        names = {file.relative_to(here).as_posix() for file in here.rglob("*") if file.is_file()}
        self._send_all(here, object_path, sorted(names - {INVENTORY, SIDECAR}))
        prefix = self._key(object_path)
        for key in self.store.find(prefix):
            if key.removeprefix(f"{prefix}/") not in names:
                self._erase(key)
        self._show(here, object_path)

    def _erase(self, key: str) -> None:
        bucket, _slash, name = key.partition("/")
        found = self.store.call_s3("list_object_versions", Bucket=bucket, Prefix=name)
        for one in [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]:
            if one["Key"] == name:
                self.store.call_s3("delete_object", Bucket=bucket, Key=name, VersionId=one["VersionId"])

    def _send_all(self, here: Path, object_path: str, names: Iterable[str]) -> None:
        until = _locked_until(here) if self.lock else {}

        def send(name: str) -> None:
            serial = name.split("/")[2] if "/content/" in name else ""
            self._send(here / name, f"{object_path}/{name}", until.get(serial))

        _each(send, list(names))

    def _send(self, file: Path, name: str, locked_until: datetime | None = None) -> None:
        lock = {"ObjectLockMode": self.lock, "ObjectLockRetainUntilDate": locked_until} if locked_until else {}
        whole = file.stat().st_size < 2 * PART_BYTES
        # s3fs sends parts with the sum that S3 programs send by themselves (CRC32), whatever was asked for.
        summed = {"ChecksumAlgorithm": "SHA256"} if whole else {}
        self.store.put_file(str(file), self._key(name), chunksize=PART_BYTES, **summed, **lock)

    def _fault(self, object_path: str, name: str, digest: str) -> str:
        from botocore.exceptions import FlexibleChecksumError

        hashed = hashlib.new(DIGEST)
        try:
            with self.store.open(self._key(f"{object_path}/{name}"), "rb", cache_type="none") as stream:
                while block := stream.read(1 << 22):
                    hashed.update(block)
        except (FileNotFoundError, FlexibleChecksumError):
            return name
        return "" if hashed.hexdigest() == digest else name

    def _bytes(self, name: str) -> bytes:
        """What a file says; empty where it is not there."""
        try:
            return bytes(self.store.cat_file(self._key(name)))
        except FileNotFoundError:
            return b""

    def _key(self, name: str) -> str:
        root = self.url.removeprefix(SCHEME).rstrip("/")
        return f"{root}/{name}" if name else root

    def _other_history(self, object_path: str) -> IntegrityBroken:
        return IntegrityBroken(
            _("replica {root}: {object} has another history than the archive's; see `sohoa audit`").format(
                root=self.url, object=object_path
            )
        )

    def _damaged(self, name: str) -> IntegrityBroken:
        return IntegrityBroken(
            _("{file}: damaged; it is not copied; see `sohoa audit`").format(file=f"{self.url}/{name}")
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

        try:
            yield
        except FlexibleChecksumError as error:  # the server's own sum of what came; before any of ours
            raise self._damaged(str(error)) from error
        except (OSError, BotoCoreError, ClientError, TimeoutError) as error:
            raise ServiceUnavailable(
                _("archive {root}: {error}; see that the S3 server answers and the keys are right, then run the same "
                  "command again").format(root=self.url, error=error)
            ) from error  # fmt: skip


def open_bucket(url: str, settings: ArchiveSection) -> Bucket:
    """The storage root at *url* (``s3://bucket/prefix``) on the server that the settings name.

    SettingsRejected for a server elsewhere that is not asked over TLS, unless the settings allow it.
    """
    from s3fs import S3FileSystem

    endpoint = settings.s3_endpoint
    parts = urlsplit(endpoint)
    plain = bool(endpoint) and parts.scheme != "https"
    if plain and not settings.s3_allow_plain_http and not is_this_machine(parts.hostname or ""):
        raise SettingsRejected(
                _("setting archive.s3_endpoint: {address} is another machine and asked without TLS; take https, or say "
                  "archive.s3_allow_plain_http = true").format(address=endpoint)
            )  # fmt: skip
    store = S3FileSystem(
        endpoint_url=endpoint or None,
        client_kwargs={"verify": settings.s3_ca_file} if settings.s3_ca_file else {},
        config_kwargs={
            "connect_timeout": CONNECT_TIMEOUT_S, "read_timeout": READ_TIMEOUT_S,
            "retries": {"max_attempts": TRIES, "mode": "standard"}, "s3": {"addressing_style": "path"},
        },
        use_listings_cache=False, skip_instance_cache=True,
    )  # fmt: skip
    return Bucket(url, store, settings.s3_lock.upper())


def _locked_until(here: Path) -> dict[str, datetime]:
    """Until when the files of each document may not be deleted, by its serial."""
    found = {}
    for metadata in sorted(here.glob("v*/content/*/metadata.json"), key=lambda file: _number(file.parts[-4])):
        term = json.loads(metadata.read_bytes()).get("retention") or {}
        if term.get("until"):
            day = datetime.fromisoformat(term["until"]).date()
            found[metadata.parent.name] = datetime.combine(day, time(), UTC)
        elif term.get("code") == PERMANENT:
            found[metadata.parent.name] = datetime.now(UTC) + FOR_EVER
    return {serial: until for serial, until in found.items() if until > datetime.now(UTC)}


def _is_of_root(file: Path, root: Path) -> bool:
    return _is_named_of_root(file.relative_to(root).as_posix())


def _is_named_of_root(name: str) -> bool:
    return name in (DECLARATION, "ocfl_layout.json") or name.startswith("extensions/0")


def _each(do: Callable[[str], T], names: list[str]) -> list[T]:
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="s3") as pool:
        return list(pool.map(do, names))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, DIGEST).hexdigest()


def _head(here: Path) -> int:
    """The number of the newest version of the object in the folder *here*; 0 where there is none."""
    inventory = _read(here / INVENTORY)
    return _number(json.loads(inventory)["head"]) if inventory else 0


def _is_purged(inventory: bytes) -> bool:
    """A document of the object was destroyed: its certificate is there."""
    named = json.loads(inventory)["manifest"].values() if inventory else ()
    return any(path.endswith(f"/{CERTIFICATE}") for paths in named for path in paths)


def _number(version: str) -> int:
    return int(version.removeprefix("v"))
