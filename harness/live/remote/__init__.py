"""Other machines, as far as a harness needs them: run a script, copy a file. One port, three ways to get there.

| module | what |
|---|---|
| port | ``Remote``: what faults and environments are written on; what can go wrong |
| shell | one POSIX shell kept open, so that a command costs no connection of its own |
| local | this machine, or namespaces of its processes |
| container | a container, through the engine's API; through its namespaces where the engine is on this machine |
| ssh | a host, over SSH: keys, known hosts, jump host, sudo |
| hosts | the file in which a user lists hosts |
"""
