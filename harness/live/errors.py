"""What can go wrong before a live cluster runs: one clear line each."""

from __future__ import annotations

from harness.errors import UsageError


class StartError(UsageError):
    """A node could not be started, or did not behave like one. ``str(e)`` is one line."""


class OutOfReachError(StartError):
    """Its machine cannot be told to start it, which says nothing of the node."""
