from __future__ import annotations

import base64
import hashlib
import html
import json
import shlex
import time
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsguide.errors import InputError
from opsguide.record import redaction
from opsguide.record.redaction import Lines, Redactor

SECRET = "kü+/'\"<& $9aZ"
RAW = SECRET.encode()
HIDE = Redactor({"API token": SECRET})

SPELLINGS = {
    "plain": SECRET,
    "URL": quote(SECRET, safe=""),
    "URL with slashes": quote(SECRET),
    "URL with plus": quote_plus(SECRET),
    "URL in small letters": quote(SECRET, safe="").lower().replace("az", "aZ"),
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON as UTF-8": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "JSON of PHP": json.dumps(SECRET).replace("/", "\\/")[1:-1],
    "repr": repr(SECRET)[1:-1],
    "HTML": html.escape(SECRET),
    "HTML without quotes": html.escape(SECRET, quote=False),
    "HTML of others": html.escape(SECRET).replace("&#x27;", "&#39;"),
    "shell": shlex.quote(SECRET),
    "shell of others": SECRET.replace("'", "'\\''"),
    "hex": RAW.hex(),
    "HEX": RAW.hex().upper(),
    "reversed": SECRET[::-1],
    "base64": base64.b64encode(RAW).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(RAW).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("around", ["{}", "before {} after", "a{}b", '"{}"', "x={}&y=1", "[{}]"])
def test_a_known_value_is_hidden_in_every_listed_spelling(spelling: str, around: str) -> None:
    shown = HIDE.text(around.replace("{}", SPELLINGS[spelling]))
    assert SPELLINGS[spelling].strip("=") not in shown
    assert "[hidden: API token]" in shown


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(7))
def test_a_known_value_is_hidden_inside_base64_at_every_offset(encode: type, before: int, after: int) -> None:
    text = encode(b"user:pw"[:before] + RAW + b":others"[:after]).decode()  # type: ignore[call-arg]
    pure = text[-(-before * 8 // 6) : (before + len(RAW)) * 8 // 6]
    assert len(pure) >= len(RAW) * 8 // 6 - 1
    assert pure in text
    shown = HIDE.text(text)
    assert "[hidden: API token]" in shown
    assert not any(pure[i : i + 4] in shown for i in range(len(pure) - 3))


@given(st.text(min_size=6, max_size=20).filter(str.strip), st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=150)
def test_no_value_is_left_in_any_text(value: str, before: str, after: str) -> None:
    hide = Redactor({"x": value})
    for form in (value, json.dumps(value)[1:-1], value[::-1], quote(value, safe=""), value.encode().hex()):
        if "\n" not in form and form not in "[hidden: x]":
            assert form not in hide.text(before + form + after).replace("[hidden: x]", "\x00")


def test_a_secret_of_several_lines_is_hidden_line_by_line() -> None:
    hide = Redactor({"x": "first-line\nsecond-line"})
    assert hide.text("a first-line\nb second-line\n") == "a [hidden: x]\nb [hidden: x]\n"


@pytest.mark.parametrize("value", ["", "#", "#2345"])
def test_a_value_of_fewer_than_six_characters_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(InputError) as refused:
        Redactor({"the label": value})
    assert "the label" in refused.value.words
    assert not value or value not in str(refused.value)


# key = value


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("password = correct horse battery", "password = [hidden]"),
        ("Password: s3cr3t", "Password: [hidden]"),
        ("  db_password=a,b;c}d", "  db_password=[hidden]"),
        ("export PGPASSWORD=abc # why", "export PGPASSWORD=[hidden]"),
        ('"token": "a \\" b",', '"token": [hidden],'),
        ('{"user": "a", "api_key": "b", "c": 1}', '{"user": "a", "api_key": [hidden], "c": 1}'),
        ("a=1 secret='b c' d=2", "a=1 secret=[hidden] d=2"),
        ("x client-secret: abc y", "x client-secret: [hidden] y"),
        ("NOPASSWD=abc", "NOPASSWD=[hidden]"),
        ("casinopasswd: abc", "casinopasswd: [hidden]"),
        ("TLSPrivateKey=/x", "TLSPrivateKey=[hidden]"),
        ('mysql --password="abc', "mysql --password=[hidden]"),
        ("passphrase\t=\tabc", "passphrase\t=\t[hidden]"),
        ("GET /x?session=1&token=abc&d=1 HTTP", "GET /x?session=1&token=[hidden] HTTP"),
    ],
)
def test_the_value_after_a_key_that_speaks_of_a_secret_is_hidden(line: str, shown: str) -> None:
    assert HIDE.text(line) == shown
    assert HIDE.text(line + "\n") == shown + "\n"


@pytest.mark.parametrize(
    "line",
    [
        "Nov 23 10:00:00 uh-01 sshd[412]: Failed password for root from 192.0.2.1 port 22 ssh2",
        "PasswordAuthentication no",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0",
        "Password expires                                        : never",
        "systemd[1]: Started Secret Service.",
        "%ops-admin ALL=(ALL:ALL) NOPASSWD: ALL",
        "key = value",
        "HostKey /etc/ssh/ssh_host_ed25519_key",
        "keyboard: us, layout: de",
        "server 0.pool.ntp.org iburst",
        "password:",
        "tokens used 5 of 9",
        "a [hidden: API token] b",
        "-----BEGIN CERTIFICATE-----",
        "2026-11-23T10:00:00Z nginx: [warn] conflicting server name",
        "",
    ],
)
def test_ordinary_lines_stay_readable(line: str) -> None:
    assert HIDE.text(line) == line


def test_what_is_hidden_once_stays_as_it_is() -> None:
    once = HIDE.text(f"token = {SECRET}\npassword: abc\n")
    assert HIDE.text(once) == once


# Private keys

BODY = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"]


def key(kind: str = "", end: str = "\n", block: str = "") -> str:
    kind = f"{kind} " if kind else ""
    return end.join([f"-----BEGIN {kind}PRIVATE KEY{block}-----", *BODY, f"-----END {kind}PRIVATE KEY{block}-----"])


@pytest.mark.parametrize("kind", ["", "RSA", "EC", "OPENSSH", "ENCRYPTED"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n", " ", ""])
def test_a_private_keys_body_is_hidden_over_many_lines_or_within_one(kind: str, end: str) -> None:
    shown = HIDE.text(f'a\n{{"k": "{key(kind, end)}"}}\nhello\nworld\n')
    assert not any(part in shown for part in BODY)
    assert "[hidden: private key]" in shown
    assert shown.endswith("\nhello\nworld\n")


def test_a_blank_line_within_a_private_key_does_not_end_it() -> None:
    text = key("RSA").replace(BODY[0], f"Proc-Type: 4,ENCRYPTED\n\n{BODY[0]}\n\n")
    for shown in (HIDE.text(text), streamed([text.encode()])):
        assert not any(part in shown for part in BODY)


def test_a_pgp_block_is_a_private_key_too() -> None:
    assert not any(part in HIDE.text(key("PGP", block=" BLOCK")) for part in BODY)


def test_a_certificate_and_a_public_key_are_shown() -> None:
    text = f"-----BEGIN CERTIFICATE-----\n{BODY[0]}\n-----END CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----\n{BODY[1]}\n"
    assert HIDE.text(text) == text


def test_a_key_whose_end_does_not_come_is_hidden_to_the_end() -> None:
    shown = HIDE.text("-----BEGIN PRIVATE KEY-----\n" + "\n".join(BODY))
    assert not any(part in shown for part in BODY)


# Streams


def streamed(chunks: list[bytes], hide: Redactor = HIDE) -> str:
    lines = Lines(hide)
    return "".join(lines.feed(chunk) for chunk in chunks) + lines.feed(b"", final=True)


TEXT = f"first\ntoken {SECRET} x\npassword = abc def\n{key()}\nlast {SECRET}"


@pytest.mark.parametrize("at", range(len(TEXT.encode()) + 1))
def test_a_value_that_arrives_in_two_pieces_is_hidden_wherever_it_is_cut(at: int) -> None:
    content = TEXT.encode()
    assert streamed([content[:at], content[at:]]) == HIDE.text(TEXT)


def test_a_value_that_arrives_byte_by_byte_is_hidden() -> None:
    assert streamed([bytes([b]) for b in TEXT.encode()]) == HIDE.text(TEXT)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_bytes_that_are_no_text_are_shown_as_signs_and_lose_nothing(chunks: list[bytes]) -> None:
    assert streamed(chunks) == b"".join(chunks).decode("utf-8", "backslashreplace")


@given(
    st.lists(
        st.sampled_from(
            [
                SECRET,
                "\n",
                "token=abc ",
                "x" * 30,
                BODY[0],
                "-----BEGIN PRIVATE KEY-----",
                "\r",
                "é",
                "-----END PRIVATE KEY-----",
            ]
        ),
        max_size=12,
    ),
    st.data(),
)
def test_streaming_shows_what_the_whole_text_shows(parts: list[str], data: st.DataObject) -> None:
    content = "".join(parts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=4)))
    chunks = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert streamed(chunks) == HIDE.text(content.decode())


PLAIN = Redactor({"t": "s3cr3t-value"})


@pytest.mark.parametrize("away", range(-16, 17))
def test_a_very_long_line_is_never_cut_within_a_secret(away: int) -> None:
    # Pieces are cut 4096 characters before what has come; the secret is laid across that place.
    first = "z " * 35_000
    at = len(first) - redaction.REACH + away
    content = (first[:at] + "s3cr3t-value" + first[at:]).encode()
    lines = Lines(PLAIN)
    shown = lines.feed(content[: len(first)])
    assert shown, "a long line is shown before its end comes"
    shown += lines.feed(content[len(first) :]) + lines.feed(b"", final=True)
    assert shown.count("[hidden: t]") == 1
    assert shown.replace("[hidden: t]", "") == first


@pytest.mark.parametrize("away", range(-30, 31, 5))
def test_a_very_long_line_is_never_cut_within_a_private_key(away: int) -> None:
    first = "z " * 35_000
    at = len(first) - redaction.REACH + away
    key = "-----BEGIN PRIVATE KEY-----Qq9Qq9Qq9-----END PRIVATE KEY-----"
    content = (first[:at] + key + first[at:]).encode()
    shown = streamed([content[: len(first)], content[len(first) :]], PLAIN)
    assert "Qq9" not in shown
    assert shown.count("z") == 35_000


@pytest.mark.parametrize("size", [70_000, 200_000, 2_600_000])
@pytest.mark.parametrize("start", ["password = ", "x token=", "-----BEGIN PRIVATE KEY-----", "s3cr3t-value"])
def test_a_very_long_value_is_hidden_whole(start: str, size: int) -> None:
    content = (start + "Qq9" * (size // 3) + "\nnext\n").encode()
    shown = streamed([content[i : i + 32768] for i in range(0, len(content), 32768)], PLAIN)
    if start != "s3cr3t-value":
        assert "Qq9" not in shown
    assert "s3cr3t" not in shown
    assert "next" in shown or start.startswith("-----BEGIN")


@pytest.mark.parametrize("size", [200_000, 2_600_000])
def test_a_private_key_that_goes_on_after_a_very_long_line_is_hidden_to_its_end(size: int) -> None:
    key = "-----BEGIN PRIVATE KEY-----" + "Qq9" * (size // 3) + "\nQq9\n-----END PRIVATE KEY-----"
    content = f"{key}\nnext\n".encode()
    shown = streamed([content[i : i + 32768] for i in range(0, len(content), 32768)], PLAIN)
    assert "Qq9" not in shown
    assert shown.endswith("-----END PRIVATE KEY-----\nnext\n")


def test_a_very_long_line_of_a_private_key_is_hidden() -> None:
    content = ("-----BEGIN PRIVATE KEY-----\n" + "Qq9" * 40_000 + "\n-----END PRIVATE KEY-----\nnext\n").encode()
    shown = streamed([content[i : i + 32768] for i in range(0, len(content), 32768)], PLAIN)
    assert "Qq9" not in shown
    assert shown.endswith("-----END PRIVATE KEY-----\nnext\n")


HOSTILE = {
    "one long word": "a" * 65_536,
    "dots and dashes": "a.-_" * 16_384,
    "only keys": "password" * 8_192,
    "keys and signs": "password=" * 7_281,
    "open quotes": 'x password="' * 5_461,
    "blanks": "token" + " " * 65_000,
    "begins": "x -----BEGIN PRIVATE KEY-----" * 2_200,
    "commas": "x token=" + "," * 65_000,
    "backslashes": 'x token="' + "\\" * 65_000,
    "no line ends": "s3cr3t-valu" * 5_900,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hiding_takes_time_in_proportion_whatever_the_text_is(name: str) -> None:
    start = time.process_time()
    PLAIN.text(HOSTILE[name])
    streamed([HOSTILE[name].encode()] * 2, PLAIN)
    assert time.process_time() - start < 1.5


# Structures


def test_a_structure_is_hidden_in_all_its_texts() -> None:
    found = HIDE.value({"a": [SECRET, {"b": (SECRET, 1, None, True)}], SECRET: 2.5, "token": "x"})
    assert found == {
        "a": ["[hidden: API token]", {"b": ["[hidden: API token]", 1, None, True]}],
        "[hidden: API token]": 2.5,
        "token": "x",
    }


def test_without_secrets_only_the_shapes_are_hidden() -> None:
    assert Redactor({}).text(f"password=x\n{SECRET}") == f"password=[hidden]\n{SECRET}"


def test_the_longest_form_is_hidden_first() -> None:
    hide = Redactor({"short": "abcdef", "long": "abcdefgh"})
    assert hide.text("abcdefgh abcdef") == "[hidden: long] [hidden: short]"


KNOWN_GAPS = {
    "colour codes": "s3cret\x1b[31m/canary",
    "other letter case": "S3CRET/CANARY",
    "hashed": hashlib.sha256(b"s3cret/canary").hexdigest(),
    "wrapped base64": "czNjcmV0\nL2NhbmFyeQ==",
    "requirepass x": "requirepass another-one",
    "https://user:x@host": "https://user:another-one@host",
}


@pytest.mark.parametrize("gap", KNOWN_GAPS)
def test_what_is_not_caught_is_told_to_whoever_reads_records(gap: str) -> None:
    assert Redactor({"it": "s3cret/canary"}).text(KNOWN_GAPS[gap]) == KNOWN_GAPS[gap]
    told = (Path(__file__).parents[2] / "docs/record.md").read_text()
    assert gap in " ".join(told.partition("## What is hidden")[2].split())
