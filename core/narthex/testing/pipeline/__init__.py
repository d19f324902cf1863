"""Tests of a configuration that users write in YAML: discovered groups in, targets, samples and alerts out.

Nothing is imitated: groups go through :func:`narthex.targets.targets`, scrape texts through the scrape kinds and the
series cache, rules through the rule groups and the engine; only storage and clock are those of the test kit.
"""
