"""A graph that grows, with an order of its nodes in which every edge leads forward, until that is impossible.

The order is mended when an edge leads backward: what can be reached from its head moves behind its tail, and nothing
else changes places (Marchetti-Spaccamela, Nanni and Rohnert, Information Processing Letters 59, 1996). That costs the
stretch between the two, which is short when edges come about in the order of the nodes, as dependencies do.
"""

from __future__ import annotations

from checkers.kernels.slots import longer, numbers

NONE = -1
ROOM = 256


class Acyclic:
    """``cyclic``: an edge closed a cycle; nothing is kept in order from then on."""

    def __init__(self) -> None:
        self.cyclic = False
        self.nodes = 0
        self.edges = 0
        self.rank = numbers(ROOM)  # by node
        self.ranked = numbers(ROOM)  # by rank
        self.first = numbers(ROOM)  # by node: its last edge
        self.mark = numbers(ROOM)
        self.stack = numbers(ROOM)
        self.next = numbers(ROOM)  # by edge
        self.to = numbers(ROOM)

    def node(self) -> int:
        """A new one, the last in the order."""
        number = self.nodes
        if number == len(self.rank):
            self.rank = longer(self.rank, 2 * number)
            self.ranked = longer(self.ranked, 2 * number)
            self.first = longer(self.first, 2 * number)
            self.mark = longer(self.mark, 2 * number)
            self.stack = longer(self.stack, 2 * number)
        self.rank[number] = number
        self.ranked[number] = number
        self.first[number] = NONE
        self.nodes = number + 1
        return number

    def edge(self, source: int, target: int) -> None:
        if source == target:
            return
        at = self.edges
        if at == len(self.next):
            self.next = longer(self.next, 2 * at)
            self.to = longer(self.to, 2 * at)
        self.to[at] = target
        self.next[at] = self.first[source]
        self.first[source] = at
        self.edges = at + 1
        if self.rank[target] < self.rank[source] and not self.cyclic:
            self.mend(source, target)

    def mend(self, source: int, target: int) -> None:
        """The edge leads backward."""
        limit = self.rank[source]
        low = self.rank[target]
        size = 1
        self.stack[0] = target
        self.mark[target] = 1
        while size > 0:
            size -= 1
            at = self.first[self.stack[size]]
            while at != NONE:
                node = self.to[at]
                if node == source:
                    self.cyclic = True
                    return
                if self.mark[node] == 0 and self.rank[node] < limit:
                    self.mark[node] = 1
                    self.stack[size] = node
                    size += 1
                at = self.next[at]
        # what is marked goes behind the rest, each in its order
        moved = 0
        for rank in range(low, limit + 1):
            node = self.ranked[rank]
            if self.mark[node]:
                self.mark[node] = 0
                self.stack[moved] = node
                moved += 1
            else:
                self.ranked[rank - moved] = node
                self.rank[node] = rank - moved
        for i in range(moved):
            node = self.stack[i]
            self.ranked[limit - moved + 1 + i] = node
            self.rank[node] = limit - moved + 1 + i
