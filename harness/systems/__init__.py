"""Other people's systems: how to start a member of each, and how to speak to it.

An adapter is a file of a page or two. It knows nothing of faults, histories or verdicts.

| file | what |
|---|---|
| port.py | what an adapter is: ``Adapter``, ``Client``, ``Place`` |
| registry.py | the adapters by name, by entry point, or by file |
| streams.py | connections that are kept; what a failed one means |
| http.py, resp.py | the two protocols spoken here: JSON over HTTP, and Redis' |
| etcd.py, redis.py, pysyncobj.py | one system each |
| pysyncobj_node.py | the program around PySyncObj, which is a library; run as a file, imports nothing of ours |
"""
