# Everything a developer types. The virtual environment is made on first use and again when pyproject.toml changes.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: run install test check bench format stress
run: install
	$(VENV)/bin/narthex run --config.file=examples/quickstart/prometheus.yml --storage.tsdb.path=data \
	  --web.listen-address=127.0.0.1:9090 --web.enable-lifecycle

install: $(STAMP)

$(STAMP): pyproject.toml
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --editable '.[all,dev]'
	touch $(STAMP)

test: install
	$(PY) -m pytest

check: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

format: install
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: install
	$(PY) -m tests.benchmarks

# Kills a loaded storage again and again, and compares what was acknowledged with what is there.
stress: install
	NARTHEX_KILLS=60 $(PY) -m pytest tests/plugins/tsdb/test_kills.py
	NARTHEX_SEEDS=100 $(PY) -m pytest tests/plugins/tsdb/test_adversity.py tests/plugins/tsdb/test_hardship.py
