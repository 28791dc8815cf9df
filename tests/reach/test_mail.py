"""One mail, one try: what each failure says, and whether anything can have arrived. Against a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import mail_server
from mail_server import PASSWORD, USER, Mailbox
from opsguide.errors import InputError, OpsguideError, UnknownError
from opsguide.reach import mail
from opsguide.reach.elements import SmtpSettings

MESSAGE = b"Subject: x\r\n\r\n.dot\r\n..two\r\nend\r\n"


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mail_server.made_trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture
def box(trust: Path) -> Iterator[Mailbox]:
    with mail_server.serving(trust) as made:
        yield made


def settings(port: int, trust: Path, **other: object) -> SmtpSettings:
    fields = {"host": "127.0.0.1", "port": port, "security": "starttls", "user": USER, "password": "", "ca": trust / "ca.pem",
              "timeout": 60.0}  # fmt: skip
    return SmtpSettings(**(fields | other))  # type: ignore[arg-type]


def sent(smtp: SmtpSettings, password: str = PASSWORD) -> str:
    return mail.deliver(smtp, password, "ops@provider.test", "support@vendor.test", MESSAGE)


def refused(smtp: SmtpSettings, password: str = PASSWORD) -> OpsguideError:
    with pytest.raises(OpsguideError) as caught:
        sent(smtp, password)
    said = str(caught.value)
    assert PASSWORD not in said
    assert not isinstance(caught.value, UnknownError), said
    assert "nothing was sent" in said or isinstance(caught.value, InputError)
    return caught.value


def test_a_mail_goes_out_behind_starttls_after_one_login(box: Mailbox, trust: Path) -> None:
    assert sent(settings(box.port, trust)) == "taken as 1"
    assert box.mails == [MESSAGE]
    assert (box.logins, box.talks) == (1, ["mail ops@provider.test tls=True"])


@pytest.mark.parametrize("tls", ["tls", "plain"])
def test_tls_from_the_beginning_and_plain_without_a_login(trust: Path, tls: str) -> None:
    with mail_server.serving(trust, tls=tls) as box:
        user = USER if tls == "tls" else ""
        assert sent(settings(box.port, trust, security=tls, user=user)) == "taken as 1"
        assert box.mails == [MESSAGE]


def test_a_wrong_password_is_tried_once_and_is_not_told(box: Mailbox, trust: Path) -> None:
    assert "login of opsguide is refused" in refused(settings(box.port, trust), "wrong-canary-1234").words
    assert (box.logins, box.mails) == (1, [])
    assert "ASCII" in refused(settings(box.port, trust), "pässword-1234").words


@pytest.mark.parametrize("case", ["other name", "unknown CA", "no STARTTLS"])
def test_without_a_trusted_certificate_no_password_leaves(trust: Path, tmp_path: Path, case: str) -> None:
    tls, name = (
        ("plain", "server") if case == "no STARTTLS" else ("starttls", "other" if case == "other name" else "server")
    )
    place = mail_server.made_trust(tmp_path / "other") if case == "unknown CA" else trust
    with mail_server.serving(trust, tls=tls, name=name) as box:
        error = refused(settings(box.port, place))
        assert ("STARTTLS" if case == "no STARTTLS" else "certificate") in error.words
        assert (box.logins, box.talks, box.mails) == (0, [], [])


@pytest.mark.parametrize(
    ("fault", "words", "next"),
    [
        ("rcpt 550 no such user", "does not take mail to support@vendor.test", "--to-file"),
        ("rcpt 451 greylisted", "now", "in some minutes"),
        ("data 552 too big", "does not take the message", "too big"),
        ("data 554 \x1b[31mspam", "does not take the message", "--to-file"),
        ("cut before", "was not reached or was lost", "--to-file"),
    ],
)
def test_what_the_server_refuses_has_not_arrived(box: Mailbox, trust: Path, fault: str, words: str, next: str) -> None:
    box.fault = fault
    error = refused(settings(box.port, trust))
    assert words in error.words
    assert next in error.next
    assert "\x1b" not in str(error)
    assert box.mails == []


def test_a_message_over_the_servers_size_is_not_begun(trust: Path) -> None:
    with mail_server.serving(trust, size=20) as box:
        assert "the server takes 20" in refused(settings(box.port, trust)).words
        assert box.talks == []


@pytest.mark.parametrize("fault", ["cut after", "silent after"])
def test_a_link_lost_after_the_message_leaves_it_unknown(box: Mailbox, trust: Path, fault: str) -> None:
    """A time that is too short even for the message leaves nothing behind, and a longer one is tried."""
    box.fault = fault
    for timeout in (0.5, 2.0, 8.0, 32.0) if fault == "silent after" else (60.0,):
        with pytest.raises(OpsguideError) as caught:
            sent(settings(box.port, trust, timeout=timeout))
        if box.mails:
            break
    assert isinstance(caught.value, UnknownError)
    assert "may have arrived" in caught.value.words
    assert len(box.mails) == 1


def test_nobody_there_no_such_name_and_nobody_who_speaks(trust: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        port = quiet.getsockname()[1]
        assert "was not reached" in refused(settings(port, trust, timeout=0.2)).words
    assert "was not reached" in refused(settings(port, trust)).words
    assert "no server is called" in refused(settings(25, trust, host="nobody.invalid")).words
    assert "CA file" in refused(settings(port, trust, security="tls", ca=trust / "none.pem")).words
