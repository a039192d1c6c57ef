"""The archive in an S3 bucket, on a real server: visible only whole, checked on the way, locked by its retention."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ocfl
import pytest

from archive.bucket import Bucket, open_bucket
from archive.store import Archive
from cli import run as sohoa
from commands.workspace import Workspace
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable, SettingsRejected
from schemas.records import Withdrawal
from schemas.retention import Retention
from schemas.settings import ArchiveSection
from tests.archive import submission
from tests.services.s3 import KEYS, S3Server, s3_server

OBJECT = "0=ocfl_object_1.1"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    before = {name: os.environ.get(name) for name in KEYS}
    os.environ.update(KEYS)
    with s3_server() as server:
        yield server
    for name, value in before.items():
        if value is None:
            del os.environ[name]


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest) -> Bucket:
    name = f"b{abs(hash(request.node.name))}"
    opened = open_bucket(f"s3://{name}/archive", ArchiveSection(s3_endpoint=server.endpoint, s3_lock="governance"))
    opened.store.call_s3("create_bucket", Bucket=name, ObjectLockEnabledForBucket=True)
    return opened


def test_what_one_machine_deposits_another_has(bucket: Bucket, tmp_path: Path) -> None:
    here = Archive.open(tmp_path / "here", bucket=bucket)
    first = here.deposit(submission(tmp_path))
    there = Archive.open(tmp_path / "there", bucket=bucket)
    assert [deposit.record for deposit in there.deposits()] == [first.record]
    second = there.deposit(submission(tmp_path, first_page=2))
    assert second.object_path == first.object_path
    assert here.pdf(second.record.id).read_bytes() == there.pdf(second.record.id).read_bytes()
    assert here.deposit(submission(tmp_path)).new is False
    assert bucket.faults(first.object_path) == []


def test_ocfl_py_finds_a_valid_storage_root_in_the_bucket(
    bucket: Bucket, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Archive.open(tmp_path / "here", bucket=bucket).deposit(submission(tmp_path))
    root = ocfl.StorageRoot(f"{bucket.url}?endpoint_url={server.endpoint}")
    assert root.validate()


def test_an_object_is_seen_only_when_it_is_whole(bucket: Bucket, tmp_path: Path) -> None:
    local = Archive.open(tmp_path / "local")
    path = local.deposit(submission(tmp_path)).object_path
    sent: list[str] = []

    class Cut:
        """The network, until it is cut before the inventory."""

        def __getattr__(self, name: str) -> Any:
            return getattr(bucket.store, name)

        def put_file(self, file: str, key: str, **how: Any) -> None:
            if key.endswith(f"{path}/inventory.json"):
                raise OSError("cut off")
            sent.append(key)
            bucket.store.put_file(file, key, **how)

    bucket.make(local.root)
    with pytest.raises(ServiceUnavailable, match="cut off"):
        replace(bucket, store=Cut()).push(local.root, path)
    assert sent
    assert not bucket.behind(tmp_path / "none", path)
    assert bucket.push(local.root, path)
    assert bucket.behind(tmp_path / "none", path)
    assert not bucket.push(local.root, path)


class CutOff:
    """The network, cut off for whatever is to be written."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def put_file(self, file: str, key: str, **how: Any) -> None:
        raise OSError("cut off")

    pipe_file = put_file


def withdraw(archive: Archive, id: str, folder: Path) -> None:
    archive.withdrawn(id, Withdrawal("sai", "", "An", datetime(2026, 1, 2, tzinfo=UTC)))


def retain(archive: Archive, id: str, folder: Path) -> None:
    archive.retained(id, Retention("07", date(2030, 1, 1)), operator="An")


def correct(archive: Archive, id: str, folder: Path) -> None:
    archive.corrected(replace(submission(folder), procedure="1.000001"))


def renew(archive: Archive, id: str, folder: Path) -> None:
    longer = folder / "renewed.pdf"
    signed = submission(folder).signed
    longer.write_bytes(signed.path.read_bytes() + b"% renewed")
    renewed = replace(signed, path=longer, sha256=hashlib.sha256(longer.read_bytes()).hexdigest())
    archive.renewed(id, {"document.pdf": renewed}, operator="An", decision="renewed")


def destroy(archive: Archive, id: str, folder: Path) -> None:
    archive.destroy(id, {"id": id}, operator="An")


@pytest.mark.parametrize("change", [withdraw, retain, correct, renew, destroy])
def test_a_change_that_did_not_reach_the_bucket_does_so_when_it_is_made_again(
    bucket: Bucket, tmp_path: Path, change: Callable[[Archive, str, Path], None]
) -> None:
    here = Archive.open(tmp_path / "here", bucket=replace(bucket, lock=""))
    made = here.deposit(submission(tmp_path))
    here.deposit(submission(tmp_path, first_page=2))
    cut = replace(here, bucket=replace(bucket, store=CutOff(bucket.store), lock=""))
    with pytest.raises(ServiceUnavailable, match="cut off"):
        change(cut, made.record.id, tmp_path)
    change(here, made.record.id, tmp_path)
    there = Archive.open(tmp_path / "there", bucket=bucket)
    there.bring_all()
    assert inventory(there.root / made.object_path) == inventory(here.root / made.object_path)
    assert json.loads(inventory(there.root / made.object_path))["head"] == "v3"


def test_what_one_machine_destroyed_no_other_keeps(bucket: Bucket, tmp_path: Path) -> None:
    unlocked = replace(bucket, lock="")
    here, there = (Archive.open(tmp_path / name, bucket=unlocked) for name in ("here", "there"))
    made = here.deposit(submission(tmp_path))
    other = here.deposit(submission(tmp_path, first_page=2)).record
    secret = there.pdf(made.record.id).read_bytes()
    here.destroy(made.record.id, {"id": made.record.id}, operator="An")
    assert there.record(other.id) == other
    with pytest.raises(InputRejected, match="was destroyed"):
        there.record(made.record.id)
    assert all(file.read_bytes() != secret for file in there.root.rglob("document.pdf"))
    assert inventory(there.root / made.object_path) == inventory(here.root / made.object_path)


def test_a_destruction_is_no_cover_for_another_change_in_the_bucket(bucket: Bucket, tmp_path: Path) -> None:
    here = Archive.open(tmp_path / "here", bucket=bucket)
    path = here.deposit(submission(tmp_path)).object_path
    here.deposit(submission(tmp_path, first_page=2))
    (tmp_path / "other").mkdir()
    forged = Archive.open(tmp_path / "forged")
    first = forged.deposit(submission(tmp_path / "other"))
    forged.deposit(submission(tmp_path / "other", first_page=2, text="giả"))
    forged.destroy(first.record.id, {"by": "An"}, operator="An")
    before = contents(bucket)
    with pytest.raises(IntegrityBroken, match="another history"):
        bucket.push(forged.root, path)
    assert contents(bucket) == before
    assert bucket.faults(path) == []


def test_a_working_copy_takes_no_other_history_from_the_bucket_under_cover_of_a_destruction(
    bucket: Bucket, tmp_path: Path
) -> None:
    unlocked = replace(bucket, lock="")
    here, there = (Archive.open(tmp_path / name, bucket=unlocked) for name in ("here", "there"))
    path = here.deposit(submission(tmp_path)).object_path
    second = here.deposit(submission(tmp_path, first_page=2)).record
    there.bring_all()
    (tmp_path / "other").mkdir()
    forged = Archive.open(tmp_path / "forged")
    first = forged.deposit(submission(tmp_path / "other"))
    forged.deposit(submission(tmp_path / "other", first_page=2, text="giả"))
    forged.destroy(first.record.id, {"by": "An"}, operator="An")
    for file in (forged.root / path).rglob("*"):
        if file.is_file():
            bucket.store.put_file(str(file), bucket._key(f"{path}/{file.relative_to(forged.root / path).as_posix()}"))
    before = inventory(there.root / path)
    with pytest.raises(IntegrityBroken, match="another history"):
        there.record(second.id)
    assert inventory(there.root / path) == before


def test_a_destruction_that_was_stopped_as_files_were_deleted_is_ended_by_the_next(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Archive.open(tmp_path / "here", bucket=replace(bucket, lock=""))
    made = here.deposit(submission(tmp_path))
    here.deposit(submission(tmp_path, first_page=2))
    secret = here.pdf(made.record.id).read_bytes()

    def cut(_bucket: Bucket, key: str) -> None:
        raise ServiceUnavailable(f"cut off before {key}")

    with monkeypatch.context() as once:
        once.setattr(Bucket, "_erase", cut)
        with pytest.raises(ServiceUnavailable, match="cut off"):
            destroy(here, made.record.id, tmp_path)
    assert secret in contents(bucket).values()
    destroy(here, made.record.id, tmp_path)
    assert secret not in contents(bucket).values()
    assert bucket.faults(made.object_path) == []


def contents(bucket: Bucket) -> dict[str, bytes]:
    return {key: bytes(bucket.store.cat_file(key)) for key in bucket.store.find(bucket._key(""))}


def inventory(folder: Path) -> bytes:
    return (folder / "inventory.json").read_bytes()


def test_of_two_machines_that_make_the_same_version_one_is_refused(bucket: Bucket, tmp_path: Path) -> None:
    one, other = Archive.open(tmp_path / "one", bucket=bucket), Archive.open(tmp_path / "other")
    path = one.deposit(submission(tmp_path)).object_path
    other.deposit(submission(tmp_path, first_page=2))
    with pytest.raises(IntegrityBroken, match="another history"):
        bucket.push(other.root, path)
    assert bucket.faults(path) == []


def test_a_file_that_was_altered_in_the_bucket_is_named_and_not_taken_over(
    bucket: Bucket, server: S3Server, tmp_path: Path
) -> None:
    here = Archive.open(tmp_path / "here", bucket=bucket)
    path = here.deposit(submission(tmp_path)).object_path
    objects = server.folder / "objects" / bucket.url.removeprefix("s3://")
    [stored] = (objects / path).rglob("document.pdf")
    content = bytearray(stored.read_bytes())
    content[100] ^= 1
    stored.write_bytes(content)
    assert [name.split("/")[-1] for name in bucket.faults(path)] == ["document.pdf"]
    with pytest.raises(IntegrityBroken, match="damaged"):
        list(Archive.open(tmp_path / "there", bucket=bucket).deposits())


def test_a_record_cannot_be_deleted_before_its_retention_is_over(bucket: Bucket, tmp_path: Path) -> None:
    here = Archive.open(tmp_path / "here", bucket=bucket)
    deposit = here.deposit(replace(submission(tmp_path), retention="06"))
    metadata = json.loads(next((here.root / deposit.object_path).rglob("metadata.json")).read_bytes())
    name, _slash, key = f"{bucket.url.removeprefix('s3://')}/{deposit.pdf_path}".partition("/")
    held = bucket.store.call_s3("get_object_retention", Bucket=name, Key=key)["Retention"]
    assert held["Mode"] == "GOVERNANCE"
    assert held["RetainUntilDate"].date().isoformat() == metadata["retention"]["until"]
    version = bucket.store.call_s3("head_object", Bucket=name, Key=key).get("VersionId")
    with pytest.raises(PermissionError):
        bucket.store.call_s3("delete_object", Bucket=name, Key=key, VersionId=version)


def test_a_large_file_goes_in_parts(bucket: Bucket, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(1 << 20) * 120)
    bucket._send(large, "large")
    assert "-" in bucket.store.info(bucket._key("large"))["ETag"]  # S3's own mark of an upload in parts
    bucket.store.get_file(bucket._key("large"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == large.read_bytes()


def test_a_server_that_is_killed_and_started_anew_is_waited_for(
    bucket: Bucket, server: S3Server, tmp_path: Path
) -> None:
    here = Archive.open(tmp_path / "here", bucket=bucket)
    server.kill()
    server.start()
    assert here.deposit(submission(tmp_path)).new


def test_a_root_that_another_machine_has_begun_to_make_is_ended_and_one_with_something_else_is_refused(
    bucket: Bucket, tmp_path: Path
) -> None:
    Archive.open(tmp_path / "one", bucket=bucket)
    bucket.store.rm_file(bucket._key("0=ocfl_1.1"))
    assert bucket.store.find(bucket._key(""))  # the layout is there
    Archive.open(tmp_path / "two", bucket=bucket)
    assert bucket.store.exists(bucket._key("0=ocfl_1.1"))
    bucket.store.rm_file(bucket._key("0=ocfl_1.1"))
    bucket.store.pipe_file(bucket._key("holiday.jpg"), b"sea")
    with pytest.raises(IntegrityBroken, match="holds something"):
        Archive.open(tmp_path / "three", bucket=bucket)


def test_another_machine_is_asked_over_tls_only() -> None:
    with pytest.raises(SettingsRejected, match=r"s3_endpoint: http://192\.0\.2\.1.*without TLS"):
        open_bucket("s3://b/archive", ArchiveSection(s3_endpoint="http://192.0.2.1:7070"))


def test_a_replica_in_a_bucket_is_kept_in_step_audited_and_gives_back_what_is_damaged(
    bucket: Bucket, server: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = f'[archive]\nreplicas = ["{bucket.url}"]\ns3_endpoint = "{server.endpoint}"\n'
    (tmp_path / "sohoa").mkdir()
    (tmp_path / "sohoa" / "sohoa.toml").write_text(settings)
    workspace = Workspace.open(tmp_path / "sohoa")
    deposit = workspace.archive.deposit(submission(tmp_path))
    workspace.catalogue.note_deposit(deposit, who="An")
    workspace.catalogue.close()
    command = ["--workspace", str(workspace.folder), "audit"]
    assert sohoa(command) == 0
    assert list(bucket.object_paths()) == [deposit.object_path]
    pdf = workspace.archive.pdf(deposit.record.id)
    whole = pdf.read_bytes()
    pdf.write_bytes(b"%PDF-1.7 forged")
    assert sohoa(command) == 6
    assert sohoa([*command, "--repair", "--operator", "An"]) == 0
    assert pdf.read_bytes() == whole
    assert "given back from a proven copy" in capsys.readouterr().out
    [row] = workspace.catalogue.deposits()
    for name in (row.pdf_path.removeprefix(f"{row.object_path}/"), "inventory.json"):
        bucket.store.pipe_file(bucket._key(f"{row.object_path}/{name}"), b"forged")
        assert sohoa(command) == 6
        assert sohoa([*command, "--repair", "--operator", "An"]) == 0
        assert f"given back from a proven copy: {bucket.url}/{row.object_path}" in capsys.readouterr().out
        assert bucket.faults(row.object_path) == []
        assert sohoa(command) == 0


def test_an_archive_in_a_bucket_is_had_by_a_workspace_that_is_new(
    bucket: Bucket, server: S3Server, tmp_path: Path
) -> None:
    made = Archive.open(tmp_path / "made", bucket=bucket).deposit(submission(tmp_path))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "sohoa.toml").write_text(
        f'[archive]\nroot = "{bucket.url}"\ns3_endpoint = "{server.endpoint}"\n'
    )
    assert sohoa(["--workspace", str(tmp_path / "new"), "rebuild", "--operator", "An"]) == 0
    found = Workspace.open(tmp_path / "new").catalogue.deposits_in(made.object_path)
    assert [row.id for row in found] == [made.record.id]
