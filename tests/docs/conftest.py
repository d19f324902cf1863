"""The sample plugins of the how-to pages, as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "docs/how-to/samples"


@pytest.fixture
def sample(monkeypatch):
    """A function that imports a sample by its file's name."""

    def load(name):
        spec = importlib.util.spec_from_file_location(name, SAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load
