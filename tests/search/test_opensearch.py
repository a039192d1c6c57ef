"""A cluster that is down, slow, full, strange or not to be trusted: said clearly, made good by the next catch-up."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from opensearchpy import OpenSearch

from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.settings import Search
from search import opensearch_bulks
from search.index import MOST_REFUSED, Request, SearchIndex
from search.opensearch_index import OpenSearchIndex
from search.parsing import parse
from search.projection import SCHEMA_VERSION, Entry
from tests.search.records import ALL, fill, record

Answer = tuple[int, dict[str, Any]]
Answering = Callable[[str, str, str, dict[str, str]], Answer]
META = {"schema_version": SCHEMA_VERSION, "position": 0}
THERE: dict[str, Answer] = {
    "/sohoa/_alias/sohoa": (200, {"sohoa-1": {"aliases": {"sohoa": {}}}}),
    "/sohoa-1/_mapping": (200, {"sohoa-1": {"mappings": {"_meta": META}}}),
}


@contextmanager
def cluster(answering: Answering, tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """A server that answers each request as *answering* (method, path, body, headers) says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, said = answering(
                self.command,
                self.path.split("?")[0],
                body,
                {name.lower(): value for name, value in self.headers.items()},
            )
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def always(status: int, said: dict[str, Any]) -> Answering:
    return lambda method, path, body, headers: (status, said)


def opened(url: str, **settings: Any) -> OpenSearchIndex:
    return OpenSearchIndex.open(Search(engine="opensearch", url=url, **settings), first_pause_s=0.001)


def uses(index: SearchIndex) -> list[Callable[[], object]]:
    return [index.status, lambda: index.search(Request(parse("giấy"))), lambda: fill(index, ALL[:1])]


def test_a_cluster_that_is_down_is_said() -> None:
    for use in uses(opened("http://127.0.0.1:1")):
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            use()


def test_a_cluster_that_does_not_answer_is_given_up_in_time() -> None:
    def slow(method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        time.sleep(1.0)
        return 200, {}

    with cluster(slow) as url, pytest.raises(ServiceUnavailable, match="does not answer within"):
        opened(url, timeout_s=0.1).status()


@pytest.mark.parametrize(
    ("status", "said"), [(401, r"refuses user clerk.*SECRET"), (403, r"user clerk may not do this.*search\.user")]
)
def test_a_wrong_password_or_role_is_said_with_the_setting_to_check(
    status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "wrong")
    with cluster(always(status, {"error": "no"})) as url:
        index = opened(url, user="clerk", password_env="SECRET")
        for use in uses(index):
            with pytest.raises(ServiceUnavailable, match=said) as error:
                use()
            assert "wrong" not in str(error.value)


def test_user_and_password_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "open sesame")
    seen: list[str] = []

    def note(method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        seen.append(headers["authorization"])
        return 500, {}

    with cluster(note) as url, pytest.raises(ServiceUnavailable):
        opened(url, user="clerk", password_env="SECRET").status()
    assert seen[0] == "Basic Y2xlcms6b3BlbiBzZXNhbWU="


def test_a_user_without_a_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET", raising=False)
    with pytest.raises(SettingsRejected, match="SECRET"):
        opened("https://search.example", user="clerk", password_env="SECRET")


@pytest.mark.parametrize("url", ["http://search.example:9200", "http://10.0.0.7:9200", "http://127.example:9200"])
def test_another_machine_over_plain_http_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(SettingsRejected, match="https"):
        opened(url)
    opened(url, allow_plain_http=True)


@pytest.mark.parametrize("url", ["ftp://x", "search.example:9200", "https://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsRejected, match=r"search\.url"):
        opened(url)


@pytest.mark.parametrize("name", ["ca_file", "client_certificate", "client_key"])
def test_a_certificate_file_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(SettingsRejected, match=f"search.{name}"):
        opened("https://search.example", **{name: "/nowhere.pem"})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    import ipaddress

    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: tuple[Path, Path]) -> None:
    with (
        cluster(always(200, {}), tls=certificate) as url,
        pytest.raises(ServiceUnavailable, match=r"no trust.*search\.ca_file"),
    ):
        opened(url).status()


def test_with_its_authority_the_same_cluster_is_trusted(certificate: tuple[Path, Path]) -> None:
    with (
        cluster(always(503, {"error": "busy"}), tls=certificate) as url,
        pytest.raises(ServiceUnavailable) as error,
    ):
        opened(url, ca_file=str(certificate[0])).status()
    assert "no trust" not in str(error.value)


def bulk_answers(statuses: Callable[[int, str], int], seen: list[list[str]]) -> Answering:
    """A cluster with the index, whose bulks end with *statuses* (attempt, id) for each record; *seen* notes the ids."""

    def answer(method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        if method == "GET" and path in THERE:
            return THERE[path]
        if path.endswith("_bulk"):
            ids = [json.loads(line)["index"]["_id"] for line in body.splitlines()[::2]]
            seen.append(ids)
            items = []
            for id in ids:
                status = statuses(len(seen), id)
                said = {"error": {"reason": "too much"}} if status >= 300 else {}
                items.append({"index": {"_id": id, "status": status} | said})
            return 200, {"items": items}
        return 200, {}

    return answer


def test_what_a_busy_cluster_puts_off_is_sent_again_and_nothing_else() -> None:
    seen: list[list[str]] = []
    late = {r.id for r in ALL[::2]}
    with cluster(bulk_answers(lambda attempt, id: 429 if attempt < 3 and id in late else 201, seen)) as url:
        assert opened(url).update([Entry(n, r) for n, r in enumerate(ALL, 1)], (), 7) == []
    assert [set(ids) for ids in seen] == [{r.id for r in ALL}, late, late]


def test_a_record_that_is_refused_is_named_and_the_rest_done() -> None:
    seen: list[list[str]] = []
    with cluster(bulk_answers(lambda attempt, id: 400 if id == ALL[1].id else 201, seen)) as url:
        [refused] = opened(url).update([Entry(n, r) for n, r in enumerate(ALL, 1)], (), 7)
    assert (refused.id, refused.reason) == (ALL[1].id, "too much")
    assert len(seen) == 1


def test_a_record_that_is_refused_is_owed() -> None:
    noted: list[dict[str, Any]] = []
    refusing = bulk_answers(lambda attempt, id: 400 if id == ALL[1].id else 201, [])

    def answer(method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        if method == "PUT" and path.endswith("/_mapping"):
            noted.append(json.loads(body)["_meta"])
        return refusing(method, path, body, headers)

    with cluster(answer) as url:
        opened(url).update([Entry(n, r) for n, r in enumerate(ALL, 1)], (), 7, owed={"another"})
    owed = sorted([ALL[1].id, "another"])
    assert noted == [{"schema_version": SCHEMA_VERSION, "position": 7, "owed": owed}]


def test_an_index_that_refuses_everything_ends_the_run_where_it_stood() -> None:
    noted: list[str] = []
    refusing = bulk_answers(lambda attempt, id: 400, [])

    def answer(method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        if method == "PUT" and path.endswith("/_mapping"):
            noted.append(body)
        return refusing(method, path, body, headers)

    many = (Entry(n, record(n, "trang")) for n in range(1, MOST_REFUSED + 2))
    with (
        cluster(answer) as url,
        pytest.raises(ServiceUnavailable, match=r"refuses more than 1000 records, the last one as: too much.*catch-up"),
    ):
        opened(url).update(many, (), MOST_REFUSED + 1)
    assert noted == []


def test_a_cluster_without_room_is_said_in_the_end() -> None:
    seen: list[list[str]] = []
    with (
        cluster(bulk_answers(lambda attempt, id: 429, seen)) as url,
        pytest.raises(ServiceUnavailable, match=r"takes no records now \(too much\).*catch-up"),
    ):
        fill(opened(url), ALL)
    assert len(seen) == opensearch_bulks.RETRIES + 1


def test_an_answer_that_says_less_than_was_sent_is_not_taken_for_success() -> None:
    def answer(method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        return THERE.get(path, (200, {"items": []}))

    with cluster(answer) as url, pytest.raises(ServiceUnavailable):
        fill(opened(url), ALL)


def test_an_index_of_a_newer_program_is_left_alone() -> None:
    newer = {"sohoa-1": {"mappings": {"_meta": {"schema_version": 99, "position": 5}}}}

    def answer(method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        return (200, newer) if path == "/sohoa-1/_mapping" else THERE.get(path, (200, {}))

    with cluster(answer) as url:
        for use in uses(opened(url)):
            with pytest.raises(ServiceUnavailable, match="newer sohoa"):
                use()


@pytest.mark.parametrize(("health", "notice"), [("green", ""), ("yellow", "says yellow"), ("red", "says red")])
def test_the_health_of_the_cluster_is_told(health: str, notice: str) -> None:
    stats = {"primaries": {"docs": {"count": 3}, "store": {"size_in_bytes": 900}}}

    def answer(method: str, path: str, body: str, headers: dict[str, str]) -> Answer:
        if path == "/_cluster/health/sohoa-1":
            return 200, {"status": health}
        return (200, {"indices": {"sohoa-1": stats}}) if "_stats" in path else THERE.get(path, (404, {}))

    with cluster(answer) as url:
        status = opened(url).status()
    assert (status.records, status.size_bytes, status.schema_version) == (3, 900, SCHEMA_VERSION)
    assert notice in status.notice
    assert bool(notice) == bool(status.notice)


@pytest.mark.service("opensearch")
class TestRealCluster:
    @pytest.fixture
    def index(self, opensearch_url: str, request: pytest.FixtureRequest) -> OpenSearchIndex:
        name = f"real-{abs(hash(request.node.name)) % 10**8}"
        return opened(opensearch_url, index=name)

    def test_the_mapping_takes_no_field_that_is_not_ours(self, index: OpenSearchIndex, opensearch_url: str) -> None:
        index.status()
        client = OpenSearch([opensearch_url])
        with pytest.raises(Exception, match="strict_dynamic_mapping_exception"):
            client.index(index=index._settings.index, body={"other": 1})

    def test_an_index_of_that_name_that_is_not_ours_is_left_alone(self, opensearch_url: str) -> None:
        OpenSearch([opensearch_url]).indices.create(index="theirs")
        with pytest.raises(SettingsRejected, match="not ours"):
            opened(opensearch_url, index="theirs").status()

    def test_an_index_that_was_deleted_behind_us_is_said_and_made_again(
        self, index: OpenSearchIndex, opensearch_url: str
    ) -> None:
        fill(index, ALL)
        OpenSearch([opensearch_url]).indices.delete(index=index._concrete)
        with pytest.raises(ServiceUnavailable, match="gone"):
            index.search(Request(parse("giấy")))
        assert index.status().position == 0
        fill(index, ALL)
        assert index.status().records == len(ALL)

    def test_far_behind_the_window_pages_have_no_gap(self, index: OpenSearchIndex) -> None:
        index.update((Entry(n, record(n, "phép")) for n in range(1, 10_101)), (), 10_100)
        query = parse("phép")
        before = index.search(Request(query, limit=100, offset=9_900)).hits
        across = index.search(Request(query, limit=100, offset=9_950)).hits
        behind = index.search(Request(query, limit=200, offset=10_000)).hits
        assert across[:50] == before[50:]
        assert across[50:] == behind[:50]
        assert len(behind) == 100
        assert index.search(Request(query, limit=10, offset=20_000)).hits == ()

    def test_a_full_cluster_blocks_writing_and_the_next_catch_up_makes_it_whole(
        self, index: OpenSearchIndex, opensearch_url: str
    ) -> None:
        fill(index, ALL[:2])
        client = OpenSearch([opensearch_url])
        blocked = {"index.blocks.read_only_allow_delete": True}
        client.indices.put_settings(index=index._concrete, body=blocked)
        with pytest.raises(ServiceUnavailable, match=r"lets nothing be written.*disk is full.*catch-up"):
            fill(index, ALL)
        assert index.search(Request(parse("giấy phép"))).total == 1
        client.indices.put_settings(index=index._concrete, body={"index.blocks.read_only_allow_delete": None})
        fill(index, ALL)
        assert index.status().records == len(ALL)
