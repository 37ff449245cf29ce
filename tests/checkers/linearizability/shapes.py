"""How operations can lie in time, and random histories."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations, combinations_with_replacement
from typing import Any

from tests.checkers.linearizability.specs import SILENT, Spec
from tests.checkers.linearizability.twin import Step, Twin


@cache
def intervals(n: int) -> list[list[tuple[int, int]]]:
    """(begin, end) of n operations, one for each way in which some can precede others (interval orders)."""
    found: dict[frozenset[tuple[int, int]], list[tuple[int, int]]] = {}

    def extend(events: list[tuple[int, bool]], begun: tuple[int, ...], ended: tuple[int, ...]) -> None:
        if len(ended) == n:
            place = {event: at for at, event in enumerate(events)}
            spans = [(place[(i, False)], place[(i, True)]) for i in range(n)]
            order = frozenset((i, j) for i in range(n) for j in range(n) if spans[i][1] < spans[j][0])
            found.setdefault(order, spans)
            return
        last = events[-1] if events else (-1, False)
        for i in range(n):
            # neighbours of one sort commute: only in ascending order
            if i not in begun and (last[1] or i > last[0]):
                extend([*events, (i, False)], (*begun, i), ended)
            if i in begun and i not in ended and (not last[1] or i > last[0]):
                extend([*events, (i, True)], begun, (*ended, i))

    extend([], (), ())
    return list(found.values())


def all_small(
    twin: Twin, kinds: list[tuple[str, Any, Any]], n: int, crashed_max: int
) -> Iterator[list[Step]]:
    """Every history of n operations of these kinds, up to the names of processes; all but reads may crash."""
    numbers = [twin.number(*kind) for kind in kinds]
    reads = {twin.number(*kind) for kind in kinds if kind[0] in twin.spec.reads}
    crashes = [c for size in range(crashed_max + 1) for c in combinations(range(n), size)]
    for chosen in combinations_with_replacement(numbers, n):
        for spans in intervals(n):
            for crash in crashes:
                if any(chosen[i] in reads for i in crash):
                    continue
                if any(spans[i][1] < begin for i in crash for begin, _ in spans):
                    continue  # as if it had ended last
                yield [
                    Step(kind, begin, None if i in crash else end)
                    for i, (kind, (begin, end)) in enumerate(zip(chosen, spans, strict=True))
                ]


def sampled(random: Any, twin: Twin, n: int) -> list[Step]:
    """A random history: what an object could have answered, some of it then falsified, some crashed."""
    spec: Spec = twin.spec
    used: list[int] = []
    reuse = random.random() < 0.25
    slack = random.choice([0.3, 1.0, 1.0, 3.0])

    def fresh() -> int:
        if used and reuse and random.random() < 0.5:
            return random.choice(used)
        used.append(len(used) + 1)
        return used[-1]

    crash = random.choice([0.0, 0.0, 0.2, 0.4])
    moments = []
    for i in range(n):
        begin = random.random() * n
        end = begin + random.random() * slack * 2
        point = begin + random.random() * (end - begin)
        moments.append((point, begin, end, i))
    moments.sort()
    state = spec.initial
    drawn: list[tuple[str, Any, Any, float, float, bool]] = []
    for point, begin, end, _ in moments:
        del point
        f, asked = spec.ask(random, fresh)
        crashes = f not in spec.reads and random.random() < crash
        outcomes = spec.apply(state, f, asked)
        answer: Any = SILENT
        if outcomes and not (crashes and random.random() < 0.5):
            answer, state = random.choice(outcomes)
        elif not outcomes and not crashes:
            again = [spec.ask(random, fresh) for _ in range(6)]
            possible = [(g, a) for g, a in again if spec.apply(state, g, a)]
            if possible:
                f, asked = possible[0]
                answer, state = random.choice(spec.apply(state, f, asked))
        drawn.append((f, asked, answer, begin, end, crashes))
    if random.random() < 0.5:
        for _ in range(random.choice([1, 1, 2])):
            at = random.randrange(n)
            f, asked, answer, begin, end, crashes = drawn[at]
            if answer == SILENT or random.random() < 0.3:
                # it took effect at another time than its interval says
                begin = random.random() * n
                end = begin + random.random() * slack * 2
            else:
                answer = spec.lie(random, f=f, asked=asked, used=used)
            drawn[at] = (f, asked, answer, begin, end, crashes)
    if random.random() < 0.3:
        drawn = [
            (f, asked, SILENT if isinstance(answer, bool) and f in ("add", "remove") else answer, *rest)
            for f, asked, answer, *rest in drawn
        ]
    times = sorted([d[3] for d in drawn] + [d[4] for d in drawn])
    place = {time: at for at, time in enumerate(times)}
    return [
        Step(twin.number(f, asked, answer), place[begin], None if crashes else place[end])
        for f, asked, answer, begin, end, crashes in sorted(drawn, key=lambda d: d[3])
    ]


def drawn(random: Any, twin: Twin, count: int) -> Iterator[tuple[list[Step], bool]]:
    """(random history of 5 to 7 operations, whether it is linearizable); one in four is drawn until it is not."""
    for number in range(count):
        for _ in range(DRAWS_MAX):
            steps = sampled(random, twin, random.choice((5, 6, 7)))
            truth = twin.linearizable(steps)
            if number % 4 or not truth:
                break
        yield steps, truth


DRAWS_MAX = 100
