"""Who may open the admin panel: one test for each rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opsguide.errors import InputError
from opsguide.guide import expectations
from opsguide.notebook.accounts import Accounts, days_until, jca_accounts
from opsguide.notebook.readings import Reading

FIELDS = ["email", "role", "twoFactorAuth"]
LISTED = [
    {"uid": 1, "email": "Olga@lab.example", "role": "owner", "twoFactorAuth": True},
    {"uid": 2, "email": "anna@lab.example", "role": "admin", "twoFactorAuth": True},
    {"role": "view", "email": "b.anna@lab.example", "uid": 3},
]


def answer(rows: list[dict[str, Any]]) -> Reading:
    return Reading([{"on": "ih-01", "text": json.dumps({"result": 0, "array": rows})}])


@pytest.fixture
def listed() -> Accounts:
    return jca_accounts(answer(LISTED), FIELDS)


def test_accounts_are_read_by_the_names_that_the_platform_uses(listed: Accounts) -> None:
    assert listed.roles == {"olga@lab.example": "owner", "anna@lab.example": "admin", "b.anna@lab.example": "view"}
    assert listed.admins == ["olga@lab.example", "anna@lab.example"]
    assert listed.role("ANNA@lab.example") == "admin"
    assert listed.role("nobody@lab.example") == ""
    assert not listed.factors["b.anna@lab.example"], "a field that the platform omits is not on"


@pytest.mark.parametrize("fields", [["login", "role", "twoFactorAuth"], ["email", "role", "factor"], ["email"]])
def test_a_field_that_no_account_has_is_refused(fields: list[str]) -> None:
    with pytest.raises(InputError):
        jca_accounts(answer(LISTED), fields)


@pytest.mark.parametrize("rows", [[], [{"email": "a@x", "twoFactorAuth": True}, LISTED[0]], [*LISTED, LISTED[0]]])
def test_an_answer_that_tells_no_list_of_accounts_is_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError):
        jca_accounts(answer(rows), FIELDS)


@pytest.mark.parametrize(
    ("login", "role", "met"),
    [("anna@lab.example", "admin", True), ("anna@lab.example", "view", False), ("anna@lab.example", "", False),
     ("b.anna@lab.example", "view", True), ("olga@LAB.example", "owner", True), ("new@lab.example", "view", False),
     ("new@lab.example", "", True), ("nna@lab.example", "", True), ("anna@labXexample", "", True)],
)  # fmt: skip
def test_an_answer_shows_a_login_with_its_role_or_not_at_all(
    listed: Accounts, login: str, role: str, met: bool
) -> None:
    text = answer(LISTED).text
    assert expectations.judge(expectations.checked(listed.shows(login, role)), 0, text).met == met


@pytest.mark.parametrize("text", ["", '{"result": 0, "array": []}', "<html></html>"])
def test_an_answer_without_accounts_does_not_show_that_somebody_is_gone(listed: Accounts, text: str) -> None:
    assert not expectations.judge(expectations.checked(listed.shows("anna@lab.example", "")), 0, text).met


def test_what_is_wanted_changes_one_account_and_leaves_the_others(listed: Accounts) -> None:
    assert listed.wanted("anna@lab.example", "").keys() == listed.roles.keys() - {"anna@lab.example"}
    assert listed.wanted("new@lab.example", "view") == {**listed.roles, "new@lab.example": "view"}
    assert listed.left("anna@lab.example", "") == ["olga@lab.example"]
    assert listed.left("anna@lab.example", "view") == ["olga@lab.example"]


ROSTER = ["olga@lab.example owner", "anna@lab.example admin 2026-12-31 olga@lab.example", "b.anna@lab.example view"]


def reviewed(listed: Accounts, **more: Any) -> dict[str, list[str]]:
    given = {"roster": ROSTER, "used": ["anna@lab.example 2026-11-01"], "domains": ["lab.example"], "days": 90}
    return {k: v for k, v in listed.review(today="2026-11-28", **(given | more)).items() if v}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, {}),
        ({"domains": []}, {"unknown_domain": ["olga@lab.example", "anna@lab.example", "b.anna@lab.example"]}),
        ({"used": []}, {"unused": ["anna@lab.example"]}),
        ({"used": ["anna@lab.example 2026-08-29"]}, {"unused": ["anna@lab.example"]}),
        ({"used": ["anna@lab.example 2026-08-30"]}, {}),
        ({"used": ["anna@lab.example never"]}, {"unused": ["anna@lab.example"]}),
        ({"used": ["anna@lab.example never"], "break_glass": ["Anna@lab.example"]}, {}),
        ({"used": ["anna@lab.example 2020-01-01"], "break_glass": ["anna@lab.example"], "last_review": "2026-08-28"}, {}),
        ({"used": [], "break_glass": ["anna@lab.example"]}, {"break_glass_used": ["anna@lab.example"]}),
        ({"break_glass": ["anna@lab.example"]}, {"break_glass_used": ["anna@lab.example"]}),
        ({"break_glass": ["anna@lab.example"], "last_review": "2026-11-01"}, {"break_glass_used": ["anna@lab.example"]}),
        ({"break_glass": ["anna@lab.example"], "last_review": "2026-11-02"}, {}),
        ({"roster": ROSTER[:2]}, {"not_approved": ["b.anna@lab.example"]}),
        ({"roster": [ROSTER[0], "anna@lab.example admin", ROSTER[2]]}, {"not_approved": ["anna@lab.example"]}),
        ({"roster": [*ROSTER, "gone@lab.example view"]}, {"not_listed": ["gone@lab.example"]}),
        ({"roster": [*ROSTER[:2], "b.anna@lab.example owner"]}, {"another_role": ["b.anna@lab.example"]}),
        ({"roster": [ROSTER[0], ROSTER[1].replace("2026-12-31", "2026-11-27"), ROSTER[2]]},
         {"approval_expired": ["anna@lab.example"]}),
    ],
)  # fmt: skip
def test_a_review_names_what_is_to_be_looked_at_by_reason(more: dict[str, Any], found: dict[str, list[str]]) -> None:
    factors = dict.fromkeys(jca_accounts(answer(LISTED), FIELDS).roles, True)
    listed = Accounts(tuple(FIELDS), jca_accounts(answer(LISTED), FIELDS).roles, factors)
    assert reviewed(listed, **more) == found


def test_an_account_without_two_factor_auth_is_named(listed: Accounts) -> None:
    assert reviewed(listed) == {"no_two_factor": ["b.anna@lab.example"]}


@pytest.mark.parametrize("more", [{"roster": ["anna@lab.example"]}, {"used": ["anna@lab.example"]},
                                  {"used": ["anna@lab.example soon"]}, {"last_review": "soon"},
                                  {"roster": ["anna@lab.example admin never olga@lab.example"]}])  # fmt: skip
def test_a_line_that_cannot_be_read_is_refused_with_its_parameter(listed: Accounts, more: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(more))):
        reviewed(listed, **more)


def test_a_day_is_counted_and_what_is_no_day_is_refused() -> None:
    assert days_until("2026-12-01", "2026-11-28") == 3
    assert days_until("2026-11-28", "2026-11-28") == 0
    with pytest.raises(InputError):
        days_until("never", "2026-11-28")
