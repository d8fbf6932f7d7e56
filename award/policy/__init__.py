"""Policies: each folder is one, with its parameters, clauses, readings and facts."""
