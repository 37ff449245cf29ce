from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec import structs

from checkers import create
from checkers.history import NEMESIS, Op
from checkers.record import Record
from nodes.topics import Topics
from tests.workloads.drive import drive, invoked, values
from workloads import broadcast, registry
from workloads.generators import NOTHING
from workloads.keys import Keys
from workloads.options import Option, OptionError, resolve
from workloads.port import FINAL_REQUESTS, CallError, CallTimeoutError, Workload

THREADS = 4


class Memory:
    """A node that does everything right: the requests of all workloads on one state."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.elements: list[Any] = []
        self.ids = 0
        self.sum: int | None = None
        self.topics = Topics()
        self.clients: dict[int, Any] = {}
        """of each thread, as the interpreter has them"""

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return getattr(self, "_" + body["type"])(body)

    def _read(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if "key" not in body:
            value = list(self.elements) if self.sum is None else self.sum
            return {"type": "read_ok", "value": value, "messages": list(self.elements)}
        if body["key"] not in self.values:
            raise CallError(20, "no such key", definite=True)
        return {"type": "read_ok", "value": self.values[body["key"]]}

    def _write(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.values[body["key"]] = body["value"]
        return {"type": "write_ok"}

    def _cas(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.values.get(body["key"]) != body["from"]:
            raise CallError(22, "mismatch", definite=True)
        return self._write({"key": body["key"], "value": body["to"]})

    def _txn(self, body: Mapping[str, Any]) -> dict[str, Any]:
        done = []
        for f, k, v in body["txn"]:
            if f == "append":
                self.values[k] = [*self.values.get(k, []), v]
            elif f == "w":
                self.values[k] = v
            done.append([f, k, v if f != "r" else self.values.get(k)])
        return {"type": "txn_ok", "txn": done}

    def _transfer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.values[body["from"]] < body["amount"]:
            raise CallError(22, "overdrawn", definite=True)
        self.values[body["from"]] -= body["amount"]
        self.values[body["to"]] += body["amount"]
        return {"type": "transfer_ok"}

    def _send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.topics.send(dict(body))

    def _poll(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.topics.poll(dict(body))

    def _commit_offsets(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.topics.commit(dict(body))

    def _list_committed_offsets(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.topics.committed(dict(body))

    def _topology(self, body: Mapping[str, Any]) -> dict[str, Any]:
        del body
        return {"type": "topology_ok"}

    def _add(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if "delta" in body:
            self.sum = (self.sum or 0) + body["delta"]
            return {"type": "add_ok"}
        self.elements.append(body["element"])
        return {"type": "add_ok"}

    def _broadcast(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.elements.append(body["message"])
        return {"type": "broadcast_ok"}

    def _echo(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "echo_ok", "echo": body["echo"]}

    def _generate(self, body: Mapping[str, Any]) -> dict[str, Any]:
        del body
        self.ids += 1
        return {"type": "generate_ok", "id": self.ids}


def opened(workload: Workload) -> Memory:
    """A node that has had the requests that come before the run."""
    memory = Memory()
    for node, body in workload.setup(("n1",)) if workload.setup is not None else []:
        assert (node, body["type"] in workload.requests) == ("n1", True)
        memory.answer(body)
    return memory


def run(coroutine: Any) -> Any:
    """A coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as e:
        return e.value
    raise AssertionError("it waits")


def invoke(workload: Workload, memory: Memory, op: Op) -> Op:
    async def call(node: str, body: Mapping[str, Any]) -> dict[str, Any]:
        assert node == "n1"
        assert body["type"] in workload.requests
        return memory.answer(body)

    client = memory.clients.setdefault(int(op.process) % THREADS, workload.client())
    return run(client.invoke(op, "n1", call))


def play(workload: Workload, memory: Memory, gen: Any, ops_max: int = 2000) -> list[Op]:
    def oracle(op: Op) -> tuple[int, str, object]:
        try:
            done = invoke(workload, memory, op)
        except CallError as e:
            return 10, ("fail" if e.definite else "info"), op.value
        assert (done.process, done.f, done.key, done.node) == (op.process, op.f, op.key, "n1")
        return 10, done.type, done.value

    return drive(gen, oracle, threads=THREADS, ops_max=ops_max)


@pytest.mark.parametrize("name", registry.names())
def test_a_correct_node_answers_everything(name: str) -> None:
    workload, memory = registry.get(name), opened(registry.get(name))
    history = play(workload, memory, workload.generator({}))
    completed = [op for op in history if op.type not in ("invoke", "info")]
    assert len(completed) > 900
    share = sum(op.type == "ok" for op in completed) / len(completed)
    assert share > (0.75 if name in ("register", "bank") else 0.99)
    if workload.final is not None:
        final = play(workload, memory, workload.final({}), 5000)
        assert final, "there is something to read in the end"
        assert all(op.type in ("invoke", "ok") for op in final)
        # what was under way when the main phase was cut off stays open: the final reads are other processes'
        later = [structs.replace(op, process=int(op.process) + 1000) for op in final]
        whole = [*history, Op(-1, 0, NEMESIS, "info", "phase", value={"name": "final"}), *later]
        for judge in workload.checkers[:1]:
            ops = [structs.replace(op, index=i) for i, op in enumerate(whole)]
            result = create(judge).check(Record(ops, options=workload.judging))
            assert (result.verdict, result.why) == ("valid", "")


@pytest.mark.parametrize("name", ["echo", "unique-ids"])
def test_every_node_is_asked_again_in_the_end(name: str) -> None:
    """Without it nothing would tell whether the system answers after the last heal."""
    workload, memory = registry.get(name), Memory()
    final = play(workload, memory, workload.final({}) if workload.final else NOTHING)
    assert [op.process for op in sorted(invoked(final), key=lambda op: int(op.process))] == [
        thread for thread in range(4) for _ in range(FINAL_REQUESTS)
    ]
    if name == "echo":
        asked = values(final)
        main = values(play(workload, memory, workload.generator({})))
        assert len({*asked, *main}) == len(asked) + len(main), "no text comes twice"


def test_register_values_are_unique_and_cas_mostly_succeed() -> None:
    workload = registry.get("register")
    history = play(workload, Memory(), workload.generator({"keys": 3}), 4000)
    writes = [op.value if op.f == "write" else op.value[1] for op in invoked(history) if op.f != "read"]
    assert len(set(writes)) == len(writes)
    cas = [op for op in history if op.f == "cas" and op.type != "invoke"]
    assert sum(op.type == "ok" for op in cas) * 2 > len(cas) > 200
    assert {op.key for op in history} == {0, 1, 2} | set(range(3, max(op.key for op in history) + 1))


def test_register_keys_retire_and_the_sweep_finds_all_of_them() -> None:
    workload, memory = registry.get("register"), Memory()
    history = play(workload, memory, workload.generator({"keys": 4, "ops_per_key": 20}), 2000)
    used: dict[Any, int] = {}
    for op in invoked(history):
        used[op.key] = used.get(op.key, 0) + 1
    assert max(used.values()) == 20
    assert len(used) > 40
    final = play(workload, memory, workload.final({"keys": 4, "ops_per_key": 20}), 5000)
    for process in range(4):
        read = {op.key: op.value for op in final if op.type == "ok" and op.process == process}
        assert {k: v for k, v in read.items() if v is not None} == memory.values


def test_sweep_ends_when_nothing_answers() -> None:
    workload = registry.get("register")
    history = drive(workload.final({}), lambda op: (10, "fail", op.value), threads=2)
    assert len(invoked(history)) == 2 * 8


def test_register_read_of_an_absent_key_is_none_and_other_errors_pass() -> None:
    workload = registry.get("register")
    op = Op(-1, 5, 3, "invoke", "read", 7)
    done = invoke(workload, Memory(), op)
    assert (done.type, done.value, done.key, done.process) == ("ok", None, 7, 3)

    for error in (CallError(11, "later", definite=True), CallTimeoutError("late")):

        async def call(node: str, body: Mapping[str, Any], error: Exception = error) -> dict[str, Any]:
            del node, body
            raise error

        with pytest.raises(type(error)):
            run(workload.client().invoke(op, "n1", call))


@pytest.mark.parametrize("name", registry.names())
def test_a_reply_without_its_field_is_an_unknown_outcome(name: str) -> None:
    workload = registry.get(name)
    reads = {
        "register": Op(-1, 0, 0, "invoke", "read", 1),
        **dict.fromkeys(("txn-list-append", "txn-rw-register"), Op(-1, 0, 0, "invoke", "txn")),
        "kafka": Op(-1, 0, 0, "invoke", "poll", None, [["poll", ["0"]]]),
    }
    other = {"echo": "echo", "unique-ids": "generate"}
    op = reads.get(name) or Op(-1, 0, 0, "invoke", other.get(name, "read"))

    async def call(node: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": f"what {node} {body['type']}"}

    with pytest.raises(CallError, match="has no field") as caught:
        run(workload.client().invoke(op, "n1", call))
    assert not caught.value.definite


def test_register_transactions() -> None:
    workload, memory = registry.get("rw-register"), Memory()
    options = {"key_count": 3, "max_txn_length": 5, "max_writes_per_key": 10}
    history = play(workload, memory, workload.generator(options), 1500)
    written = [micro[2] for op in invoked(history) for micro in op.value if micro[0] == "w"]
    assert len(set(written)) == len(written) > 300
    final = play(workload, memory, workload.final(options), 5000)
    read = {m[1]: m[2] for op in final if op.type == "ok" for m in op.value if m[2] is not None}
    assert read == memory.values


def test_list_append_transactions() -> None:
    workload, memory = registry.get("list-append"), Memory()
    options = {"key_count": 3, "max_txn_length": 5, "max_writes_per_key": 10}
    history = play(workload, memory, workload.generator(options), 1500)
    txns = [op.value for op in invoked(history)]
    assert {len(t) for t in txns} == {1, 2, 3, 4, 5}
    appended = [micro[2] for t in txns for micro in t if micro[0] == "append"]
    assert len(set(appended)) == len(appended)
    assert max(len(v) for v in memory.values.values()) == 10
    final = play(workload, memory, workload.final(options), 5000)
    read = {m[1]: m[2] for op in final if op.type == "ok" for m in op.value if m[2]}
    assert read == memory.values


def test_broadcast_topology_is_symmetric_and_connected() -> None:
    for n in range(1, 12):
        nodes = tuple(f"n{i}" for i in range(n))
        topology = broadcast.grid(nodes)
        assert tuple(topology) == nodes
        assert all(a in topology[b] for a in nodes for b in topology[a])
        reached, todo = {"n0"}, ["n0"]
        while todo:
            todo.extend(x for x in topology[todo.pop()] if x not in reached and not reached.add(x))
        assert len(reached) == n
    assert [node for node, _ in broadcast.setup(("n0", "n1"))] == ["n0", "n1"]


def test_keys() -> None:
    keys, retired = Keys.begin(2, 2).used(0)
    assert (keys.keys, retired) == ((0, 1), False)
    keys, retired = keys.used(0)
    assert (keys.keys, keys.uses, retired) == ((2, 1), (0, 0), True)
    assert Keys.begin(1, 0).used(0)[0].used(0)[1] is False


def test_options() -> None:
    known = (Option("keys", 8, 1, 10, "."),)
    assert resolve("w", known, {}) == {"keys": 8}
    assert resolve("w", known, {"keys": 10}) == {"keys": 10}
    for bad in (0, 11, "8", 8.0, True, None):
        with pytest.raises(OptionError, match="expected an integer from 1 to 10"):
            resolve("w", known, {"keys": bad})
    with pytest.raises(OptionError, match="no option 'kyes'; did you mean 'keys'"):
        resolve("w", known, {"kyes": 1})


@pytest.mark.parametrize("name", registry.names())
def test_unknown_options_are_refused_by_generator_and_final(name: str) -> None:
    workload = registry.get(name)
    with pytest.raises(OptionError, match="has no option 'nonsense'"):
        workload.generator({"nonsense": 1})
    if workload.final is not None:
        with pytest.raises(OptionError, match="has no option 'nonsense'"):
            workload.final({"nonsense": 1})


def test_registry_names_the_nearest() -> None:
    assert registry.get("lin-kv") is registry.get("register")
    assert registry.get("list-append") is registry.get("txn-list-append")
    assert registry.get("rw-register") is registry.get("txn-rw-register")
    with pytest.raises(registry.UnknownNameError, match="did you mean 'register'"):
        registry.get("regsiter")
    with pytest.raises(registry.UnknownNameError, match="expected one of register, "):
        registry.get("zzz")
