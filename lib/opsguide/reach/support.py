"""The key `support` of a platform file: how requests reach Jelastic Operations.

- Mail has a server, an addressee and a sender; without a server there is a folder at most.
- A password is sent to a mail server behind TLS only, and `security: plain` is for this machine; practice stays on it.
"""

from __future__ import annotations

from opsguide.guide.durations import duration
from opsguide.reach import addresses, secrets
from opsguide.reach.elements import SmtpSettings, SupportSettings
from opsguide.reach.lined import Section

SUPPORT = ("to", "from", "folder", "smtp")
SMTP = ("host", "port", "security", "user", "password", "ca", "timeout")
PORTS = {"starttls": 587, "tls": 465, "plain": 25}


def settings(top: Section) -> SupportSettings:
    """What the key holds; InputError names file:line and key."""
    section = top.section("support", SUPPORT)
    folder = section.path("folder") if "folder" in section else None
    if "smtp" not in section:
        if wrong := next((key for key in ("to", "from") if key in section), ""):
            raise section.error(wrong, "mail is sent by a server: the key smtp is missing")
        return SupportSettings(folder=folder)
    to, sender = (section.text(key, form=addresses.MAIL, fits="a plain mail address") for key in ("to", "from"))
    return SupportSettings(to, sender, folder, _smtp(section, top.flag("practice")))


def _smtp(support: Section, practice: bool) -> SmtpSettings:
    section = support.section("smtp", SMTP)
    host, security = section.read("host", addresses.host), section.choice("security", PORTS)
    user = section.text("user", "", r"[!-~]+", "a user's name")
    if not addresses.is_here(host) and (practice or security == "plain"):
        words = "a practice platform sends no mail off" if practice else "plain, which has no TLS, is not sent off"
        raise section.error("host" if practice else "security", f"{words} this machine (127.0.0.1, ::1)")
    if security == "plain" and (user or "password" in section):
        raise section.error("user" if user else "password", "no password is sent without TLS: starttls or tls")
    if bool(user) != ("password" in section):
        raise section.error("", f"the key {'password' if user else 'user'} is missing; they go together")
    return SmtpSettings(
        host=host,
        port=section.whole("port", 1, 65535) or PORTS[security],
        security=security,
        user=user,
        password=secrets.named(section, "password") if user else "",
        ca=section.path("ca") if "ca" in section else None,
        timeout=section.read("timeout", duration, 60.0),
    )
