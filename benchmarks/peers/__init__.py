"""Peers that benchmarks measure beside us, and what they have in common."""
