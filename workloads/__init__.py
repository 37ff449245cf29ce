"""Workloads: what clients do to a system, and which checkers judge it.

| module | what |
|---|---|
| ``port`` | ``Workload``, ``Client``, ``Call``: generator, client and checkers that belong together |
| ``generators`` | combinators: what the clients do next |
| ``register``, ``list_append``, ``long_fork``, ``bank``, ``g_set``, ``broadcast`` | one workload each |
| ``rw_register``, ``kafka``, ``unique_ids``, ``echo`` | one each, too; ``counters``: g-counter and pn-counter |
| ``keys``, ``growing``, ``replies``, ``options`` | what several of them share |
| ``registry`` | workloads by name; other packages' by entry point |
"""
