"""The shipped test kit: what Narthex's own adapters are tested with, and what plugin authors use."""
