"""Relabeling: rules compiled once into closures over plain dicts. The actions themselves are plugins."""
