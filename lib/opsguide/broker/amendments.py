"""The new text of a file, made from the old one, and the difference between both.

- An edit gives exactly one of: the whole content, settings, a patch.
- A setting `key = value` replaces the one line of its key, in that line's own style, or is added at the end.
- A patch is a unified diff of one file, and every context line of it fits.
- A file that is not UTF-8, or has other line ends, takes whole content only: the rest of it would not be kept.
- No error says a line of the file: what it says may be secret.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

import whatthepatch

from opsguide.errors import InputError


def amended(old: bytes, amend: dict[str, Any], path: str) -> bytes:
    """The new text: whole `content`, or the old one with `patch` applied and `settings` set. InputError."""
    content, patch, settings = amend.get("content"), str(amend.get("patch") or ""), amend.get("settings") or []
    if sum(bool(x) for x in (content is not None, patch, settings)) != 1:
        raise InputError("an edit takes exactly one of content, settings and patch")
    if content is not None:
        return str(content).encode()
    try:
        text = old.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text", next="give the whole content") from None
    if "\r" in text:
        raise InputError(
            f"{path} has CR line ends; settings and patch would not keep them", next="give the whole content"
        )
    return (patched(text, patch) if patch else set_lines(text, [str(s) for s in settings])).encode()


def set_lines(text: str, settings: list[str]) -> str:
    """`key = value` replaces the one line of that key, written in that line's own style, or is added at the end."""
    lines = text.removesuffix("\n").split("\n") if text else []
    done: set[str] = set()
    for setting in settings:
        key, sign, value = (part.strip() for part in setting.partition("="))
        if not key or not sign or re.search(r"\s", key) or len(setting.splitlines()) != 1:
            raise InputError(f"setting {setting[:60]!r} is not of the form key = value")
        if key in done:
            raise InputError(f"{key} is set twice", next="give each key once")
        done.add(key)
        pattern = re.compile(rf"^(\s*{re.escape(key)}\s*=\s*)\S.*$|^(\s*{re.escape(key)}\s*=\s*)$")
        found = [i for i, line in enumerate(lines) if pattern.match(line)]
        if len(found) > 1:
            raise InputError(f"{key} stands on {len(found)} lines", next="give a patch instead")
        if found:
            match = pattern.match(lines[found[0]])
            lines[found[0]] = ((match and (match.group(1) or match.group(2))) or "") + value
        else:
            lines.append(setting.strip())
    return "".join(line + "\n" for line in lines)


def patched(text: str, patch: str) -> str:
    """The text with a unified diff applied; every context line must fit. InputError otherwise."""
    if text.splitlines() != text.removesuffix("\n").split("\n") and text:
        raise InputError("the file has line separators that a patch would not keep", next="give the whole content")
    try:
        diffs = list(whatthepatch.parse_patch(patch))  # type: ignore[no-untyped-call]
        files = len(re.findall(r"^--- .*\n\+\+\+ .*\n@@ ", patch, re.MULTILINE))
        if len(diffs) != 1 or not diffs[0].changes or files > 1:
            raise InputError("the patch must be a unified diff of one file")
        lines = whatthepatch.apply_diff(diffs[0], text)  # type: ignore[no-untyped-call]
    except (whatthepatch.exceptions.WhatThePatchException, ValueError, AssertionError, IndexError) as error:
        line = re.search(r"line [0-9]+", str(error))  # never the line itself: what it says may be secret
        raise InputError(
            f"the patch does not fit the file{f' at {line[0]}' if line else ''}",
            next="make it against the file as it is now",
        ) from None
    return "".join(line + "\n" for line in lines)


def difference(old: bytes, new: bytes, path: str, named: str = "") -> str:
    """The unified diff, empty when both are the same; `named` stands for the old file in place of its path."""
    before, after = (_lines(content.decode("utf-8", "backslashreplace")) for content in (old, new))
    end = "\n\\ No newline at end of file\n"
    found = difflib.unified_diff(before, after, named or path, path)
    return "".join(line if line.endswith("\n") else line + end for line in found)


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
