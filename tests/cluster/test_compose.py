"""compose.yaml: its settings are sohoa's, its names its own; and what stands in it works with the real programs, over
TLS, with the certificates that setup/certificates makes."""

import os
import re
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

import cli
from archive.bucket import open_bucket
from archive.database import check_way
from archive.store import Archive
from ingest.cluster import open_cluster
from ingest.workers import read_all
from schemas.errors import ServiceUnavailable
from schemas.pages import PageState
from schemas.settings import ArchiveSection, Cluster, Settings, load_settings
from tests.archive import submission
from tests.cluster.reader import OPTIONS
from tests.cluster.test_reading import pages
from tests.services.dask import dask
from tests.services.postgres import postgres_server
from tests.services.s3 import KEYS, s3_server

TOP = Path(__file__).resolve().parents[2]
COMPOSE: Mapping[str, Any] = yaml.safe_load((TOP / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]
SECRETS = "/run/secrets/"
CLUSTER = [name for name, service in SERVICES.items() if "cluster" in service.get("profiles", ())]


def environment(service: str) -> dict[str, str]:
    """As Docker gives it where nothing else is set."""
    given = SERVICES[service].get("environment", {})
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)) for name, value in given.items()}


def settings(service: str) -> Settings:
    return load_settings(None, environment(service))


@pytest.mark.parametrize("service", SERVICES)
def test_each_setting_is_one_of_sohoas_and_valid(service: str) -> None:
    known = {
        f"SOHOA_{section}_{name}".upper()
        for section, info in Settings.model_fields.items()
        for name in info.annotation.model_fields  # type: ignore[union-attr]
    }
    given = {name for name in environment(service) if name.startswith("SOHOA_")}
    assert given <= known | {"SOHOA_LANG"}
    settings(service)


@pytest.mark.parametrize("service", SERVICES)
def test_each_command_is_one_of_sohoas(service: str) -> None:
    told = SERVICES[service]
    if told.get("build") and "entrypoint" not in told and "command" in told:
        assert told["command"][0] in cli.COMMANDS


@pytest.mark.parametrize("service", SERVICES)
def test_whom_a_service_asks_is_another_service_beside_it_and_what_it_reads_is_given_to_it(service: str) -> None:
    told = SERVICES[service]
    profiles = set(told.get("profiles", ()))
    said = str(told.get("command", "")) + str(told.get("entrypoint", "")) + str(environment(service))
    asked = set(re.findall(r"(?:https?|dask|psycopg)://(?:\w+@)?([\w.-]+)", said)) - {"127.0.0.1"}
    asked |= set(told.get("depends_on", ()))
    for name in asked:
        assert not SERVICES[name].get("profiles") or profiles & set(SERVICES[name]["profiles"])
    read = set(re.findall(rf"{SECRETS}([\w.-]+)", said))
    assert read == set(told.get("secrets", ()))
    assert read <= set(COMPOSE["secrets"])
    assert "ports" not in told, "nothing is offered to other machines"


def test_in_the_cluster_all_but_the_index_go_over_verified_tls() -> None:
    intake = settings("intake")
    check_way(intake.catalogue.url)
    assert urlsplit(intake.archive.s3_endpoint).scheme == "https"
    assert intake.archive.s3_ca_file
    assert intake.cluster.ca_file
    assert not any((intake.catalogue.allow_plain, intake.archive.s3_allow_plain_http, intake.cluster.allow_plain))
    assert not settings("tls-reader").cluster.allow_plain
    assert {"postgres", "s3", "tls-scheduler", "tls-reader", "intake"} <= set(CLUSTER)


def test_a_reader_has_no_disk_and_no_key_but_its_own() -> None:
    for name in ("reader", "tls-reader"):
        assert "volumes" not in SERVICES[name]
        assert not {variable for variable in environment(name) if "AWS" in variable or "PG" in variable}
    assert SERVICES["tls-reader"]["secrets"] == ["ca.pem", "tls-reader.pem", "tls-reader.key"]


def test_each_secret_is_made_by_the_command_that_its_head_names() -> None:
    head = (TOP / "compose.yaml").read_text(encoding="utf-8").split("services:")[0]
    found = re.search(r"setup/certificates (\S+) (.+)", head)
    assert found is not None
    made = {f"{name}.{kind}" for name in found[2].split() for kind in ("pem", "key")} | {"ca.pem"}
    assert set(COMPOSE["secrets"]) == made
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {f"{found[1]}/{name}" for name in made}


# With the real programs, on this machine


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run([TOP / "setup" / "certificates", folder, "localhost", "127.0.0.1"], check=True, capture_output=True)
    return folder


def here(tls: Path, words: list[str]) -> list[str]:
    """The words of a command in compose.yaml, with this machine's name and the certificates made for it."""
    return [re.sub(rf"{SECRETS}(ca\.pem)?[\w-]*(\.pem|\.key)?", lambda found: str(
        tls / (found[1] or f"localhost{found[2]}")), word) for word in words]  # fmt: skip


def test_certificates_are_kept_and_a_machine_is_added(tls: Path) -> None:
    before = {file.name: file.read_bytes() for file in tls.iterdir()}
    subprocess.run([TOP / "setup" / "certificates", tls, "localhost", "another"], check=True, capture_output=True)
    after = {file.name: file.read_bytes() for file in tls.iterdir()}
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"another.pem", "another.key"}
    assert all((file.stat().st_mode & 0o077 == 0) == (file.suffix == ".key") for file in tls.iterdir())
    ssl.create_default_context(cafile=str(tls / "ca.pem")).load_cert_chain(tls / "another.pem", tls / "another.key")


@pytest.mark.service("postgresql")
def test_the_database_is_asked_as_compose_says(tls: Path, tmp_path: Path) -> None:
    words = here(tls, SERVICES["postgres"]["command"][1:])
    with postgres_server() as server:
        for name in ("localhost.pem", "localhost.key"):  # as the entry point does with the key
            given = server.folder / name
            given.write_bytes((tls / name).read_bytes())
            given.chmod(0o600)
            owner = server.folder.stat()
            os.chown(given, owner.st_uid, owner.st_gid)
        for word in words:
            if word.startswith("ssl"):
                name, value = word.split("=")
                value = value.replace(str(tls), str(server.folder)).replace("/run/server", f"{server.folder}/localhost")
                with (server.folder / "cluster" / "postgresql.conf").open("a") as file:
                    file.write(f"{name} = '{value}'\n")
        server.restart()
        there = make_url(server.url).set(host="localhost").update_query_dict({"hostaddr": "127.0.0.1"})
        asked = make_url(settings("intake").catalogue.url)
        way = there.update_query_dict({"sslmode": str(asked.query["sslmode"]), "sslrootcert": str(tls / "ca.pem")})
        engine = create_engine(way)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar() is True
        engine.dispose()
        stranger = create_engine(way.set(host="another"))
        with pytest.raises(Exception, match="does not match host name"):
            stranger.connect()


def test_the_bucket_is_made_and_asked_as_compose_says(
    tls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    command = here(tls, SERVICES["s3"]["command"])
    with s3_server(
        ("--cert", command[command.index("--cert") + 1], "--key", command[command.index("--key") + 1])
    ) as s3:
        assert "--versioning-dir" in command
        endpoint = f"https://localhost:{s3.port}"
        make = SERVICES["bucket"]["entrypoint"][2].replace("https://s3:7070", endpoint)
        make = make.replace(f"{SECRETS}ca.pem", str(tls / "ca.pem"))
        subprocess.run([sys.executable, "-c", make], check=True, capture_output=True)
        archive = settings("intake").archive
        given = archive.model_copy(update={"s3_endpoint": endpoint, "s3_ca_file": str(tls / "ca.pem")})
        made = Archive.open(tmp_path / "here", bucket=open_bucket(archive.root, given)).deposit(submission(tmp_path))
        assert made.new
        with pytest.raises(ServiceUnavailable, match=r"SSL|CERTIFICATE"):
            Archive.open(tmp_path / "there", bucket=open_bucket(archive.root, ArchiveSection(s3_endpoint=endpoint)))


def test_the_readers_are_asked_as_compose_says(tls: Path, tmp_path: Path) -> None:
    entry = here(tls, SERVICES["tls-scheduler"]["entrypoint"])
    with dask(tmp_path, entry[entry.index("--tls-ca-file") :]) as cluster:
        given = {
            name: here(tls, [value])[0] for name, value in environment("tls-reader").items() if value.startswith("/")
        }
        cluster.start_worker(["cli", "worker", cluster.address, "--threads", "1"], given)
        ours = settings("intake").cluster
        ca_file, certificate, key = here(tls, [ours.ca_file, ours.certificate, ours.key])
        way = Cluster(ca_file=ca_file, certificate=certificate, key=key)
        with open_cluster(cluster.address, way, OPTIONS, say=print) as pool:
            found = list(read_all(pages(2), pool, OPTIONS))
    assert [text.state for _number, text in found] == [PageState.NOT_READ] * 2  # by the real reader: no image
