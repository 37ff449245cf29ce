"""How much memory this process has needed at most."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

_UNIT = 1 if sys.platform == "darwin" else 1024
"""of ``ru_maxrss``, in bytes"""


def peak_mb() -> float:
    """Megabytes since the process began. Linux counts in ``ru_maxrss`` what the one that started it held, too."""
    with suppress(OSError, ValueError, IndexError):
        status = os.open("/proc/self/status", os.O_RDONLY)
        try:
            kilobytes = int(os.read(status, 1 << 13).split(b"VmHWM:", 1)[1].split(None, 1)[0])
        finally:
            os.close(status)
        return round(kilobytes * 1024 / 1e6, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT / 1e6, 1)
