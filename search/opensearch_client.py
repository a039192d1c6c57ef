"""The way to a cluster: checked settings, a client made of them, and what its errors mean for a person."""

import base64
import logging
import os
from typing import Any
from urllib.parse import urlsplit

from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    AuthenticationException,
    AuthorizationException,
    ConnectionError,
    ConnectionTimeout,
    NotFoundError,
    OpenSearchException,
    SSLError,
    TransportError,
)

from schemas.addresses import is_this_machine
from schemas.errors import SettingsRejected
from schemas.language import _
from schemas.settings import Search

logging.getLogger("opensearch").setLevel(logging.CRITICAL)  # what goes wrong is raised, and said once

CONNECTIONS = 4
"""Bulks on their way, and what is asked beside them."""


def connect(settings: Search) -> OpenSearch:
    """A client; nothing is sent yet.

    SettingsRejected for a cluster on another machine over plain HTTP (unless allowed), for a user without a password,
    and for certificate files that are not there.
    """
    for url in (settings.url, *settings.more_urls):
        _check_address(url, settings)
    for name in ("ca_file", "client_certificate", "client_key"):
        path = getattr(settings, name)
        if path and not os.access(path, os.R_OK):
            raise SettingsRejected(_("search.{name}: {path} cannot be read").format(name=name, path=path))
    options: dict[str, Any] = {"timeout": settings.timeout_s, "max_retries": 2, "retry_on_timeout": False,
                               "http_compress": False, "pool_maxsize": CONNECTIONS}  # fmt: skip
    if settings.user:
        password = os.environ.get(settings.password_env)
        if password is None:
            raise SettingsRejected(
                _("search.user is {user}, but the environment has no {variable} with the password").format(
                    user=settings.user, variable=settings.password_env)
            )  # fmt: skip
        # RFC 7617; opensearch-py's own way takes Latin-1 alone
        known = f"{settings.user}:{password}".encode("utf-8", "surrogateescape")
        options["headers"] = {"authorization": f"Basic {base64.b64encode(known).decode()}"}
    if urlsplit(settings.url).scheme == "https":
        options |= {"use_ssl": True, "verify_certs": True, "ssl_show_warn": False}
        for name, path in (("ca_certs", settings.ca_file), ("client_cert", settings.client_certificate),
                           ("client_key", settings.client_key)):  # fmt: skip
            if path:
                options[name] = path
    return OpenSearch([settings.url, *settings.more_urls], **options)


def _check_address(url: str, settings: Search) -> None:
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingsRejected(_("search.url {url}: write it as https://host:9200").format(url=url))
    if address.scheme == "http" and not settings.allow_plain_http and not is_this_machine(address.hostname):
        raise SettingsRejected(
            _("search.url {url}: records are personal data and would cross the network in the clear; use https "
              "(with search.ca_file), or set search.allow_plain_http = true in a closed network").format(url=url)
        )  # fmt: skip


def why(error: OpenSearchException, settings: Search) -> str:
    """What went wrong, and what to do."""
    said = {"url": settings.url, "error": _short(error)}
    match error:
        case TransportError() if is_block(error.error):  # 403, as for a user who may not
            return blocked(settings, said["error"])
        case AuthorizationException():
            return _("OpenSearch {url}: user {user} may not do this ({error}); work here with an account whose role "
                     "allows it, search.user (docs/cluster.md, Accounts)").format(
                         **said, user=settings.user or "-")  # fmt: skip
        case AuthenticationException():
            return _("OpenSearch {url} refuses user {user}: check search.user and the password in {variable} "
                     "({error})").format(**said, user=settings.user or "-",
                                         variable=settings.password_env)  # fmt: skip
        case SSLError():
            return _("OpenSearch {url}: no trust between it and us ({error}); check search.ca_file and the host's "
                     "name, and search.client_certificate if it asks for one").format(**said)  # fmt: skip
        case ConnectionTimeout():
            return _("OpenSearch {url} does not answer within {seconds} s ({error}); try again later").format(
                **said, seconds=settings.timeout_s)  # fmt: skip
        case ConnectionError():
            return _("OpenSearch {url} cannot be reached ({error}); start it, or check search.url").format(**said)
        case NotFoundError():
            return _("OpenSearch {url}: the index is gone ({error}); make it anew: sohoa index rebuild").format(
                **said)  # fmt: skip
        case _:
            return _("OpenSearch {url}: {error}").format(**said)


def blocked(settings: Search, why: str) -> str:
    """What to say where the cluster lets nothing be written."""
    return _(
        "OpenSearch {url} lets nothing be written ({why}): its disk is full or it is set to be read only; make "
        "room there. Nothing is lost: then sohoa index catch-up"
    ).format(url=settings.url, why=why)


def is_block(kind: object) -> bool:
    """Whether an error of this type says that nothing may be written: ``cluster_block_exception`` for an index,
    ``index_create_block_exception`` for one that is to be made."""
    return str(kind).endswith("block_exception")


def _short(error: OpenSearchException) -> str:
    if isinstance(error, TransportError):
        info = error.info
        if isinstance(info, dict) and isinstance(info.get("error"), dict):
            return str(info["error"].get("reason", error.error))[:300]
        return f"{error.status_code}: {error.error}"[:300]
    return str(error)[:300]
