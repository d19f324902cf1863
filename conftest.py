"""Every test runs under the guards of the author's kit, as those of plugins may (docs/reference/testing.md).

Property tests try the same examples in every run and have no time limit of their own, so that whether the suite passes
depends on the code alone. ``pytest --hypothesis-profile=search`` looks for new examples.
"""

import gc

from hypothesis import HealthCheck, settings

pytest_plugins = ["narthex.testing.plugin"]

# How long generating an example takes says something about the machine, nothing about the code.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", settings.get_profile("search"), derandomize=True, database=None)
settings.load_profile("suite")


def pytest_collection_finish() -> None:
    """Leave what was collected out of garbage collections: 12,000 of them took a tenth of the run."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the interpreter clear everything away when it ends, or libraries in C++ complain of leaks."""
    gc.unfreeze()
