"""Every test runs under the guards of the author's kit, as those of plugins may (docs/reference/testing.md)."""

pytest_plugins = ["narthex.testing.plugin"]
