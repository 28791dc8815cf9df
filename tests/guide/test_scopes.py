from __future__ import annotations

import hashlib
import re
import tomllib
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsguide.errors import InputError
from opsguide.guide import editions, entries, scopes
from opsguide.guide.kinds import KINDS

from .broken import CHANGE, parsed, refusal

UH, IH, IC, EC = KINDS
SEED = editions.load("seed")
SLUGS = [a.slug for a in (*SEED.activities, *editions.NOTES) if scopes.load(a.slug)]


def scope(slug: str = "restarting-processes") -> scopes.Scope:
    found = scopes.load(slug)
    assert found
    return found


# Exact match, default deny


RESTART = "systemctl restart {service}"


def test_a_template_of_the_scope_is_found_for_its_verb_and_kind() -> None:
    found = scope().find(RESTART, "change", UH)
    assert found
    assert found.deadline == 90


@pytest.mark.parametrize(
    "template",
    [
        "systemctl  restart {service}",
        " systemctl restart {service}",
        "systemctl restart {service} ",
        "systemctl restart {service}\n",
        "systemctl restart nginx",
        "systemctl restart {unit}",
        "systemctl restart {service} --force",
        "systemctl restart '{service}'",
        "Systemctl restart {service}",
        "systemctl restart {service}; id",
        "systemctl\trestart {service}",
        "systemctl restart\u00a0{service}",
        "/bin/systemctl restart {service}",
        "",
    ],
)
def test_a_template_that_differs_at_all_is_not_in_the_scope(template: str) -> None:
    assert scope().find(template, "change", UH) is None


@given(st.integers(0, len(RESTART)), st.characters(codec="utf-8"), st.booleans())
def test_a_template_that_differs_by_one_character_is_not_in_the_scope(at: int, sign: str, replaced: bool) -> None:
    changed = RESTART[:at] + sign + RESTART[at + replaced :]
    assert (scope().find(changed, "change", UH) is None) is (changed != RESTART)


def test_an_entry_on_another_kind_is_not_in_the_scope() -> None:
    assert scope().find(RESTART, "change", EC) is None
    assert scope().find("bash /root/scripts/disable_me.sh", "change", UH) is None
    assert scope().find(RESTART, "change", "") is None


def test_a_change_is_no_look_and_a_look_no_change() -> None:
    assert scope().find(RESTART, "look", UH) is None
    assert scope().find("systemctl is-active {service}", "change", UH) is None
    assert scope().find("df -h", "change", UH) is None


API = "environment.control.RestartServices"


@pytest.mark.parametrize(
    "args",
    [
        None,
        {},
        {"envName": "@env"},
        {"envName": "@env", "nodeId": 1002},
        {"envName": "@env", "nodeId": "@element", "x": 1},
        {"envName": "shop", "nodeId": "@element"},
        {"envName": "@env", "nodeId": "@Element"},
        {"envname": "@env", "nodeId": "@element"},
    ],
    ids=str,
)
def test_an_api_method_is_in_the_scope_with_its_bound_arguments_only(args: Any) -> None:
    assert scope().find(API, "change", EC, {"nodeId": "@element", "envName": "@env"})
    assert scope().find(API, "change", EC, args) is None


@pytest.mark.parametrize("value", ["0", "0.0", '"false"', '""', "[]"])
def test_arguments_are_equal_to_the_type(value: str) -> None:
    found = parsed('[[look]]\napi = "a.b.C"\nargs = { force = false }\n')
    other = tomllib.loads(f"force = {value}")
    assert found.find("a.b.C", "look", UH, {"force": False})
    assert found.find("a.b.C", "look", UH, other) is None


def test_a_command_is_no_api_method_and_the_other_way_round() -> None:
    assert scope().find(RESTART, "change", UH, {}) is None
    assert parsed('[[look]]\napi = "a.b.C"\n').find("a.b.C", "look", UH) is None


# What a scope file may say


def test_settle_is_a_look_of_the_same_scope() -> None:
    change = '[[change]]\nstep = "look"\ncommand = "a"\ndeadline = "1 s"\nsettle = "b"\n'
    assert "settle" in refusal(change)
    assert parsed(change + '[[look]]\ncommand = "b"\n').entries[1].settle == "b"


def test_a_change_names_its_step_and_only_steps_of_its_scope() -> None:
    assert "names its step" in refusal(CHANGE)
    assert "names its step" in refusal(CHANGE + 'step = "later"\n')
    assert parsed(CHANGE + 'step = "look"\n').entries[0].steps == ("look",)


@pytest.mark.parametrize(
    "text",
    [
        '[[looks]]\ncommand = "a"\n',
        'service = "nginx"\n',
        '[[look]]\ncommand = "a"\nkind = ["user-host"]\n',
        '[[look]]\ncommand = "a"\nkinds = ["user-hosts"]\n',
        '[[look]]\ncommand = "a"\nkinds = "user-host"\n',
        '[[look]]\ncommand = "a"\non = ["neighbour"]\n',
        '[[look]]\ncommand = "a"\napi = "a.b.C"\n',
        "[[look]]\n",
        '[[look]]\napi = "a.b.C"\nargs = { a = "{nobody}" }\n',
        '[related]\nuser-host = ["everybody"]\n',
        '[related]\nhosts = ["peer"]\n',
        '[[file]]\nglob = "/etc/*"\n',
        '[parameters.a]\ntype = "string"\ndefault = ""\nhelp = ""\n',
        '[parameters.a]\ntype = "int"\ndefault = ""\nhelp = ""\n',
        '[parameters.a]\ntype = "int"\ndefault = true\nhelp = ""\n',
        '[parameters.a]\ntype = "str"\ndefault = ""\n',
        '[parameters.a]\ntype = "str"\ndefault = ""\nhelp = ""\nslot = "pth"\n',
        '[parameters.a]\ntype = "str"\ndefault = ""\nhelp = ""\nmax = 3\n',
        "look = 5\n",
        "[[look]",
    ],
)
def test_a_key_or_word_that_nobody_knows_is_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize(
    "steps", ["", "steps = 5", 'steps = ["a", "a"]', 'steps = ["A"]', 'steps = ["a b"]', "steps = [1]"]
)
def test_steps_are_words_each_of_them_once(steps: str) -> None:
    with pytest.raises(InputError, match="broken scope"):
        scopes.parse("mine", steps.encode())


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputError, match="broken scope"):
        scopes.parse("mine", b"steps = []\n# \xff")


def test_an_activity_without_a_scope_file_has_none() -> None:
    assert scopes.load("trim-journal") is None


def test_the_digest_is_the_sha_256_of_the_file() -> None:
    content = (files("opsguide.guide") / "scopes" / "restarting-processes.toml").read_bytes()
    assert scope().digest == hashlib.sha256(content).hexdigest()


def test_a_star_in_a_files_path_stays_within_its_folder() -> None:
    edit = scope("editing-system-files")
    assert edit.file("/etc/cron.d/backup")
    for path in (
        "/etc/cron.d/a/b",
        "/etc/cron.d",
        "/etc/chrony/a/b.conf",
        "/etc/hosts.allow",
        "/etc/hosts/",
        "/ETC/hosts",
    ):
        assert edit.file(path) is None


# The shipped scopes


@pytest.mark.parametrize("slug", SLUGS)
def test_common_looks_belong_to_every_scope(slug: str) -> None:
    for entry in entries.common_looks():
        assert entry.verb == "look"
        for kind in entry.kinds:
            assert scope(slug).find(entry.template, "look", kind)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_shipped_template_holds_no_shell_language_and_no_literal_element(slug: str) -> None:
    for entry in scope(slug).entries:
        unquoted = re.sub(r"'[^']*'", "", entry.template)
        assert entry.shell or not set(unquoted) & set(";&|`$<>\n*?"), entry.template
        assert entry.args is not None or entry.tokens()


@pytest.mark.parametrize("slug", SLUGS)
def test_each_change_of_a_kind_is_of_a_kind_that_the_guide_gives_to_somebody(slug: str) -> None:
    """What may be sent on related elements only is of the kinds whose runs have such."""
    for entry in scope(slug).entries:
        if entry.verb == "change":
            begun_on = entry.kinds if "element" in entry.on else scope(slug).related
            assert any(SEED.cells[slug, kind] != "N/A" for kind in begun_on)
