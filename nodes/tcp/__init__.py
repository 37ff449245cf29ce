"""Nodes over TCP: links to peers, a door for clients, a port for those who watch.

| module | what |
|---|---|
| `frames` | a stream of bytes cut into frames |
| `seal` | who is at the other end: handshake, keyed tags, replays; no sockets |
| `outgoing`, `incoming` | one directed link to a peer, one from it |
| `clients` | the clients' door: lines of JSON |
| `status` | `/metrics` and `/healthz` over HTTP |
| `metrics` | what is counted, and how Prometheus reads it |
| `settings` | the address book and everything else that flags and environment say |
| `node` | all of it around a host and its core |

A link is directed: what n0 sends to n1 travels on the connection that n0 dialled, and nothing but the handshake comes
back on it. So a proxy, a firewall rule or a counter for one direction is one for one connection.
"""
