"""Nemeses: faults as values, who they hit, when, and how they are applied and healed through a port.

| module | what |
|---|---|
| ``port`` | ``FaultPort``: the primitives an environment offers |
| ``fault`` | ``Fault``, ``Trigger``: closed data |
| ``schedule`` | ``Schedule`` with ``load`` and ``dump``, ``plan`` |
| ``targets`` | who is hit, decided when the fault acts |
| ``family`` | ``Family``, ``Shape``, ``Effect``: what a family is made of |
| ``partition``, ``link``, ``kill``, ``power_loss``, ``pause``, ``clock`` | a family each (``crash``: shared) |
| ``disk``, ``resource`` | a family each |
| ``registry`` | families by name; other packages' by entry point |
| ``draws`` | the random stream, injected |
"""
