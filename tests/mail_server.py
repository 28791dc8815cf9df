"""A real mail server on 127.0.0.1 with a CA of its own: STARTTLS or TLS, logins, and faults on demand."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "opsguide", "mail-canary-8c2f5d17"


class Mailbox:
    """What has arrived, and how the server behaves: `fault` is the stage at which it does not do as asked."""

    def __init__(self) -> None:
        self.port, self.fault, self.mails, self.logins = 0, "", [], 0
        self.talks: list[str] = []

    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=default) for raw in self.mails]  # type: ignore[misc]

    async def handle_MAIL(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        self.talks.append(
            f"mail {address} tls={bool(session.ssl) or server.transport.get_extra_info('sslcontext') is not None}"
        )
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if self.fault.startswith("rcpt"):
            return self.fault.removeprefix("rcpt ")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.fault.startswith("data"):
            return self.fault.removeprefix("data ")
        self.mails.append(envelope.original_content)
        if self.fault == "cut after":
            server.transport.abort()
        if self.fault == "silent after":
            await asyncio.Event().wait()
        return f"250 taken as {len(self.mails)}"

    def login(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.logins += 1
        return AuthResult(handled=False, success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()))


class Server(SMTP):
    """aiosmtpd's server that may also go away when the message is to come."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if self.event_handler.fault == "cut before":
            self.transport.abort()  # type: ignore[union-attr]
            return
        await super().smtp_DATA(arg)


@contextmanager
def serving(trust: Path, *, tls: str = "starttls", size: int = 1 << 25, name: str = "server") -> Iterator[Mailbox]:
    """A server whose certificate is `name`.pem of the folder `trust`; `tls` is starttls, tls or plain."""
    box, loop, made = Mailbox(), asyncio.new_event_loop(), []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trust / f"{name}.pem", trust / f"{name}.key")

    def one() -> Server:
        own = context if tls == "starttls" else None
        login = {"authenticator": box.login, "auth_required": own is not None, "auth_require_tls": own is not None}
        made.append(Server(box, loop=loop, hostname="mail.test", data_size_limit=size, tls_context=own,
                           require_starttls=own is not None, **({} if tls == "plain" else login)))  # fmt: skip
        return made[-1]

    async def end() -> None:
        server.close()
        for protocol in made:
            if protocol.transport:
                protocol.transport.abort()
        await asyncio.sleep(0.01)

    ssl_context = context if tls == "tls" else None
    server = loop.run_until_complete(loop.create_server(one, "127.0.0.1", 0, ssl=ssl_context))
    box.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
            loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()


def made_trust(folder: Path) -> Path:
    """A folder with ca.pem, server.pem for 127.0.0.1, and other.pem for another name, each with its key."""
    folder.mkdir(parents=True, exist_ok=True)
    key, name = ec.generate_private_key(ec.SECP256R1()), "Test CA"
    _write(folder / "ca", key, _certificate(key, name, name, key, x509.BasicConstraints(True, None)))
    for file, san in (("server", x509.IPAddress(ip_address("127.0.0.1"))), ("other", x509.DNSName("elsewhere.test"))):
        own = ec.generate_private_key(ec.SECP256R1())
        _write(folder / file, own, _certificate(own, file, name, key, x509.SubjectAlternativeName([san])))
    return folder


def _certificate(key: Any, name: str, issuer: str, signer: Any, extension: Any) -> x509.Certificate:
    now, called = datetime.now(UTC), [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, issuer)]
    made = x509.CertificateBuilder(called[1], called[0], key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return made.add_extension(extension, critical=False).sign(signer, hashes.SHA256())


def _write(place: Path, key: Any, certificate: x509.Certificate) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    place.with_suffix(".key").write_bytes(key.private_bytes(*form))
    place.with_suffix(".pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
