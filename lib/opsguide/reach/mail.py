"""One mail to one address by one server, tried once.

- Until the end of the message goes out, every error means that nothing was sent.
- From then on until the server has answered, nobody knows: it may have arrived. It is never sent again from here.
- The server's certificate must be for the name in the platform file, from `ca` where that is named.
- A password goes out behind TLS only, once, by PLAIN or LOGIN; it is in no error.
- All of it, from the connection on, takes no longer than `timeout`.
- A server's answer is shown on one line, cut, without what does not print.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import threading

from opsguide.errors import FailedError, InputError, InterruptedRunError, OpsguideError, UnknownError, UnreachableError
from opsguide.reach.elements import SmtpSettings

AGAIN = "nothing was sent; once that is mended: send it again, or leave it as files: --to-file"


def deliver(smtp: SmtpSettings, password: str, sender: str, to: str, message: bytes) -> str:
    """The server's answer to a message that it took. UnknownError where it may have; other errors where it has not."""
    if not password.isascii():
        raise InputError("the password of the mail server has other characters than ASCII", next="have it changed")
    server, timer, gone, ending = None, None, threading.Event(), False
    try:
        server = _connected(smtp)
        timer = threading.Timer(smtp.timeout, _cut, (server, gone))
        timer.daemon = True
        timer.start()
        _greeted(server, smtp, password)
        _addressed(server, sender, to, len(message))
        _expect(server.docmd("DATA"), 354, "the message")
        server.send(re.sub(rb"(?m)^\.", b"..", message))
        ending = True
        server.send(b".\r\n")
        reply = server.getreply()
        if reply[0] == 250:
            return _line(reply[1])
        ending = False
        raise _refusal(reply, "the message")
    except BaseException as error:
        if ending:
            words = f"the message may have arrived: {smtp.host} was lost before it said so"
            raise UnknownError(words, where=_place(smtp), answer=_why(error, gone)) from None
        raise _told(error, smtp, gone) from None
    finally:
        if timer:
            timer.cancel()
        if server:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.close()


def _connected(smtp: SmtpSettings) -> smtplib.SMTP:
    here, limit = "localhost", smtp.timeout
    if smtp.security == "tls":
        return smtplib.SMTP_SSL(smtp.host, smtp.port, here, timeout=limit, context=_trust(smtp))
    return smtplib.SMTP(smtp.host, smtp.port, here, timeout=limit)


def _trust(smtp: SmtpSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(smtp.ca) if smtp.ca else None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"the CA file cannot be read: {error.strerror or error}", where=str(smtp.ca)) from None


def _cut(server: smtplib.SMTP, gone: threading.Event) -> None:
    gone.set()
    if server.sock:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(server.sock, socket.SHUT_RDWR)


def _greeted(server: smtplib.SMTP, smtp: SmtpSettings, password: str) -> None:
    address = str(server.sock.getsockname()[0])  # type: ignore[union-attr]
    server.local_hostname = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    server.ehlo_or_helo_if_needed()
    if smtp.security == "starttls":
        server.starttls(context=_trust(smtp))
        server.ehlo_or_helo_if_needed()
    if not smtp.user:
        return
    offered = server.esmtp_features.get("auth", "").upper().split()
    how = next((one for one in ("PLAIN", "LOGIN") if one in offered), "")
    if not how:
        raise FailedError("the server takes no login by PLAIN or LOGIN", answer=_line(" ".join(offered)), next=AGAIN)
    server.user, server.password = smtp.user, password
    server.auth(how, server.auth_plain if how == "PLAIN" else server.auth_login)


def _addressed(server: smtplib.SMTP, sender: str, to: str, size: int) -> None:
    most = server.esmtp_features.get("size", "")
    if most.isdecimal() and 0 < int(most) < size:
        raise FailedError(f"the message has {size} bytes, the server takes {most}", next=AGAIN)
    _expect(server.mail(sender, [f"SIZE={size}"] if server.has_extn("size") else []), 250, f"mail from {sender}")
    _expect(server.rcpt(to), 25, f"mail to {to}")


def _expect(reply: tuple[int, bytes], code: int, what: str) -> None:
    """`code` is the reply code, or how it begins."""
    if not str(reply[0]).startswith(str(code)):
        raise _refusal(reply, what)


def _refusal(reply: tuple[int, bytes], what: str) -> FailedError:
    later = reply[0] // 100 == 4
    words = f"the server does not take {what}{' now' if later else ''}"
    hint = "nothing was sent; send it again in some minutes, or leave it as files: --to-file" if later else AGAIN
    if reply[0] in (523, 534, 552):
        hint = "nothing was sent; it is too big for this server: leave it as files: --to-file"
    elif reply[0] == 530:
        hint = "nothing was sent; the server wants a login or TLS: see support.smtp in the platform file"
    return FailedError(words, answer=f"{reply[0]} {_line(reply[1])}", next=hint)


def _told(error: BaseException, smtp: SmtpSettings, gone: threading.Event) -> OpsguideError:
    """What an error says to an operator; all of them mean that nothing was sent."""
    place = _place(smtp)
    if isinstance(error, InterruptedRunError) or not isinstance(error, Exception):
        return FailedError("interrupted", where=place, next=AGAIN)
    if isinstance(error, OpsguideError):
        error.where = error.where or place
        return error
    if isinstance(error, smtplib.SMTPAuthenticationError):
        words = f"the login of {smtp.user} is refused"
        answer = f"{error.smtp_code} {_line(error.smtp_error)}"
        return FailedError(words, where=place, answer=answer, next=f"mend user or password in support.smtp; {AGAIN}")
    if isinstance(error, smtplib.SMTPResponseException):
        return FailedError(
            "the server refuses the session",
            where=place,
            answer=f"{error.smtp_code} {_line(error.smtp_error)}",
            next=AGAIN,
        )
    if isinstance(error, smtplib.SMTPNotSupportedError):
        hint = f"ask who keeps the server, or see support.smtp.security; {AGAIN}"
        return FailedError("the server offers no STARTTLS, and without TLS nothing is sent", where=place, next=hint)
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = f"correct support.smtp.host, or name its CA in support.smtp.ca; {AGAIN}"
        return FailedError(
            "the server's certificate is not trusted", where=place, answer=error.verify_message, next=hint
        )
    if isinstance(error, socket.gaierror):
        return UnreachableError(f"no server is called {smtp.host}", where=place, next=f"see support.smtp.host; {AGAIN}")
    if not isinstance(error, OSError | smtplib.SMTPException | EOFError):
        raise error
    return UnreachableError(
        "the mail server was not reached or was lost", where=place, answer=_why(error, gone), next=AGAIN
    )


def _why(error: BaseException, gone: threading.Event) -> str:
    if gone.is_set():
        return "it took longer than its timeout"
    if isinstance(error, InterruptedRunError) or not isinstance(error, Exception):
        return "interrupted"
    return _line(getattr(error, "strerror", None) or str(error)) or type(error).__name__


def _place(smtp: SmtpSettings) -> str:
    return f"{smtp.host} port {smtp.port}"


def _line(said: bytes | str) -> str:
    text = said.decode("utf-8", "backslashreplace") if isinstance(said, bytes) else said
    return "".join(c if c.isprintable() else " " for c in text)[:200].strip()
