"""People in the platform API stand-in: users, who may open the admin panel, tokens, and mandatory two-factor auth.

Rules:
- Roles are owner, reseller, admin and view. Only admin and view are given by hand: in the panel, by no method.
- Owner and admin may call every method, view those that only read, everybody else what is under `users`.
- A user whose status is not ACTIVE is refused with each of his tokens: 8202, as a token that is not known.
- GetTokens, DeleteTokens, GetSessions and SignoutSessions mean the caller's own, also with `*`. A token is answered
  once, by the method that makes it.
- While two-factor auth is mandatory, an admin without it is refused once the grace is over, unless he is trusted.

Methods are the platform's (source: guide dossier 11, A); field names, statuses and groups are the lab's choice.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time

from opsguide_lab import places
from opsguide_lab.errors import LabError
from opsguide_lab.platform_answers import BAD_PARAMETER, NOT_FOUND, Arguments, Failure, Method, yes
from opsguide_lab.platform_state import Record, State

OWN = "opsguide@lab.example"
GIVEN = ("admin", "view")
STATUSES = ("ACTIVE", "INACTIVE")
READS = re.compile(r"[a-z]+\.[a-z]+\.(get|search|check)")
DAY = 86400


def caller(state: State, token: str) -> Record | None:
    """The user behind a token or session; None for one that is not known, or whose user is not active."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    lab = hmac.compare_digest(token.encode(), places.API_TOKEN.read_text().strip().encode())
    wanted = "the lab's own" if lab else digest
    found = next((t for t in state.people["tokens"] if t["digest"] == wanted), None)
    user = next((u for u in state.people["users"] if found and u["uid"] == found["uid"]), None)
    return user if user and user["status"] == "ACTIVE" else None


def may(state: State, user: Record, method: str) -> bool:
    """Whether this user may call that method."""
    if method.startswith("users."):
        return True
    mandatory = state.people["mandatory"]
    shut = mandatory and not user["twoFactorAuth"] and user["email"] not in state.people["trusted"]
    if shut and time.time() >= mandatory["since"] + mandatory["period"] * DAY:
        return False
    return user["role"] in ("owner", "admin") or (user["role"] == "view" and READS.match(method) is not None)


def panel(state: State, action: str, login: str, role: str = "") -> None:
    """What somebody does in the panel, under Access Control: add, change-role, remove. LabError where it says no."""
    user = _of(state, login)
    if user is None:
        raise LabError(f"{login} is not registered")
    if user["role"] in ("owner", "reseller") or (action != "remove" and role not in GIVEN):
        raise LabError("owner and reseller are neither edited nor given")
    if (action == "add") == bool(user["role"]) or action not in ("add", "change-role", "remove"):
        raise LabError(f"{login} has the role {user['role'] or 'none'}: {action} is not possible")
    user["role"] = "" if action == "remove" else role
    state.save()


def get_admin_users_info(state: State, arguments: Arguments) -> Record:
    """Who may open the admin panel."""
    told = ("uid", "email", "role", "twoFactorAuth")
    return {"array": [{name: u[name] for name in told} for u in state.people["users"] if u["role"]]}


def get_user_info(state: State, arguments: Arguments) -> Record:
    """One registered user."""
    user = _user(state, arguments)
    return {"object": {name: user[name] for name in ("uid", "email", "name", "status", "group")}}


def set_user_status(state: State, arguments: Arguments) -> Record:
    """Enable or disable a user."""
    user, status = _user(state, arguments), arguments.get("status", "")
    if status not in STATUSES:
        raise Failure(BAD_PARAMETER, f"no status {status!r}")
    user["status"] = status
    state.save()
    return {}


def enable_mandatory_2fa(state: State, arguments: Arguments) -> Record:
    """Make two-factor auth mandatory for admins, `period` days from now."""
    logins = [name.strip() for name in arguments.get("trustedUsers", "").split(",") if name.strip()]
    state.people["trusted"] = [_user(state, {"login": name})["email"] for name in logins]
    period, notify = int(arguments.get("period") or 0), yes(arguments, "notify")
    state.people["mandatory"] = {"period": period, "notify": notify, "since": time.time()}
    state.save()
    return {}


def disable_mandatory_2fa(state: State, arguments: Arguments) -> Record:
    """Make it voluntary again."""
    state.people["mandatory"] = {}
    state.save()
    return {}


def add_trusted_user(state: State, arguments: Arguments) -> Record:
    """Exempt one more account."""
    trusted = state.people["trusted"]
    trusted += [login for login in [_user(state, arguments)["email"]] if login not in trusted]
    state.save()
    return {}


def remove_trusted_user(state: State, arguments: Arguments) -> Record:
    """Exempt an account no longer."""
    login = _user(state, arguments)["email"]
    if login not in state.people["trusted"]:
        raise Failure(NOT_FOUND, f"{login} is not trusted")
    state.people["trusted"].remove(login)
    state.save()
    return {}


def own_info(state: State, arguments: Arguments) -> Record:
    """The caller."""
    return get_user_info(state, {"login": _caller(state, arguments)["email"]})


def create_token_inner(state: State, arguments: Arguments) -> Record:
    """A token for any user."""
    token, number = secrets.token_hex(20), max(t["id"] for t in state.people["tokens"]) + 1
    digest = hashlib.sha256(token.encode()).hexdigest()
    made = {"id": number, "uid": _user(state, arguments)["uid"], "kind": "token", "digest": digest}
    state.people["tokens"].append(made)
    state.save()
    return {"object": {"id": number, "token": token}}


def _listed(kind: str) -> Method:
    def method(state: State, arguments: Arguments) -> Record:
        return {"array": [{"id": t["id"], "uid": t["uid"]} for t in _own(state, arguments, kind)]}

    return method


def _ended(kind: str) -> Method:
    def method(state: State, arguments: Arguments) -> Record:
        wanted = re.split("[,;]", arguments.get("ids", ""))
        gone = [t for t in _own(state, arguments, kind) if "*" in wanted or str(t["id"]) in wanted]
        state.people["tokens"] = [t for t in state.people["tokens"] if t not in gone]
        state.save()
        return {}

    return method


def _own(state: State, arguments: Arguments, kind: str) -> list[Record]:
    uid = _caller(state, arguments)["uid"]
    return [t for t in state.people["tokens"] if t["uid"] == uid and t["kind"] == kind]


def _caller(state: State, arguments: Arguments) -> Record:
    return _user(state, {"login": arguments["@caller"]})


def _user(state: State, arguments: Arguments) -> Record:
    login = arguments.get("login", "")
    if user := _of(state, login):
        return user
    raise Failure(NOT_FOUND, f"user {login!r} is not found")


def _of(state: State, login: str) -> Record | None:
    users: list[Record] = state.people["users"]
    return next((u for u in users if u["email"] == login), None)


METHODS: dict[str, Method] = {
    "system.admin.getadminusersinfo": get_admin_users_info,
    "system.admin.getuserinfo": get_user_info,
    "system.admin.setuserstatus": set_user_status,
    "system.admin.enablemandatory2fa": enable_mandatory_2fa,
    "system.admin.disablemandatory2fa": disable_mandatory_2fa,
    "system.admin.addtrusteduser": add_trusted_user,
    "system.admin.removetrusteduser": remove_trusted_user,
    "users.account.getuserinfo": own_info,
    "users.authentication.createtokeninner": create_token_inner,
    "users.authentication.gettokens": _listed("token"),
    "users.authentication.getsessions": _listed("session"),
    "users.authentication.deletetokens": _ended("token"),
    "users.authentication.signoutsessions": _ended("session"),
}
