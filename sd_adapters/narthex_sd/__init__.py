"""Discovery adapters for other systems: one folder each, the same names inside."""
