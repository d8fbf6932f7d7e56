"""Data templates: what records hold, who may read it, and what need not be stored."""
