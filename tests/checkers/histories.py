"""Short histories for tests: ops without the ceremony."""

from __future__ import annotations

from typing import Any

from checkers.history import NEMESIS, Op, OpType
from checkers.record import Record
from checkers.result import Result

MS = 1_000_000


class History:
    """Collects ops; every op is a millisecond after the one before unless ``at_ms`` says when."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self._now = 0

    def op(self, process: int | str, type_: OpType, f: str, value: Any = None, **fields: Any) -> Op:
        at_ms = fields.pop("at_ms", None)
        self._now = self._now + MS if at_ms is None else at_ms * MS
        made = Op(len(self.ops), self._now, process, type_, f, value=value, **fields)
        self.ops.append(made)
        return made

    def invoke(self, process: int, f: str, value: Any = None, **fields: Any) -> Op:
        return self.op(process, "invoke", f, value, node=fields.pop("node", f"n{process}"), **fields)

    def ok(self, process: int, f: str, value: Any = None, **fields: Any) -> Op:
        return self.op(process, "ok", f, value, node=fields.pop("node", f"n{process}"), **fields)

    def done(self, process: int, f: str, value: Any = None, result: Any = None, **fields: Any) -> None:
        """An operation that is ok at once."""
        key = fields.get("key")
        self.invoke(process, f, value, **fields)
        self.ok(process, f, result if result is not None else value, key=key)

    def nemesis(self, f: str, value: Any, **fields: Any) -> Op:
        return self.op(NEMESIS, "info", f, value, **fields)

    def phase(self, name: str, **fields: Any) -> None:
        self.nemesis("phase", {"name": name}, **fields)

    def judge(self, checker: Any, **options: Any) -> Result:
        result: Result = checker.check(Record(self.ops, options=options))
        assert result.verdict == "valid" or result.why, "what is not valid says why"
        assert result.verdict != "invalid" or result.anomalies, "what is invalid shows it"
        indexes = {op.index for op in self.ops}
        assert all(i in indexes for a in result.anomalies for i in a.op_indexes)
        return result


def types(result: Result) -> list[str]:
    return sorted({a.type for a in result.anomalies})
