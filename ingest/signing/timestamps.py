# mypy: disable-error-code="no-untyped-call"
"""Timestamps (RFC 3161) from services that may be slow, dead or wrong: a limit on time, the next in order, another try.

The government's own service has been measured at 2 to 131 s a stamp.
"""

import hashlib
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import requests
from asn1crypto import cms, tsp  # type: ignore[import-untyped]
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import handle_tsp_response

from schemas.errors import ServiceUnavailable
from schemas.language import _

LARGEST_BYTES = 1 << 20
REST_S = 300.0
"""After every service has failed, none is asked for so long: a batch must not wait for each document anew."""
AT_ONCE = 4
"""So many timestamps are asked for at a time, whatever number of documents is in work."""


class _NoStamp(Exception):
    """One service did not give a timestamp that may be used."""


@dataclass
class _Shared:
    """What all documents of a batch share."""

    rest_until: float = 0.0
    sample: dict[str, bytes] = field(default_factory=dict)
    """DER: asn1crypto parses as it is asked, and one value read by several threads at once comes apart."""
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(AT_ONCE))
    first: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Services:
    """Timestamp services in the order in which they are asked, by several threads if need be."""

    urls: tuple[str, ...]
    timeout_s: float = 30.0
    tries: int = 2
    _shared: _Shared = field(default_factory=_Shared, repr=False, compare=False)

    def stamp(self, digest: bytes, hash_name: str) -> cms.ContentInfo:
        """A timestamp token over *digest*. ServiceUnavailable when none of the services gives one that fits."""
        with self._shared.turn:
            if self.is_resting:
                raise ServiceUnavailable(_("no timestamp: the services failed a moment ago and are not asked yet"))
            failures: list[str] = []
            for attempt in range(self.tries):
                if attempt:
                    time.sleep(random.uniform(0.5, 1.5) * attempt)  # so that many clients do not come back at once
                for url in self.urls:
                    try:
                        token = _asked(url, digest, hash_name, self.timeout_s)
                    except _NoStamp as failure:
                        failures.append(f"{url}: {failure}")
                    else:
                        self._shared.sample[hash_name] = token.dump()
                        return token
            self._shared.rest_until = time.monotonic() + REST_S
        raise ServiceUnavailable(_("no timestamp: {failures}").format(failures="; ".join(failures)))

    @property
    def is_resting(self) -> bool:
        """Every service failed a moment ago: none is asked now."""
        return time.monotonic() < self._shared.rest_until

    def sample(self, hash_name: str) -> cms.ContentInfo:
        """Some timestamp of these services, to see how long theirs are and who signs them: the last one that was given.

        Only the first document of a batch has to ask for one.
        """
        with self._shared.first:
            if hash_name not in self._shared.sample:
                self.stamp(bytes(hashlib.new(hash_name).digest_size), hash_name)
            return cms.ContentInfo.load(self._shared.sample[hash_name])


def _asked(url: str, digest: bytes, hash_name: str, timeout_s: float) -> cms.ContentInfo:
    nonce, query = TimeStamper().request_cms(digest, hash_name)
    try:
        response = tsp.TimeStampResp.load(_posted(url, query.dump(), timeout_s))
        token = handle_tsp_response(response, nonce)
        imprint = token["content"]["encap_content_info"]["content"].parsed["message_imprint"]
        stamped = (imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native)
    except (requests.RequestException, OSError) as error:
        raise _NoStamp(str(error) or type(error).__name__) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _NoStamp(_("its answer is not a timestamp")) from error
    if stamped != (hash_name, digest):
        raise _NoStamp(_("it stamped something else"))
    return token


def _posted(url: str, query: bytes, timeout_s: float) -> bytes:
    """The answer, whole within the time limit however slowly it drips."""
    deadline = time.monotonic() + timeout_s
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    answer = b""
    with requests.post(url, data=query, headers=headers, timeout=timeout_s, stream=True) as response:
        response.raise_for_status()
        for chunk in response.iter_content(4096):
            answer += chunk
            if time.monotonic() > deadline:
                raise requests.Timeout(_("more than {seconds} s").format(seconds=timeout_s))
            if len(answer) > LARGEST_BYTES:
                raise _NoStamp(_("its answer is not a timestamp"))
    return answer


class Stamper(TimeStamper):
    """pyHanko's way to the services."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.services = services

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        return self.services.stamp(message_digest, md_algorithm)

    async def async_dummy_response(self, md_algorithm: str) -> cms.ContentInfo:
        sample = self.services.sample(md_algorithm)
        self._register_dummy(md_algorithm, sample)
        return sample


def services_of(urls: Sequence[str], timeout_s: float, tries: int) -> Services | None:
    """The services of the settings; None when there is none."""
    return Services(tuple(urls), timeout_s, tries) if urls else None
