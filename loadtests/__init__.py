"""Load for a node on this machine: bulk, single, and what a benchmark compares them with.

Everything here talks to loopback only, is bounded in count, and ends by itself.
"""
