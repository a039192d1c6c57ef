"""The accounts of docs/cluster.md, as they stand there: each can do its work, and nothing else."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from archive.bucket import Bucket, open_bucket
from archive.catalogue import Catalogue
from archive.inventory import Register
from archive.store import Archive
from schemas.errors import ServiceUnavailable
from schemas.settings import ArchiveSection
from tests.archive import submission
from tests.archive.test_catalogue import HOLD, deposit
from tests.services.postgres import postgres
from tests.services.s3 import KEYS, S3Server, s3_server

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        Catalogue.open(url).close()
        engine = create_engine(url)
        Register(engine).units()
        with engine.begin() as connection:
            for statement in block("sql").split(";"):
                if statement.strip():
                    connection.execute(text(statement))
        engine.dispose()
        yield url


def as_role(server: str, role: str) -> Catalogue:
    return Catalogue.open(server.replace("sohoa@", f"{role}@"))


@pytest.mark.service("postgresql")
def test_the_intake_writes_records_and_holds_but_changes_no_entry_of_the_log(server: str) -> None:
    intake = as_role(server, "sohoa_intake")
    intake.open_hold(HOLD)
    intake.note_deposit(deposit(), who="An")
    assert Register(intake.engine).catch_up() == 1
    assert intake.log_faults() == []
    for forbidden in ("UPDATE log SET who = 'Bình'", "DELETE FROM log", "DROP TABLE holds"):
        with pytest.raises(Exception, match=r"permission denied|must be owner"), intake.engine.begin() as connection:
            connection.execute(text(forbidden))
    intake.close()


@pytest.mark.service("postgresql")
def test_who_searches_reads_and_is_noted_in_the_log_and_writes_nothing_else(server: str) -> None:
    reader = as_role(server, "sohoa_search")
    list(reader.deposits())
    reader.note_access("Bình", "show", "D.001")
    assert list(reader.log())[-1].who == "Bình"
    with pytest.raises(ServiceUnavailable, match="permission denied"):
        reader.note_deposit(deposit("D.009"), who="Bình")
    with pytest.raises(ServiceUnavailable, match="permission denied"):
        reader.open_hold(HOLD)
    reader.close()


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with s3_server() as server:
        for name in ("search", "worker"):
            subprocess.run(
                [server.program, "admin", "--access", KEYS["AWS_ACCESS_KEY_ID"], "--secret",
                 KEYS["AWS_SECRET_ACCESS_KEY"], "--endpoint-url", server.endpoint, "create-user", "--access", name,
                 "--secret", name * 3, "--role", "user"],
                check=True, capture_output=True, env=dict(os.environ),
            )  # fmt: skip
        yield server


def bucket_of(gateway: S3Server, who: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", who)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", who * 3)
    return open_bucket("s3://records/archive", ArchiveSection(s3_endpoint=gateway.endpoint))


def test_in_the_bucket_who_searches_reads_alone_and_a_reader_of_pages_does_not_even_that(
    gateway: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open_bucket("s3://records/archive", ArchiveSection(s3_endpoint=gateway.endpoint))
    whole.store.call_s3("create_bucket", Bucket="records")
    policy = json.loads(block("json").replace("BUCKET", "records"))
    whole.store.call_s3("put_bucket_policy", Bucket="records", Policy=json.dumps(policy))
    record = Archive.open(tmp_path / "intake", bucket=whole).deposit(submission(tmp_path)).record

    search = bucket_of(gateway, "search", monkeypatch)
    archive = Archive.open(tmp_path / "search", bucket=search)
    assert archive.record(record.id) == record
    with pytest.raises(ServiceUnavailable, match=r"s3://records"):
        archive.deposit(submission(tmp_path, dossier="another"))
    worker = bucket_of(gateway, "worker", monkeypatch)
    with pytest.raises(ServiceUnavailable, match=r"s3://records"):
        Archive.open(tmp_path / "worker", bucket=worker)
