"""Addresses as the inventory takes them: of a host, of the platform's API, of a mailbox. Nothing is looked up."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

DOMAIN = r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
MAIL = rf"(?=.{{1,254}}$)[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@{DOMAIN}"


def host(text: str) -> str:
    """An IP address in its plain form, or a host name; ValueError for anything else."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if re.fullmatch(DOMAIN, text, re.ASCII) and not re.fullmatch(r"[0-9.]+", text):
            return text
        raise ValueError(f"{text[:80]!r} is neither an IP address nor a host name") from None


def url(text: str) -> str:
    """An address without path, password and query; ValueError for anything else."""
    words = "not a plain address like https://app.example.com (no path, no password, no query)"
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        raise ValueError(words) from None
    more = parts.query or parts.fragment or parts.username is not None or parts.path not in ("", "/")
    if not plain or more or not re.fullmatch(r"[!-~]+", text):
        raise ValueError(words)
    return text.rstrip("/")


def is_here(host: str) -> bool:
    """Whether it is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
