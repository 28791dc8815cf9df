"""How a request leaves: by mail to the support, or as files for its portal.

- What leaves is the request of the newest run with the hand-off's severity and answers; secrets are hidden once more.
- `sending` is in the history before anything leaves, and after it `sent`, `not-sent` or `unknown`.
- The same content has the same Message-ID, whenever it is sent; every mail of a hand-off refers to the first one.
- A severity of 1 or 2 names who can be reached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from opsguide.errors import FailedError, InputError, StoreError, UnknownError, UnreachableError
from opsguide.launch.setting import Setting, account
from opsguide.reach import mail, secrets
from opsguide.reach.elements import Platform, SupportSettings
from opsguide.record import durable, handoffs, packet
from opsguide.record.redaction import Redactor
from opsguide.record.visible import one_line

POLICY = SMTP.clone(cte_type="7bit")
NOT_SENT = (FailedError, UnreachableError, InputError, StoreError)


@dataclass(frozen=True)
class Way:
    """How it leaves: what `sending` says of it, and what does it and says what was done."""

    fields: dict[str, str]
    go: Callable[[], str]


def redactor(platform: Platform) -> Redactor:
    """What hides the secrets of a platform's file."""
    return Redactor({what: secrets.resolve(ref) for what, ref in secrets.of_platform(platform).items()})


def send(setting: Setting, path: Path, body: dict[str, Any], place: Path | None, chosen: dict[str, Any]) -> str:
    """Send the request `body` of the hand-off in `path`; what was done. `chosen` holds its severity and answers."""
    platform, told = setting.platform(), handoffs.tell(path)
    hide = redactor(platform)
    chosen = {key: hide.value(value) for key, value in chosen.items() if value}
    told |= {"severity": chosen.get("severity", told["severity"])}
    told |= {"answers": told["answers"] | chosen.get("answers", {})}
    whole = hide.value({**packet.whole(body, told), "handoff": path.name})
    assert isinstance(whole, dict)
    if whole["severity"] < packet.PLANNED and not (whole["parameters"] | whole["answers"]).get("contact"):
        words = f"severity {whole['severity']} needs somebody who can be reached"
        raise InputError(words, where=path.name, next='-p contact="name, phone number"')
    text = hide.text(packet.markdown(whole)).encode("utf-8", "backslashreplace")
    attached = durable.json_file(whole)
    way = _files(path.name, place, text, attached) if place else _mail(platform, told, whole, text, attached)
    common = {"person": account(), "run": body["run"], "how": way.fields["how"]}
    handoffs.append(path, "sending", **common | way.fields | chosen)
    try:
        words = hide.text(way.go())
    except BaseException as error:
        kind = "not-sent" if isinstance(error, NOT_SENT) else "unknown"
        answer = getattr(error, "answer", "")
        said = hide.text(f"{getattr(error, 'words', type(error).__name__)}{f': {answer}' if answer else ''}")
        handoffs.append(path, kind, **common, words=said)
        if isinstance(error, UnknownError):
            error.next = f"it is not sent again by itself; {unknown(handoffs.tell(path))}"
        raise error.with_texts(hide.text) if isinstance(error, (*NOT_SENT, UnknownError)) else error from None
    handoffs.append(path, "sent", **common, words=words)
    return words


def unknown(told: dict[str, Any]) -> str:
    """What to do about a request of which nobody knows whether it arrived."""
    last: dict[str, Any] = next((e for e in reversed(told["events"]) if e["type"] == "sending"), {})
    look = f"look in {last.get('folder')}" if last.get("how") == "file" else (
        f"look for {told['handoff']} in the support's portal or answers, or for {last.get('message_id')} in the log of "
        "the mail server"
    )  # fmt: skip
    return f'{look}; then: opsguide handoff send {told["handoff"]} --found arrived|not-arrived --why "…"'


def folder(support: SupportSettings, file: Path, given: str | None) -> Path | None:
    """Where the files go; None for by mail. InputError where the platform file names neither."""
    if given:
        return Path(given)
    if given is None and support.smtp:
        return None
    if support.folder is None:
        words = "the platform file names no folder for requests" if given == "" else "nothing says where requests go"
        raise InputError(words, where=str(file), next="--to-file DIR, or name a folder or a mail server under support:")
    return support.folder


def _files(number: str, place: Path, text: bytes, attached: bytes) -> Way:
    files = [place / f"{number}.{end}" for end in ("md", "json")]

    def go() -> str:
        with durable.storing(place):
            place.mkdir(parents=True, exist_ok=True)
        for file, content in zip(files, (text, attached), strict=True):
            durable.write_file(file, content)
        return f"left as {files[0]} and {files[1].name}"

    return Way({"how": "file", "folder": str(place.absolute())}, go)


def _mail(platform: Platform, told: dict[str, Any], whole: dict[str, Any], text: bytes, attached: bytes) -> Way:
    support = platform.support
    assert support.smtp is not None
    smtp = support.smtp
    own = f"<{told['handoff']}.{durable.digest(text + attached)[:16]}@{platform.domain}>"
    first = next((e["message_id"] for e in told["events"] if e.get("message_id")), own)
    message = EmailMessage(policy=POLICY)
    what = f"{whole['activity']} on {whole['element']['name']}, platform {whole['platform']}"
    headers = {"From": support.sender, "To": support.to, "Message-ID": own,
               "Date": format_datetime(datetime.now(UTC)),
               "Subject": one_line(f"[{told['handoff']}] severity {whole['severity']}: {what}")}  # fmt: skip
    headers |= {"In-Reply-To": first, "References": first} if first != own else {}
    for name, value in headers.items():
        message[name] = value
    message.set_content(text.decode("utf-8"), cte="quoted-printable")
    message.add_attachment(attached, maintype="application", subtype="json", filename=f"{told['handoff']}.json")
    content = message.as_bytes()
    password = secrets.resolve(smtp.password) if smtp.password else ""

    def go() -> str:
        said = mail.deliver(smtp, password, support.sender, support.to, content)
        return f"mailed to {support.to} by {smtp.host}: {said}; Message-ID {own}"

    return Way({"how": "mail", "to": support.to, "message_id": own}, go)
