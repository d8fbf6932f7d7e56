"""A mock national top-level node, for the demo and the tests. Nothing else imports it.

Three listeners: the national node itself, another city's secondary node that it refers to, and a
management port on loopback for faults and for reading what was received.
"""
