"""A real cluster behind a door of ours, which can be made to misbehave as clusters and networks do."""

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[int, dict[str, Any]]
Fault = Callable[[str, str, str], Answer | None]
"""What to answer to a request (method, path, body) instead of the cluster; None: what the cluster answers."""


def no_fault(method: str, path: str, body: str) -> Answer | None:
    return None


class Front:
    """Passes on to the cluster at *cluster* what ``fault`` does not answer, from those who know *password*."""

    def __init__(self, cluster: str, *, tls: ssl.SSLContext | None = None, user: str = "", password: str = "") -> None:
        self.fault: Fault = no_fault
        self.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._there = urlsplit(cluster).netloc
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content = front._answered(self, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answered(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        if self.authorization and asked.headers.get("Authorization") != self.authorization:
            return 401, b"Unauthorized"
        instead = self.fault(asked.command, asked.path.split("?")[0], body.decode())
        if instead is not None:
            return instead[0], json.dumps(instead[1]).encode()
        return self.pass_on(asked.command, asked.path, body)

    def pass_on(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """What the cluster answers."""
        there = http.client.HTTPConnection(self._there, timeout=120)
        try:
            kind = "application/x-ndjson" if path.split("?")[0].endswith("/_bulk") else "application/json"
            there.request(method, path, body, {"Content-Type": kind})
            answer = there.getresponse()
            return answer.status, answer.read()
        finally:
            there.close()

    def close(self) -> None:
        """Nothing listens there any more."""
        self._server.shutdown()
        self._server.server_close()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that hang up, or whom TLS does not let in, are what the tests are about."""


@contextmanager
def front(cluster: str, **options: Any) -> Iterator[Front]:
    """A ``Front`` as long as the block lasts."""
    opened = Front(cluster, **options)
    try:
        yield opened
    finally:
        opened.close()
