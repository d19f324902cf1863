"""Configuration: YAML with positions, read strictly into frozen dataclasses, secrets masked on the way out."""
