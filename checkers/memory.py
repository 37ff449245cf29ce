"""How much memory this process has needed at most."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

_UNIT = 1 if sys.platform == "darwin" else 1024
"""of ``ru_maxrss``, in bytes"""


_BEFORE = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""as this was imported; on Linux at least what the process that started this one held"""


def peak_mb() -> float:
    """Megabytes since the process began."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if most == _BEFORE:
        with suppress(OSError, ValueError, IndexError):
            most = _own_kilobytes()
    return round(most * _UNIT / 1e6, 1)


def _own_kilobytes() -> int:
    status = os.open("/proc/self/status", os.O_RDONLY)
    try:
        return int(os.read(status, 1 << 13).split(b"VmHWM:", 1)[1].split(None, 1)[0])
    finally:
        os.close(status)
