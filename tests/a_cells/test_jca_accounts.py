"""Suite A: 11 by every action; what came of it is read from the platform's state file and by calls with other tokens."""

from __future__ import annotations

import ast
import json
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from desk import REPOSITORY, Desk, wait_for
from opsguide.errors import InputError
from opsguide.guide import scopes
from stepping import Stepped, stepped

pytestmark = pytest.mark.lab
BOOK = "11-managing-jca-accounts.ipynb"
SLUG = "managing-jca-accounts"
FILE = REPOSITORY / "parameters/runs/11-ih-01.yml"
API = "http://127.0.64.100:8080/1.0"
STATE = Path("/var/lib/opsguide-lab/api/state.json")
OWN = Path("/var/lib/opsguide-lab/keys/api-token")
LENA, ANNA, VICTOR, GLASS = (f"{name}@lab.example" for name in ("lena.holm", "anna.berg", "victor.sand", "break-glass"))
DONE = {
    "confirm": "",
    "mode": "apply",
    "reason": "test",
    "element": "ih-01",
    "panel": "open",
    "domains": ["lab.example"],
}
CHANGES = ("set", "enable", "disable", "add", "remove", "delete", "signout", "create")


def given(action: str, login: str = "", **more: Any) -> dict[str, Any]:
    return {**DONE, "action": action, "login": login, "confirm": login, "panel_wait": "5 min", **more}


def people() -> dict[str, Any]:
    return json.loads(STATE.read_text())["people"]


def of(login: str, what: str) -> Any:
    return next(u[what] for u in people()["users"] if u["email"] == login)


def call(method: str, token: str, **args: str) -> dict[str, Any]:
    group, name, verb = method.split(".")
    fields = {"appid": "cluster", "session": token, **args}
    return httpx.post(f"{API}/{group}/{name}/rest/{verb.lower()}", data=fields).json()


def token_of(login: str) -> str:
    return call("users.authentication.CreateTokenInner", OWN.read_text().strip(), login=login)["object"]["token"]


@pytest.fixture(autouse=True)
def as_it_was(lab: Any) -> Iterator[None]:
    before = people()
    yield
    if people() != before:
        lab.restore()


@pytest.fixture
def by_hand(lab: Any) -> Iterator[Any]:
    """The operator, who does in the panel what the run waits for."""
    threads = []

    def soon(*words: str) -> None:
        calls = len(lab.api_requests())

        def act() -> None:
            wait_for(lambda: _asked(lab, calls), 300, "the run asks for the list")
            lab.panel(*words)

        threads.append(threading.Thread(target=act))
        threads[-1].start()

    yield soon
    for thread in threads:
        thread.join()


def _asked(lab: Any, since: int) -> bool:
    return sum(r["method"].endswith("getadminusersinfo") for r in lab.api_requests()[since:]) >= 2


def written(lab: Any, since: int) -> list[str]:
    names = [r["method"].rpartition(".")[2] for r in lab.api_requests()[since:]]
    return [name for name in names if name.startswith(CHANGES)]


def test_a_person_is_added_by_hand_and_nobody_else_has_changed(desk: Desk, lab: Any, by_hand: Any) -> None:
    before, calls = people()["users"], len(lab.api_requests())
    by_hand("add", LENA, "view")
    done = desk("run", SLUG, "-f", str(FILE), "-p", f"confirm={LENA}", "-p", "panel=open", "--reason", "test")
    assert done.code == 0, done
    assert f"Access Control, Add, Login {LENA}, Role view" in done.out
    assert people()["users"] == [{**u, "role": "view"} if u["email"] == LENA else u for u in before]
    assert written(lab, calls) == [], "no method gives a role"
    assert stepped(desk, BOOK, **given("add", LENA, panel="not open")) is None, "it is so already: nothing to be done"


def test_a_plan_waits_for_nobody_and_changes_nothing(desk: Desk, lab: Any) -> None:
    before, calls = people(), len(lab.api_requests())
    assert stepped(desk, BOOK, **given("offboard", ANNA, mode="plan")) is None
    (change,) = [e["line"] for e in desk.record().events("planned") if e["verb"] == "change"]
    assert change.endswith("/system/admin/rest/setuserstatus")
    assert (people(), written(lab, calls)) == (before, [])


def test_another_account_that_changed_meanwhile_is_noticed(desk: Desk, lab: Any) -> None:
    one = Stepped(desk, BOOK, given("add", LENA))
    assert one.run("may-take") is None
    lab.panel("change-role", VICTOR, "admin")
    lab.panel("add", LENA, "view")
    error = one.run()
    one.close()
    assert "the list differs by exactly this" in str(error)
    assert VICTOR in str(desk.record().events("require")[-1]["inputs"])


def test_what_is_not_done_in_the_panel_fails_and_goes_on_later_from_the_first_list(desk: Desk, lab: Any) -> None:
    error = stepped(desk, BOOK, **given("change-role", VICTOR, role="admin", approver=ANNA, expires="2099-01-01",
                                        panel_wait="0.2 s"))  # fmt: skip
    assert "the check failed" in str(error)
    assert of(VICTOR, "role") == "view"
    assert desk("lab", "panel", "add", VICTOR, "admin").code == 2, "the person is listed already"
    assert desk("lab", "panel", "change-role", VICTOR, "admin").code == 0
    done = desk("resume", "last")
    assert done.code == 0, done
    compared = [e for e in desk.record().events("require") if "exactly this" in e["words"]]
    assert [e["met"] for e in compared] == [True]


def test_somebody_leaves_and_only_that_persons_token_is_refused(desk: Desk, lab: Any, by_hand: Any) -> None:
    token, other = token_of(ANNA), token_of(GLASS)
    lab.inside("ih-01", ["bash", "-c", "umask 077; cat > /root/leaver.curl"], stdin=(
        f'url = "{API}/system/admin/rest/getadminusersinfo"\ndata = "appid=cluster&session={token}"\n'))  # fmt: skip
    try:
        by_hand("remove", ANNA)
        assert stepped(desk, BOOK, **given("offboard", ANNA, try_token=True)) is None
        assert (of(ANNA, "role"), of(ANNA, "status")) == ("", "INACTIVE")
        assert call("users.account.GetUserInfo", token)["result"] == 8202
        assert call("system.admin.GetAdminUsersInfo", other)["result"] == 0
        assert call("system.admin.GetAdminUsersInfo", OWN.read_text().strip())["result"] == 0
        assert [t["uid"] for t in people()["tokens"]] == [102, 103, 104], "no token of opsguide's own was deleted"
        for secret in (token, other, OWN.read_text().strip()):
            assert not [p for p in desk.records.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
        assert stepped(desk, BOOK, **given("enable", ANNA)) is None
        assert of(ANNA, "status") == "ACTIVE"
    finally:
        lab.inside("ih-01", ["rm", "-f", "/root/leaver.curl"])


def test_a_token_that_still_works_afterwards_fails_the_run(desk: Desk, lab: Any) -> None:
    one = Stepped(desk, BOOK, given("remove", ANNA, try_token=True, refused=4711))
    data = f"appid=cluster&session={OWN.read_text().strip()}"
    lab.inside("ih-01", ["bash", "-c", "umask 077; cat > /root/leaver.curl"], stdin=(
        f'url = "{API}/system/admin/rest/getadminusersinfo"\ndata = "{data}"\n'))  # fmt: skip
    try:
        assert one.run("token-before") is None
        lab.panel("remove", ANNA)
        assert one.run("enable") is None
        one.cells["token-after"] = one.cells["token-after"].replace("30 s", "0.01 s")
        error = one.run()
        assert 'says "\\"result\\": 4711"' in str(error), "the number of refused is what is wanted"
    finally:
        one.close()
        lab.inside("ih-01", ["rm", "-f", "/root/leaver.curl"])


def test_two_factor_auth_becomes_mandatory_with_grace_and_voluntary_again(desk: Desk, lab: Any) -> None:
    mandatory = given("two-factor-on", grace_days=14, notify=False, trusted=f"{GLASS}, {VICTOR}")
    assert stepped(desk, BOOK, **mandatory) is None
    mandatory = people()["mandatory"]
    assert (mandatory["period"], mandatory["notify"], people()["trusted"]) == (14, False, [GLASS, VICTOR])
    assert stepped(desk, BOOK, **given("trust", ANNA)) is None
    assert people()["trusted"] == [GLASS, VICTOR, ANNA]
    assert stepped(desk, BOOK, **given("distrust", ANNA)) is None
    assert people()["trusted"] == [GLASS, VICTOR]
    assert stepped(desk, BOOK, **given("two-factor-off")) is None
    assert people()["mandatory"] == {}


REFUSED: list[tuple[dict[str, Any], str]] = [
    (given("add", LENA, panel="not open"), "to be done by you in the panel"),
    (given("add", LENA, domains=["example.org"]), "an address of your own"),
    (given("add", "nobody@lab.example"), "got result 5"),
    (given("add", "try.out@lab.example"), "no trial account"),
    (given("add", LENA, active="ENABLED"), "is an active user"),
    (given("add", VICTOR, role="admin", approver=ANNA, expires="2099-01-01"), "nobody of that login is listed"),
    (given("add", LENA, role="admin", expires="2099-01-01"), "another admin approves"),
    (given("add", LENA, role="admin", approver=LENA, expires="2099-01-01"), "another admin approves"),
    (given("add", LENA, role="admin", approver=VICTOR, expires="2099-01-01"), "another admin approves"),
    (given("add", LENA, role="admin", approver=ANNA), "has an end to come"),
    (given("add", LENA, role="admin", approver=ANNA, expires="2020-01-01"), "has an end to come"),
    (given("add", LENA, role="admin", approver=ANNA, expires="never"), "is no day"),
    (given("change-role", LENA), "for change-role, the person is listed"),
    (given("offboard", ANNA, domains=["example.org"]), "an address of your own"),
    (given("enable", ANNA, domains=["example.org"]), "an address of your own"),
    (given("remove", "owner@lab.example"), "an account that the panel edits"),
    (given("offboard", "Opsguide@lab.example".lower()), "not the account of opsguide itself"),
    (given("remove", ANNA, admins_left=3), "enough admins are left"),
    (given("offboard", ANNA, admins_left=3), "enough admins are left"),
    (given("change-role", ANNA, admins_left=3), "enough admins are left"),
    (given("remove"), "login says who"),
    (given("two-factor-on"), "the exempt are in the list"),
    (given("two-factor-on", trusted=VICTOR), "a break-glass admin is exempt"),
    (given("two-factor-on", trusted=f"{GLASS},nobody@lab.example"), "the exempt are in the list"),
    (given("trust", LENA), "the account is in the list"),
    (given("distrust", LENA), "the account has two-factor auth"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "words"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_would_be_wrong_is_refused_and_nothing_is_changed(
    desk: Desk, lab: Any, values: dict[str, Any], words: str
) -> None:
    before, calls = people(), len(lab.api_requests())
    error = stepped(desk, BOOK, **values)
    assert error is not None
    assert words in " ".join([str(error), *(str(e.get("words")) for e in desk.record().events("answer"))])
    assert (people(), written(lab, calls)) == (before, [])


def roster(until: str) -> list[str]:
    approved = [f"{login} admin {until} owner@lab.example" for login in ("opsguide@lab.example", ANNA, GLASS)]
    return ["owner@lab.example owner", f"{VICTOR} view", *approved]


def test_a_review_is_quiet_when_all_is_as_approved_and_fails_with_the_names_when_not(desk: Desk, lab: Any) -> None:
    now = date.today()
    used = [f"{login} {now - timedelta(days=9)}" for login in ("opsguide@lab.example", ANNA)]
    quiet = given("audit", roster=roster("2099-01-01"), break_glass=[GLASS], last_review=str(now - timedelta(days=90)))
    assert stepped(desk, BOOK, **quiet, used=[*used, f"{GLASS} never"]) is None, "to be unused is right for it"
    error = stepped(desk, BOOK, **quiet, used=[*used, f"{GLASS} {now - timedelta(days=89)}"])
    assert "no account is to be looked at" in str(error)
    assert desk.record().events("require")[-1]["inputs"] == {"break_glass_used": f"['{GLASS}']"}
    lab.panel("add", LENA, "admin")
    error = stepped(desk, BOOK, **given("audit", roster=roster("2020-01-01"), used=used[:1]))
    assert "no account is to be looked at" in str(error)
    inputs = desk.record().events("require")[-1]["inputs"]
    assert ast.literal_eval(inputs["not_approved"]) == ast.literal_eval(inputs["no_two_factor"]) == [LENA]
    assert ast.literal_eval(inputs["unused"]) == [ANNA, GLASS, LENA]
    assert ast.literal_eval(inputs["approval_expired"]) == ["opsguide@lab.example", ANNA, GLASS]


@pytest.mark.parametrize(
    ("name", "value"),
    [("grace_days", 0), ("admins_left", 1), ("role", "owner"), ("action", "delete"), ("login", "a b@lab.example"),
     ("login", "--all"), ("login", "a@lab.example\n"), ("panel", "yes"), ("confirm", "other@lab.example"),
     ("panel_wait", "soon"), ("last_review", "yesterday"), ("refused", 0), ("trusted", "a@lab.example\nb"), ("notify", "yes")],
)  # fmt: skip
def test_a_parameter_that_does_not_fit_is_refused_by_its_name(name: str, value: Any) -> None:
    scope = scopes.load(SLUG)
    assert scope is not None
    assert scope.parameters.check(given("add", LENA))
    with pytest.raises(InputError, match=name):
        scope.parameters.check({**given("add", LENA), name: value})


def test_bad_input_is_said_before_anything_is_sent(desk: Desk, lab: Any, tmp_path: Path) -> None:
    (tmp_path / "run.yml").write_text(yaml.safe_dump(given("two-factor-on", grace_days=0, trusted=GLASS)))
    calls = len(lab.api_requests())
    done = desk("run", SLUG, "-f", str(tmp_path / "run.yml"))
    assert done.code == 2, done
    assert "grace_days" in done.out + done.err
    assert (desk.folders(), len(lab.api_requests())) == ([], calls)
