"""The line to the national top-level node: signed requests, their messages, the client."""
