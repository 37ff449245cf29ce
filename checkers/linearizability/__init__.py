"""Linearizability: one order of all operations that respects real time and a sequential model (checkers/models).

| module | what |
|---|---|
| checker | the judge: a history by key, engines in the model's order, the result |
| objects | the operations that may have happened, key by key, in columns |
| engines | what an engine is, and the table of them |
| zones | engine: registers of which no observed value was written twice, in linear time |
| search | engine: registers that reuse values; a compiled search |
| table | engine: any model by its step; a compiled search |
| datatypes | engines: queues, stacks, sets, counters, locks and lists, without a search |
| online | the same while a run goes on |
| explain and what it imports | a violation's smallest history, the states before it, and words |
| budget, purse | time and memory, and how a compiled search asks for them |
"""

from __future__ import annotations

from checkers.linearizability.checker import Linearizability, check, model_named

__all__ = ["Linearizability", "check", "model_named"]
