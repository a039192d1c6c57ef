"""The accounts of docs/cluster.md, as they stand there: each can do its work, and nothing else."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opensearchpy.exceptions import AuthorizationException
from sqlalchemy import create_engine, text

from archive.bucket import Bucket, open_bucket
from archive.catalogue import Catalogue
from archive.inventory import Register
from archive.store import Archive
from cli import run as sohoa
from commands.workspace import Workspace
from schemas.errors import ServiceUnavailable
from schemas.settings import ArchiveSection, Search
from search.opensearch_client import connect
from search.opensearch_index import OpenSearchIndex
from search.projection import Entry
from tests.archive import submission
from tests.archive.test_catalogue import HOLD, deposit
from tests.search.records import record
from tests.services.postgres import postgres
from tests.services.s3 import KEYS, S3Server, s3_server
from tests.services.secured import Secured, secured_opensearch

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


PASSWORD = "đọc không cần viết 7"


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    with secured_opensearch() as opened:
        for statement in block("http").split("\n\n"):
            method, path, body = re.split(r"[ \n]", statement.strip(), maxsplit=2)
            asked = json.loads(body)
            if "password" in asked:
                asked["password"] = PASSWORD
            opened.admin.transport.perform_request(method, f"/{path}", body=asked)
        opened.admin.indices.create(index="theirs")
        yield opened


def found_by(secured: Secured, who: str, monkeypatch: pytest.MonkeyPatch) -> Search:
    monkeypatch.setenv("PASSWORD_OF_THE_TEST", PASSWORD)
    return Search(engine="opensearch", url=secured.url, ca_file=str(secured.ca_file), user=who,
                  password_env="PASSWORD_OF_THE_TEST", timeout_s=120)  # fmt: skip


def ours(secured: Secured) -> dict[str, int]:
    """The indexes of the cluster but for the plugin's own, and how many records each has."""
    secured.admin.indices.refresh(index="*")
    stats = secured.admin.indices.stats(index="*", metric="docs")["indices"]
    return {name: found["primaries"]["docs"]["count"] for name, found in stats.items() if not name.startswith(".")}


@pytest.mark.service("opensearch")
def test_the_index_is_made_filled_emptied_and_made_anew_by_the_intake_which_has_no_other(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = found_by(secured, "sohoa_intake", monkeypatch)
    index = OpenSearchIndex.open(settings)
    entries = [Entry(n, record(n, "phép")) for n in range(1, 5)]
    assert index.status().records == 0
    assert index.update(entries, (), 4) == []
    assert index.update((), [entries[0].record.id], 5) == []
    with index.rebuilding() as anew:
        assert anew.update(entries, (), 4) == []
    with pytest.raises(KeyError), index.rebuilding():
        raise KeyError
    assert sorted(ours(secured).values()) == [0, 4]  # the other one is theirs
    client = connect(settings)
    are_refused(
        lambda: client.search(index="theirs"),
        lambda: client.index(index="theirs", body={"other": 1}),
        lambda: client.indices.delete(index="theirs"),
        lambda: client.indices.create(index="another"),
        lambda: client.cluster.put_settings(body={"transient": {"cluster.max_shards_per_node": 1}}),
        lambda: client.transport.perform_request("GET", "/_plugins/_security/api/internalusers"),
    )
    with index.rebuilding() as empty:
        empty.update((), (), 0)


@pytest.mark.service("opensearch")
def test_who_searches_cannot_write_the_index(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    OpenSearchIndex.open(found_by(secured, "sohoa_intake", monkeypatch)).status()  # it is made
    settings = found_by(secured, "sohoa_search", monkeypatch)
    index = OpenSearchIndex.open(settings)
    before = ours(secured)
    assert index.status().records == 0
    with pytest.raises(ServiceUnavailable, match="user sohoa_search may not do this"):
        index.update([Entry(1, record(1, "phép"))], (), 1)
    with pytest.raises(ServiceUnavailable, match="user sohoa_search may not do this"), index.rebuilding():
        pass
    client, concrete = connect(settings), next(name for name in before if name != "theirs")
    are_refused(
        lambda: client.index(index=concrete, body={"number": "1"}),
        lambda: client.indices.delete(index=concrete),
        lambda: client.indices.put_mapping(index=concrete, body={"_meta": {"position": 9}}),
        lambda: client.indices.put_settings(index=concrete, body={"refresh_interval": "-1"}),
        lambda: client.indices.delete_alias(index=concrete, name=settings.index),
        lambda: client.delete(index=concrete, id="1"),
        lambda: client.search(index="theirs"),
        lambda: client.search(index=".opendistro_security"),
    )
    bulk = client.bulk(index=concrete, body=b'{"index": {"_id": "1"}}\n{"number": "1"}\n')
    assert [item["index"]["status"] for item in bulk["items"]] == [403]
    assert ours(secured) == before


def are_refused(*asked: Callable[[], object]) -> None:
    for ask in asked:
        with pytest.raises(AuthorizationException):
            ask()


@pytest.mark.service("postgresql")
@pytest.mark.service("opensearch")
def test_a_machine_where_people_search_finds_and_shows_records_and_can_change_none(
    server: str,
    gateway: S3Server,
    secured: Secured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PASSWORD_OF_THE_TEST", PASSWORD)
    root = open_bucket("s3://city/archive", ArchiveSection(s3_endpoint=gateway.endpoint))
    root.store.call_s3("create_bucket", Bucket="city")
    policy = block("json").replace("BUCKET", "city")
    root.store.call_s3("put_bucket_policy", Bucket="city", Policy=policy)

    def workspace(role: str) -> Path:
        folder = tmp_path / role
        folder.mkdir()
        (folder / "sohoa.toml").write_text(
            f'[catalogue]\nurl = "{server.replace("sohoa@", f"{role}@")}"\n'
            f'[archive]\nroot = "{root.url}"\ns3_endpoint = "{gateway.endpoint}"\n'
            f'[search]\nengine = "opensearch"\nurl = "{secured.url}"\nca_file = "{secured.ca_file}"\n'
            f'user = "{role}"\npassword_env = "PASSWORD_OF_THE_TEST"\ntimeout_s = 120\n'
        )
        return folder

    def run(folder: Path, *words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = sohoa(["--workspace", str(folder), *words])
        said = capsys.readouterr()
        return code, said.out if code == 0 else said.err

    intake, search = workspace("sohoa_intake"), workspace("sohoa_search")
    opened = Workspace.open(intake)
    made = opened.archive.deposit(submission(tmp_path, dossier="H29.21-1", scan="1", text="giấy phép xây dựng"))
    opened.catalogue.note_deposit(made, who="An")
    opened.catalogue.close()
    assert run(intake, "index", "rebuild")[0] == 0
    id = made.record.id

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "search")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "search" * 3)
    code, out = run(search, "search", "giay", "phep", "xay", "dung", "--json")
    assert (code, json.loads(out.splitlines()[0])["id"]) == (0, id)
    code, out = run(search, "show", id)
    assert (code, "giấy phép" in out or id in out) == (0, True)
    assert run(search, "get", id, "-o", str(tmp_path / "got"))[0] == 0
    assert [file.suffix for file in (tmp_path / "got").iterdir()] == [".pdf"]
    refusals = {
        "index rebuild": (5, "user sohoa_search may not do this"),
        f"withdraw {id} --reason sai": (2, "account sohoa_search.*may read and not write"),
        "rebuild": (2, "account sohoa_search.*may read and not write"),
        "review accept 1": (2, "account sohoa_search.*may read and not write"),
    }
    for command, (code, why) in refusals.items():
        ended, said = run(search, *command.split())
        assert ended == code, (command, ended, said)
        assert re.search(why, said)
    assert Archive.open(tmp_path / "looks", bucket=root).record(id) == made.record
    for command in ("search giay phep xay dung", f"show {id}"):
        assert run(search, *command.split())[0] == 0
    assert Workspace.open(search).archive.record(id) == made.record
