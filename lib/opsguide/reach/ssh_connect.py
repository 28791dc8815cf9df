"""From an address to an authenticated connection. Nothing is sent here that could change anything.

- Every way to fail has its own sentence and its own next step.
- The host shows a key that is on file before it learns who we are.
- Only the named key is offered: no agent, no search, no password.
- Key exchange, ciphers and MACs are pinned: curve25519 first; no CBC, 3DES, MD5 or SHA-1.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import paramiko
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    PasswordRequiredException,
    SSHException,
)

from opsguide.errors import InputError
from opsguide.reach import hostkeys, ssh_hostkey
from opsguide.reach.elements import Element, SshSettings
from opsguide.reach.knock import knock, unreachable
from opsguide.reach.ssh_hostkey import OnFile
from opsguide.reach.ssh_jump import Way
from opsguide.reach.ssh_link import BROKEN, Link, end

KEX = (
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
)
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
Resolve = Callable[[str], str]
Through = Callable[[float], Way]


class NotingTransport(paramiko.Transport):
    """Keeps the name of the agreed key exchange, which the library drops once the exchange is over.

    Where an authority is on file, a certificate is asked for before a plain key, as OpenSSH does.
    """

    agreed_kex = ""
    certificates_first = False
    _engine: object = None

    @property
    def kex_engine(self) -> Any:
        """The exchange that is under way."""
        return self._engine

    @kex_engine.setter
    def kex_engine(self, engine: object) -> None:
        self._engine = engine
        names = [name for name, kind in getattr(self, "_kex_info", {}).items() if type(engine) is kind]
        self.agreed_kex = names[0] if names else self.agreed_kex

    @property
    def preferred_keys(self) -> Sequence[str]:
        """The types of host keys, best first."""
        return sorted(super().preferred_keys, key=lambda name: ("-cert-" in name) != self.certificates_first)


def connect(
    host: Element, ssh: SshSettings, resolve: Resolve, until: float, interval: float, through: Through | None = None
) -> Link:
    """A new connection before `until` (monotonic seconds); UnreachableError says why not, and what to do.

    `through` makes the way where it does not lead there directly.
    """
    key = _private_key(host, ssh, resolve)
    known = ssh_hostkey.look_up(host, ssh)
    way = through(until) if through else None
    sock = way.channel if way else knock(host, until)
    transport = NotingTransport(sock)
    try:
        shown = _handshake(transport, host, known, until)
        authority = ssh_hostkey.check(known, shown)
        _authenticate(transport, host, ssh, key, until)
    except BaseException:
        end(transport)
        end(sock)
        raise
    more = {"host_key_authority": authority, "jump_host_key": way.jump_host_key if way else ""}
    facts = _facts(transport, shown) | {name: value for name, value in more.items() if value}
    return Link(transport, facts, interval)


def _private_key(host: Element, ssh: SshSettings, resolve: Resolve) -> paramiko.PKey:
    try:
        text = resolve(ssh.key)
    except InputError as reason:
        words = f"the SSH key for {host.name} cannot be read: {reason.words}"
        raise unreachable(host, words, reason.next or f"put the key where {ssh.key} says") from None
    try:
        return private_key(text, ssh.key)
    except InputError as reason:
        raise unreachable(host, reason.words, reason.next) from None


def private_key(text: str, reference: str) -> paramiko.PKey:
    """The key that a file holds; InputError, which shows nothing of it, where it cannot be used."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text + "\n"))
        except PasswordRequiredException:
            words = f"the SSH key {reference} is locked with a passphrase"
            raise InputError(words, next="name a key without one, readable by the sender alone") from None
        except (SSHException, ValueError, TypeError, IndexError):
            continue
    words = f"{reference} holds no private key of the types ed25519, ecdsa or rsa"
    raise InputError(words, next="ssh-keygen -t ed25519 makes one")


def _handshake(transport: NotingTransport, host: Element, known: OnFile, until: float) -> paramiko.PKey:
    _pin(transport, known.types)
    transport.certificates_first = known.has_authorities
    left = max(0.05, until - time.monotonic())
    transport.banner_timeout = transport.handshake_timeout = left
    try:
        transport.start_client(timeout=left)
        return transport.get_remote_server_key()
    except IncompatiblePeer as reason:
        words = f"{host.name} and opsguide agree on no way to encrypt: {reason}"
        raise unreachable(host, words, "update OpenSSH there; CBC, MD5 and SHA-1 are not used") from None
    except BROKEN as reason:
        words = f"{host.name} does not finish the key exchange: {_why(reason)}"
        raise unreachable(host, words, "look at sshd's log on its console") from None


def _why(reason: BaseException) -> str:
    if isinstance(reason, EOFError | ConnectionError) or not str(reason):
        return "the connection ended"
    return "no time left" if "No existing session" in str(reason) else str(reason)


def _pin(transport: paramiko.Transport, types: set[str]) -> None:
    """Algorithms in our order; host key types that are on file first, as OpenSSH does."""
    options = transport.get_security_options()
    options.kex = _offered(KEX, options.kex)
    options.ciphers = _offered(CIPHERS, options.ciphers)
    options.digests = _offered(MACS, options.digests)
    mine = sorted(KEY_TYPES, key=lambda t: not (t in types or (t.startswith("rsa-") and "ssh-rsa" in types)))
    options.key_types = _offered(mine, options.key_types)


def _offered(wanted: Iterable[str], there: Iterable[str]) -> tuple[str, ...]:
    available = set(there)
    return tuple(name for name in wanted if name in available)


def _authenticate(
    transport: paramiko.Transport, host: Element, ssh: SshSettings, key: paramiko.PKey, until: float
) -> None:
    transport.auth_timeout = max(0.05, until - time.monotonic())
    name = f"{ssh.key} ({hostkeys.fingerprint(key.asbytes())})"
    try:
        wanted = transport.auth_publickey(ssh.user, key)
    except BadAuthenticationType as reason:
        words = f"{host.name} takes no keys for {ssh.user}, only {', '.join(reason.allowed_types)}"
        raise unreachable(host, words, "allow PubkeyAuthentication for that user there") from None
    except AuthenticationException as reason:
        if not transport.is_active():
            words = f"{host.name} ended the connection before it judged the key {name}"
            raise unreachable(host, words, "look at sshd's log there (LoginGraceTime, MaxAuthTries)") from None
        if "timeout" in str(reason).lower():
            words = f"{host.name} does not judge the key {name} in time"
            raise unreachable(host, words, "the host is overloaded; look at its load and its log") from None
        words = f"{host.name} does not accept the key {name} for {ssh.user}"
        step = f"add its public half to authorized_keys of {ssh.user} there, or name another key"
        raise unreachable(host, words, step) from None
    except BROKEN as reason:
        words = f"{host.name} ended the connection before it judged the key {name}: {_why(reason)}"
        raise unreachable(host, words, "look at sshd's log there") from None
    if wanted:
        words = f"{host.name} wants {', '.join(wanted)} besides the key"
        raise unreachable(host, words, f"let the key be enough for {ssh.user} there (AuthenticationMethods)")


def _facts(transport: NotingTransport, shown: paramiko.PKey) -> dict[str, str | bool]:
    cipher = str(getattr(transport, "remote_cipher", ""))
    return {
        "host_key": hostkeys.fingerprint(shown.asbytes()),
        "host_key_type": shown.get_name(),
        "kex": transport.agreed_kex,
        "cipher": cipher,
        "mac": "" if "gcm" in cipher else str(getattr(transport, "remote_mac", "")),
        "strict_kex": bool(getattr(transport, "agreed_on_strict_kex", False)),
        "server": transport.remote_version,
    }
