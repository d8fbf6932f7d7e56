"""Several worker processes and a keeper under one supervisor: `biaoshi serve --workers N`.

The supervisor opens every listening socket and hands it down, so that no connection is lost with
the process it would have come to. Its children live as long as they hear of it.
"""
