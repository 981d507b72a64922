# make run | make test | make check | make bench: each sets up what it needs, once.

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
# The first Python that is new enough; PYTHON=/path/to/python overrides it.
PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: run test check bench clean
.DELETE_ON_ERROR:

run: $(VENV)/run.ok
	@tools/system_libraries.sh run
	@$(PY) main.py $(ARGS)

test: $(VENV)/test.ok
	@tools/system_libraries.sh test
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n auto -m "not window"
	QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1920x1080x24" $(PY) -m pytest -m window

check: $(VENV)/test.ok
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/bench.ok
	@tools/system_libraries.sh test
	-$(PY) -m benchmarks.table
	$(PY) -m benchmarks.memory
	$(PY) -m benchmarks.training
	xvfb-run -a -s "-screen 0 1920x1080x24" $(PY) -m benchmarks.latency
	xvfb-run -a -s "-screen 0 1920x1080x24" $(PY) -m benchmarks.stack_latency

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The environment is made without its own pip: Debian's Python has no ensurepip, but any pip can
# install into another environment.
$(PY):
	@[ -n "$(PYTHON)" ] || { echo "ConvStudio needs Python 3.11 or newer; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/run.ok: pyproject.toml | $(PY)
	$(PYTHON) -m pip --python $(PY) install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/test.ok: pyproject.toml | $(PY)
	$(PYTHON) -m pip --python $(PY) install -q --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/run.ok

$(VENV)/bench.ok: pyproject.toml | $(PY)
	$(PYTHON) -m pip --python $(PY) install -q --disable-pip-version-check -e '.[bench]'
	@touch $@ $(VENV)/run.ok
