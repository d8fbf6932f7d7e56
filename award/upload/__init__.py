"""Daily statistics for the bureau: desensitised, owed for every closed day, sent until received."""
