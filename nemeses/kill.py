"""Kill: the process is gone at once (SIGKILL); what it wrote stays, fsynced or not. Restarted on leaving."""

from __future__ import annotations

from nemeses.crash import crashing, shapes
from nemeses.family import Family

FAMILY = Family(
    "kill",
    "processes are killed, and started again",
    shapes(
        {
            "one": 2,
            "minority": 2,
            "majority": 1,
            "all": 1,
            "leader": 5,
            "followers": 1,
            "random": 1,
            "rolling": 1,
            "new-leader": 2,
        },
        "kill",
        (30, 120),
        blackout="all",
    ),
    crashing(lambda port, node: port.kill(node)),
)
