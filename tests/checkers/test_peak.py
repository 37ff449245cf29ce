"""What a process needed at most, apart from what the one that started it held."""

from __future__ import annotations

import subprocess
import sys

SIZE_MB = 300
CHILD = "from checkers.memory import peak_mb; print(peak_mb())"
PARENT = f"""
import subprocess, sys
held = bytearray({SIZE_MB} * 1_000_000)
held[::4096] = b"x" * len(held[::4096])
from checkers.memory import peak_mb
print(peak_mb())
print(subprocess.run([sys.executable, "-c", {CHILD!r}], capture_output=True, text=True, check=True).stdout)
"""


def test_what_another_process_held_is_not_counted():
    done = subprocess.run([sys.executable, "-c", PARENT], capture_output=True, text=True, check=True)
    own, child = map(float, done.stdout.split())
    assert own > SIZE_MB > child > 1
