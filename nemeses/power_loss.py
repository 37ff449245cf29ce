"""Power loss: the machine is gone at once, and with it what was not fsynced. Restarted on leaving.

The share of ``all`` and ``majority`` is large: a write acknowledged before it was durable is lost only if
too many of the nodes that took it lose it together.
"""

from __future__ import annotations

from nemeses.crash import crashing, shapes
from nemeses.family import Family

FAMILY = Family(
    "power-loss",
    "machines lose power, and what they had not fsynced",
    shapes(
        {
            "one": 1,
            "minority": 1,
            "majority": 3,
            "all": 5,
            "leader": 3,
            "followers": 1,
            "random": 1,
            "rolling": 1,
            "new-leader": 1,
        },
        "power-loss",
        (30, 120),
        blackout="all",
    ),
    crashing(lambda port, node: port.power_loss(node)),
)
