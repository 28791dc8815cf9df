"""The one error of the practice platform."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the message says what is missing or what to do next."""
