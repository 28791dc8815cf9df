"""The people of the platform API stand-in: one test for each rule, on a state of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from opsguide_lab import places, topology
from opsguide_lab import platform_people as people
from opsguide_lab.errors import LabError
from opsguide_lab.platform_answers import Failure
from opsguide_lab.platform_state import State

ANNA, LENA, VICTOR = (f"{name}@lab.example" for name in ("anna.berg", "lena.holm", "victor.sand"))
ADMIN = "system.admin."


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setattr(places, "API_TOKEN", tmp_path / "api-token")
    places.API_TOKEN.write_text("the token of the lab\n")
    return State(file=tmp_path / "state.json", people=dict(topology.people()))


def token(state: State, login: str) -> str:
    return str(people.create_token_inner(state, {"login": login})["object"]["token"])


def may(state: State, login: str, method: str) -> bool:
    user = people.caller(state, token(state, login))
    return user is not None and people.may(state, user, method)


def test_who_has_no_role_calls_what_is_his_own_and_who_looks_only_reads(state: State) -> None:
    calls = ("users.account.getuserinfo", ADMIN + "getadminusersinfo", ADMIN + "setuserstatus")
    assert [may(state, LENA, method) for method in calls] == [True, False, False]
    assert [may(state, VICTOR, method) for method in calls] == [True, True, False]
    assert [may(state, ANNA, method) for method in calls] == [True, True, True]


def test_each_token_of_a_user_who_is_disabled_is_refused_until_he_is_enabled(state: State) -> None:
    one = token(state, ANNA)
    people.set_user_status(state, {"login": ANNA, "status": "INACTIVE"})
    assert people.caller(state, one) is None
    people.set_user_status(state, {"login": ANNA, "status": "ACTIVE"})
    assert people.caller(state, one) is not None
    assert people.caller(state, "nonsense") is None


def test_deleting_all_tokens_deletes_the_callers_own(state: State) -> None:
    one = token(state, ANNA)
    people.METHODS["users.authentication.deletetokens"](state, {"@caller": people.OWN, "ids": "*"})
    assert people.caller(state, places.API_TOKEN.read_text().strip()) is None
    assert people.caller(state, one) is not None


def test_an_admin_without_a_second_factor_is_shut_out_when_the_grace_is_over_unless_trusted(state: State) -> None:
    people.panel(state, "add", LENA, "admin")
    people.enable_mandatory_2fa(state, {"period": "7", "trustedUsers": ""})
    assert may(state, LENA, ADMIN + "setuserstatus")
    state.people["mandatory"]["since"] = time.time() - 8 * people.DAY
    assert not may(state, LENA, ADMIN + "setuserstatus")
    assert may(state, ANNA, ADMIN + "setuserstatus")
    people.add_trusted_user(state, {"login": LENA})
    assert may(state, LENA, ADMIN + "setuserstatus")
    people.remove_trusted_user(state, {"login": LENA})
    people.disable_mandatory_2fa(state, {})
    assert may(state, LENA, ADMIN + "setuserstatus")


@pytest.mark.parametrize(
    "words", [("add", VICTOR, "admin"), ("remove", LENA), ("change-role", VICTOR, "owner"), ("add", LENA, "reseller"),
              ("remove", "owner@lab.example"), ("add", "nobody@lab.example", "view"), ("delete", VICTOR, "view")],
)  # fmt: skip
def test_the_panel_refuses_what_the_real_one_does(state: State, words: tuple[Any, ...]) -> None:
    before = people.get_admin_users_info(state, {})
    with pytest.raises(LabError):
        people.panel(state, *words)
    assert people.get_admin_users_info(state, {}) == before


def test_an_unknown_user_and_an_unknown_status_are_answers_with_a_code(state: State) -> None:
    for method, args in ((people.get_user_info, {"login": "x@y"}), (people.set_user_status, {"login": ANNA})):
        with pytest.raises(Failure):
            method(state, args)
