"""The platform API: one method, one answer, and what that answer is worth.

- HTTP 200 is not success. `result` 0 is, and where a script's result is nested below `response`, that one too.
- Calls are POST forms. The token is in the body, never in an address, and redirects are not followed with it.
- The deadline is total wall time, also against a server that answers one byte at a time.
- Nothing is sent twice, and no connection is kept: a call on a connection that has just died would be in doubt.
- An answer that is not the API's (a page of HTML, half a body, nothing) leaves a sent call in doubt: `lost`. Only
  where a front door says that it did not let the call in (HTTP 4xx, a redirect) it is `failed`.
- Proxies from the environment are not used.

Source: guide dossier README, "Platform API in one page" (forms, result codes, nested results).
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from opsguide.errors import InputError, UnreachableError

if TYPE_CHECKING:
    import httpx

Argument = str | int | bool
LARGEST = 32 * 1024 * 1024
METHOD = re.compile(r"([a-z][a-z0-9]*)\.([a-z][a-z0-9]*)\.([A-Za-z][A-Za-z0-9]*)", re.ASCII)
OWN = ("appid", "session", "token")
WHERE = "platform API"


@dataclass(frozen=True)
class ApiAnswer:
    """How a call ended: `ok` (result 0), `failed` (the API or its front door said no), `timeout` or `lost`.

    `result` is the API's code, None where none came. `body` is the parsed JSON, `text` the answer as it came,
    `seconds` wall time, `note` one sentence where the outcome needs one.
    """

    outcome: Literal["ok", "failed", "timeout", "lost"]
    result: int | None
    body: Any
    text: str
    seconds: float
    note: str = ""
    status: int | None = None


class PlatformApi:
    """The API at `url`; `token` is the secret itself, `timeout` the default deadline in seconds."""

    def __init__(self, url: str, token: str, timeout: float = 20.0) -> None:
        self.url, self.timeout = url.rstrip("/"), timeout
        self._token = token

    def address(self, method: str) -> str:
        """Where a method lives: group.class.Method is /1.0/group/class/rest/method."""
        found = METHOD.fullmatch(method)
        if not found:
            words = f"{method[:80]!r} is not an API method; they read like administration.cluster.GetHosts"
            raise InputError(words, where=WHERE)
        return f"{self.url}/1.0/{found[1]}/{found[2]}/rest/{found[3].lower()}"

    def call(
        self, method: str, args: Mapping[str, Argument] | None = None, *, timeout: float | None = None
    ) -> ApiAnswer:
        """Send one call; UnreachableError when nothing could be sent, InputError when nothing can be."""
        form = {"appid": "cluster", "session": self._token, **_form(args or {})}
        call = _Call(self.address(method), form, timeout or self.timeout)
        return call.answer()


def _form(args: Mapping[str, Argument]) -> dict[str, str]:
    for name in args:
        if name in OWN or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name, re.ASCII):
            raise InputError(f"{name[:40]!r} cannot be the name of an API argument", where=WHERE)
    return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in args.items()}


class _Call:
    """One call in a thread of its own, so that the clock decides and not the server."""

    def __init__(self, address: str, form: dict[str, str], timeout: float) -> None:
        self.address, self.form, self.timeout = address, form, timeout
        self.started = time.monotonic()
        self.content = bytearray()
        self.status: int | None = None
        self.failure: BaseException | None = None
        self.done, self.given_up = threading.Event(), threading.Event()

    def answer(self) -> ApiAnswer:
        import httpx

        threading.Thread(target=self._send, name="opsguide-api", daemon=True).start()
        if not self.done.wait(self.timeout):
            self.given_up.set()
            return self._end("timeout", "no whole answer in time; the call may take effect")
        match self.failure:
            case None:
                return self._judged()
            case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.UnsupportedProtocol():
                raise self._unreachable(self.failure)
            case httpx.TimeoutException():
                return self._end("timeout", "no whole answer in time; the call may take effect")
            case httpx.TransportError() | httpx.DecodingError():
                return self._end("lost", f"the connection broke ({type(self.failure).__name__})")
            case other:
                raise other

    def _send(self) -> None:
        try:
            with self._client() as client, client.stream("POST", self.address, data=self.form) as answer:
                self.status = answer.status_code
                for chunk in answer.iter_bytes():
                    self.content += chunk
                    if len(self.content) > LARGEST or self.given_up.is_set():
                        break
        except BaseException as reason:  # it is judged in the caller's thread
            self.failure = reason
        finally:
            self.done.set()

    def _client(self) -> httpx.Client:
        import httpx

        secure = ssl.create_default_context() if self.address.startswith("https:") else False
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(timeout=self.timeout, verify=secure, limits=limits, trust_env=False, follow_redirects=False)

    def _unreachable(self, reason: BaseException) -> UnreachableError:
        words = f"the platform API at {self.address.split('/1.0/')[0]} cannot be reached: {reason}"
        step = "check the address in the inventory and that the platform is up; nothing was sent"
        return UnreachableError(words, where=WHERE, next=step)

    def _judged(self) -> ApiAnswer:
        if len(self.content) > LARGEST:
            return self._end("lost", "the answer is larger than 32 MiB")
        try:
            body = json.loads(self.content.decode("utf-8"))
        except (ValueError, RecursionError):
            body = None
        result = result_of(body)
        if result is not None:
            return self._end("ok" if result == 0 else "failed", _error_in(body), result, body)
        if self.status is not None and 300 <= self.status < 500:
            return self._end("failed", f"HTTP {self.status}: the call was not let in", None, body)
        return self._end("lost", f"HTTP {self.status} with an answer that is not the API's", None, body)

    def _end(
        self,
        outcome: Literal["ok", "failed", "timeout", "lost"],
        note: str,
        result: int | None = None,
        body: Any = None,
    ) -> ApiAnswer:
        text = bytes(self.content).decode("utf-8", "backslashreplace")
        return ApiAnswer(outcome, result, body, text, time.monotonic() - self.started, note, self.status)


def result_of(body: Any) -> int | None:
    """The code that counts: the first that is not 0 of `result` and `response.result`; None without any."""
    if not isinstance(body, dict) or not _is_code(body.get("result")):
        return None
    nested = body.get("response")
    inner = nested.get("result") if isinstance(nested, dict) else None
    return int(body["result"] or (inner if _is_code(inner) else 0) or 0)


def _is_code(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _error_in(body: Any) -> str:
    nested = body.get("response")
    inner = nested.get("error") if isinstance(nested, dict) else None
    return str(body.get("error") or inner or "")[:500]
