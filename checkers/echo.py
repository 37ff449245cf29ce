"""Replies that must echo what was sent ("echo"), and ids that must differ ("unique-ids")."""

from __future__ import annotations

from checkers.operations import Operation, operations
from checkers.record import Record
from checkers.result import Anomaly, Result
from checkers.words import canonical, seconds, who

KEPT_MAX = 20


class Echo:
    """Every ``echo`` that is ok must carry exactly the value of its invocation."""

    name = "echo"
    anomalies = ("wrong-echo",)

    def check(self, record: Record) -> Result:
        wrong: list[Anomaly] = []
        checked = violations = 0
        for operation in operations(record.history):
            done = operation.completion
            if operation.invoke.f != "echo" or done is None or done.type != "ok":
                continue
            checked += 1
            sent, got = canonical(operation.invoke.value), canonical(done.value)
            if sent != got:
                violations += 1
                if len(wrong) < KEPT_MAX:
                    text = f"{who(done)} sent {sent.decode()} and got {got.decode()} at {seconds(done.time)}"
                    wrong.append(Anomaly("wrong-echo", operation.indexes(), explanation=text))
        coverage = {"operations": checked, "anomalies": violations}
        if wrong:
            why = f"{violations} of {checked} replies differ from what was sent"
            return Result("invalid", self.name, wrong, why, coverage)
        if not checked:
            return Result("unknown", self.name, why="no echo was ok", coverage=coverage)
        return Result("valid", self.name, coverage=coverage)


class UniqueIds:
    """No two ``generate`` that are ok may return the same id."""

    name = "unique-ids"
    anomalies = ("duplicate-id",)

    def check(self, record: Record) -> Result:
        holders: dict[bytes, list[Operation]] = {}
        checked = 0
        for operation in operations(record.history):
            done = operation.completion
            if operation.invoke.f == "generate" and done is not None and done.type == "ok":
                checked += 1
                holders.setdefault(canonical(done.value), []).append(operation)
        repeated = [(value, held) for value, held in holders.items() if len(held) > 1]
        wrong = [_duplicate(value.decode(), held) for value, held in repeated[:KEPT_MAX]]
        coverage = {"operations": checked, "anomalies": len(repeated)}
        if wrong:
            why = f"{len(repeated)} of {len(holders)} ids were given out more than once"
            return Result("invalid", self.name, wrong, why, coverage)
        if not checked:
            return Result("unknown", self.name, why="no id was generated", coverage=coverage)
        return Result("valid", self.name, coverage=coverage)


def _duplicate(value: str, held: list[Operation]) -> Anomaly:
    ends = [op for o in held if (op := o.completion) is not None]
    given = ", ".join(f"{who(op)} at {seconds(op.time)}" for op in ends[:4])
    text = f"id {value} was given to {len(held)} requests: {given}"
    return Anomaly("duplicate-id", [i for o in held for i in o.indexes()], explanation=text)
