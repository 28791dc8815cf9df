"""Who may open the admin panel: read from the platform's answer, held against what was approved and what is wanted.

- An account is its login, its role, and whether it has two-factor auth; logins count without regard to letter case.
- The names of the answer's fields are given. One that no account has is a wrong name, and refused; a login twice, too.
- Admins are the roles admin and owner: both are root of the platform.
- A line of the roster is `LOGIN ROLE`, or `LOGIN ROLE UNTIL APPROVER`; an admin's approval has an end and an approver.
- The day of an account's last use is told, `LOGIN DAY` or `LOGIN never`: it stands in the panel's Audit Log, which no
  method reads. An admin of whom nothing is told counts as unused.
- A break-glass account is for emergencies: it is named when it was used since the last review, the day of that review
  among it, and when nothing is told of it; never for being unused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from opsguide.errors import InputError
from opsguide.notebook.expect import matches
from opsguide.notebook.readings import Reading

ADMINS = ("admin", "owner")
ON = ("true", "1", "yes", "on", "enabled")
NEVER, EVER = date.min, date.min + timedelta(days=1)


@dataclass(frozen=True)
class Accounts:
    """The accounts of one answer: role and two-factor auth by login; `fields` as the answer calls them."""

    fields: tuple[str, ...]
    roles: dict[str, str]
    factors: dict[str, bool]

    @property
    def admins(self) -> list[str]:
        """The logins that are root of the platform."""
        return [login for login, role in self.roles.items() if role in ADMINS]

    def role(self, login: str) -> str:
        """The role of a login; empty for one that may not open the panel."""
        return self.roles.get(login.lower(), "")

    def wanted(self, login: str, role: str) -> dict[str, str]:
        """All roles once this login has that role, or none, and nobody else has changed."""
        others = {name: has for name, has in self.roles.items() if name != login.lower()}
        return {**others, login.lower(): role} if role else others

    def left(self, login: str, role: str) -> list[str]:
        """The admins there are then."""
        return [name for name, has in self.wanted(login, role).items() if has in ADMINS]

    def shows(self, login: str, role: str) -> dict[str, Any]:
        """The expectation that an answer lists this login with that role, or not at all, but somebody."""
        named = rf'"{self.fields[0]}": ?"{re.escape(login)}"'
        if not role:
            return matches(rf'^(?i:(?!.*{named}).*"{self.fields[0]}": ?")')
        return matches(rf'\{{(?i:(?=[^{{}}]*{named})(?=[^{{}}]*"{self.fields[1]}": ?"{re.escape(role)}"))')

    def review(
        self,
        roster: list[str],
        used: list[str],
        domains: list[str],
        today: str,
        days: int,
        break_glass: Sequence[str] = (),
        last_review: str = "",
    ) -> dict[str, list[str]]:
        """What is to be looked at, by reason; logins without a reason are in no list."""
        approved = {line[0].lower(): line[1:] for line in _lines("roster", roster, (2, 4))}
        seen = {line[0].lower(): _used(line[1]) for line in _lines("used", used, (2,))}
        now, known = _day("today", today), {domain.lower() for domain in domains}
        stale, since = now - timedelta(days=days), _day("last_review", last_review) if last_review else EVER
        glass = [login.lower() for login in break_glass]
        admins = [login for login in self.roles if self.roles[login] == "admin"]
        until = {login: _day("roster", approved[login][1]) for login in approved if len(approved[login]) == 3}
        return {
            "no_two_factor": [login for login in self.roles if not self.factors[login]],
            "unknown_domain": [login for login in self.roles if login.rpartition("@")[2] not in known],
            "unused": [login for login in admins if login not in glass and seen.get(login, NEVER) < stale],
            "break_glass_used": [login for login in glass if seen.get(login, date.max) >= since],
            "not_approved": [n for n in self.roles if n not in approved or (n in admins and n not in until)],
            "approval_expired": [login for login in self.roles if login in until and until[login] < now],
            "another_role": [n for n, has in self.roles.items() if n in approved and approved[n][0] != has],
            "not_listed": [login for login in approved if login not in self.roles],
        }


def jca_accounts(answer: Reading, fields: list[str]) -> Accounts:
    """The accounts in an answer of GetAdminUsersInfo; none where it was not asked.

    `fields`: what the answer calls login, role and two-factor auth.
    """
    if len(fields) != 3:
        raise InputError("fields takes three names: of login, role and two-factor auth")
    if not answer.answers:
        return Accounts(tuple(fields), {}, {})
    rows = [tuple(row) for row in answer.rows(*fields)]
    absent = [name for n, name in enumerate(fields) if not any(row[n] for row in rows)]
    if absent or not all(login and role for login, role, _ in rows):
        words = f"the answer has no {absent[0]}" if absent else "an account has no login or no role"
        raise InputError(words, answer=answer.text[:200], next="say in fields what the platform calls them")
    logins = [login.lower() for login, _, _ in rows]
    if twice := [login for login, count in Counter(logins).items() if count > 1]:
        raise InputError(f"{twice[0]} is listed twice", next="look at it in the panel")
    roles = {login.lower(): role for login, role, _ in rows}
    return Accounts(tuple(fields), roles, {login.lower(): factor.lower() in ON for login, _, factor in rows})


def panel_steps(action: str, login: str, role: str) -> str:
    """What is done by hand in the panel (source: guide dossier 11, R)."""
    done = {
        "add": f"Add, Login {login}, Role {role}, Add",
        "change-role": f"double-click {login}, Role {role}, save",
        "remove": f"select {login}, Remove, confirm",
    }
    return f"Access Control, {done.get(action, done['remove'])}"


def _lines(name: str, lines: Iterable[str], sizes: tuple[int, ...]) -> list[list[str]]:
    split = [line.split() for line in lines]
    if bad := [words for words in split if len(words) not in sizes]:
        raise InputError(f"{name}: {' '.join(bad[0])!r} has {len(bad[0])} words", next="see the help of the parameter")
    return split


def _used(text: str) -> date:
    return NEVER if text == "never" else _day("used", text)


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{name}: {text[:40]!r} is no day", next="a day is written 2027-03-31") from None


def days_until(day: str, today: str) -> int:
    """How many days are left until a day, less than 0 when it is over; InputError for what is no day."""
    return (_day("expires", day) - _day("today", today)).days
