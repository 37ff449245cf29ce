"""The shortest cycle of one kind in each component, breadth first from each edge that may begin one.

A state is a node with three flags: SECOND, a further rw edge was passed; LEVEL, an edge was that makes the kind's
variant; LAST, the edge that led here was rw. Real time is not in the edges: a transaction precedes all that were
invoked after its completion, and breadth first each of them is visited once with the same flags; so it is with a
process.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

FAN = 5
PROCESS = 3
RT = 4

SECOND = 1
LEVEL = 2
LAST = 4
FLAGS = 8

NEVER = 1 << 40


def search(
    start: Sequence[int],
    to: Sequence[int],
    of: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    label: Sequence[int],
    within: Sequence[int],
    members: Sequence[int],
    spans: Sequence[int],
    skip: Sequence[int],
    after: Sequence[int],
    first: int,
    rest: int,
    level: int,
    rws: int,
    second: int,
    apart: int,
    steps_max: int,
    steps_all: int,
    visited: MutableSequence[int],
    parent: MutableSequence[int],
    via: MutableSequence[int],
    expanded: MutableSequence[int],
    queue: MutableSequence[int],
    fans: MutableSequence[int],
    walked: MutableSequence[int],
    path: MutableSequence[int],
    passed: MutableSequence[int],
    lengths: MutableSequence[int],
    states: MutableSequence[int],
    nodes: MutableSequence[int],
    classes: MutableSequence[int],
) -> None:
    """Search the components that are not to be skipped: ``members[spans[c]:spans[c + 1]]``, ascending, ``label`` c.

    ``first``, ``rest``, ``level``, ``rws``: masks of classes: of the first edge, of the others, of those of which one
    is needed (0: none is), of rw edges. ``second``: another rw edge is needed. ``apart``: no two rw edges are
    adjacent. A first edge has both ends of one number in ``within``. ``after``: of each transaction the next of its
    process in its component, -1.

    Found of a component: ``lengths``, 0 for none; ``nodes`` and ``classes`` from ``spans[c]``: each transaction and
    its edge to the next. ``states``: bit 1: the steps ended before the search; bit 2: a walk was dropped that passes
    a transaction twice.
    """
    txns = len(begin)
    timed = (rest >> RT) & 1
    sequential = (rest >> PROCESS) & 1
    if sequential:
        rest -= 1 << PROCESS  # ``after`` has it
    timed_level = LEVEL if (level >> RT) & 1 else 0
    sequential_level = LEVEL if (level >> PROCESS) & 1 else 0
    stamp = 0
    total = 0
    for component in range(len(lengths)):
        if skip[component]:
            continue
        low = spans[component]
        high = spans[component + 1]
        own = high
        while own > low and members[own - 1] >= txns:
            own -= 1
        best = NEVER
        steps = 0
        allowed = steps_max
        for number in range(low, own):
            source = members[number]
            for edge in range(start[source], start[source + 1]):
                if not (first >> of[edge]) & 1 or label[to[edge]] != component:
                    continue
                if within[to[edge]] < 0 or within[to[edge]] != within[source]:
                    continue
                if steps >= allowed or total >= steps_all:
                    if best == NEVER:
                        states[component] |= 1
                    break
                stamp += 1
                flags = 0 if second else SECOND
                if level == 0 or (level >> of[edge]) & 1:
                    flags |= LEVEL
                if apart:
                    flags |= LAST
                state = to[edge] * FLAGS + flags
                visited[state] = stamp
                parent[state] = -1
                via[state] = of[edge]
                head = 0
                tail = 0
                held = 0
                if to[edge] < txns:
                    queue[0] = state
                    tail = 1
                else:
                    fans[0] = state
                    held = 1
                depth = 1
                ends = tail or -1
                for flags in range(FLAGS):
                    passed[flags] = own
                goal = -1
                while goal < 0:
                    while held > 0:
                        held -= 1
                        state = fans[held]
                        node = state // FLAGS
                        flags = state % FLAGS
                        for at in range(start[node], start[node + 1]):
                            if label[to[at]] != component:
                                continue
                            steps += 1
                            reached = to[at] * FLAGS + flags
                            if visited[reached] == stamp:
                                continue
                            visited[reached] = stamp
                            parent[reached] = state
                            via[reached] = FAN
                            if to[at] == source:
                                if flags == SECOND | LEVEL:
                                    goal = reached
                            elif to[at] >= txns:
                                fans[held] = reached
                                held += 1
                            else:
                                queue[tail] = reached
                                tail += 1
                    if goal >= 0 or head == tail:
                        break
                    if ends < 0:
                        ends = tail
                    if head == ends:
                        depth += 1
                        ends = tail
                        if depth + 1 >= best:
                            break
                    if steps >= allowed:
                        if best == NEVER:
                            states[component] |= 1
                        break
                    state = queue[head]
                    head += 1
                    node = state // FLAGS
                    flags = state % FLAGS
                    for at in range(start[node], start[node + 1]):
                        if not (rest >> of[at]) & 1 or label[to[at]] != component:
                            continue
                        steps += 1
                        reached = flags & (SECOND | LEVEL)
                        if (rws >> of[at]) & 1:
                            if flags & LAST:
                                continue
                            reached |= SECOND
                            if apart:
                                reached |= LAST
                        if (level >> of[at]) & 1:
                            reached |= LEVEL
                        target = to[at]
                        if target == source:
                            if reached == SECOND | LEVEL:
                                goal = target * FLAGS + reached
                                parent[goal] = state
                                via[goal] = of[at]
                                break
                            continue
                        reached += target * FLAGS
                        if visited[reached] == stamp:
                            continue
                        visited[reached] = stamp
                        parent[reached] = state
                        via[reached] = of[at]
                        if target >= txns:
                            fans[held] = reached
                            held += 1
                        else:
                            queue[tail] = reached
                            tail += 1
                    if goal >= 0:
                        break
                    if timed and end[node] >= 0:
                        reached = (flags & (SECOND | LEVEL)) | timed_level
                        if end[node] < begin[source] and reached == SECOND | LEVEL:
                            goal = source * FLAGS + reached
                            parent[goal] = state
                            via[goal] = RT
                            break
                        floor = low
                        ceiling = passed[reached]
                        while floor < ceiling:
                            middle = (floor + ceiling) // 2
                            if begin[members[middle]] > end[node]:
                                ceiling = middle
                            else:
                                floor = middle + 1
                        ceiling = passed[reached]
                        if floor < ceiling:
                            passed[reached] = floor
                        for at in range(floor, ceiling):
                            steps += 1
                            target = members[at] * FLAGS + reached
                            if visited[target] != stamp and members[at] != source:
                                visited[target] = stamp
                                parent[target] = state
                                via[target] = RT
                                queue[tail] = target
                                tail += 1
                    if sequential:
                        reached = (flags & (SECOND | LEVEL)) | sequential_level
                        target = after[node]
                        while target >= 0 and expanded[target * FLAGS + reached] != stamp:
                            steps += 1
                            expanded[target * FLAGS + reached] = stamp
                            at = target * FLAGS + reached
                            if visited[at] != stamp:
                                visited[at] = stamp
                                parent[at] = state
                                via[at] = PROCESS
                                if target != source:
                                    queue[tail] = at
                                    tail += 1
                                elif reached == SECOND | LEVEL:
                                    goal = at
                                    break
                            target = after[target]
                if goal < 0:
                    continue
                # back from the goal; what led into a fan is the edge to where the fan leads
                length = 0
                simple = 1
                state = goal
                while state >= 0:
                    kind = via[state]
                    state = parent[state]
                    if kind == FAN:
                        continue
                    node = state // FLAGS if state >= 0 else source
                    if walked[node] == stamp:
                        simple = 0
                    walked[node] = stamp
                    if simple:
                        path[length] = node * FLAGS * 2 + kind
                    length += 1
                if not simple:
                    states[component] |= 2
                    continue
                if length < best:
                    best = length
                    lengths[component] = length
                    for at in range(length):
                        nodes[low + at] = path[length - 1 - at] // (FLAGS * 2)
                        classes[low + at] = path[length - 1 - at] % (FLAGS * 2)
                    allowed = min(allowed, steps + steps_max // 8)
                if best == 2:
                    break
            if best == 2 or (steps >= allowed and best < NEVER):
                break
        total += steps
