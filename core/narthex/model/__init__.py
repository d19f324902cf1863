"""The values that travel between the stages: frozen, comparable, free of I/O. Each has a module of its own."""
