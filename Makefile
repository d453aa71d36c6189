# The one door: each target does its own set-up. It needs Python 3.11 or newer and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV ?= $(shell command -v uv || echo .uv/bin/uv)
RUN = $(UV) run --frozen --no-progress
ONCE ?=
SEED ?= 0
PYTEST_OPTIONS ?=

# The dependencies at the oldest versions that pyproject.toml allows; frameworks that most users do
# not have. Versions are given, so that CI says the same of a commit next year. PyTorch comes by pip,
# which also finds builds without CUDA where they are configured.
CORE_TESTS = tests/unit tests/contract tests/meta/test_imports.py
TEST_TOOLS = hypothesis==6.170.15 matplotlib==3.11.2 pytest==9.2.0 pytest-randomly==5.1.0 \
	pytest-timeout==2.4.0 pytest-xdist==3.8.0
FRAMEWORKS = catboost==1.2.10 keras==3.15.1 lightgbm==4.7.0 optuna==5.0.0 statsmodels==0.15.0 \
	xgboost-cpu==3.2.0
TORCH = torch==2.13.0
# Only these: others need what the environment of the frameworks does not have.
FRAMEWORK_TESTS = $(shell grep -rl --include='test_*.py' 'mark\.frameworks' tests)

.PHONY: help setup demo test oldest newest frameworks torture statistics lint bench docs clean

help:  ## Show the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.5'

setup: $(filter .uv/bin/uv,$(UV))  ## Make the environment.
	@[ -d .venv ] || echo "Making the environment in .venv, once: the dependencies are downloaded."
	@$(UV) sync --frozen --quiet --no-progress

demo: setup  ## Run the example, from raw data to a served model; ONCE=1 ends by itself.
	$(RUN) python examples/forest_cover/demo.py $(if $(ONCE),--once)

test: setup  ## Run the tests.
	$(RUN) pytest -n auto --dist worksteal -q $(PYTEST_OPTIONS)

oldest: RESOLUTION = lowest-direct
oldest: setup  ## Run the core of the tests with the oldest dependencies allowed.
newest: RESOLUTION = highest
newest: setup  ## Run the core of the tests with the newest dependencies there are.
oldest newest:
	$(UV) venv --quiet --clear --python '$(PYTHON)' build/$@
	$(UV) pip install --quiet --python build/$@/bin/python --resolution $(RESOLUTION) -e '.[all]'
	$(UV) pip install --quiet --python build/$@/bin/python $(TEST_TOOLS)
	build/$@/bin/python -m pytest -n auto --dist worksteal -q -W ignore $(PYTEST_OPTIONS) $(CORE_TESTS)

frameworks: setup  ## Run the tests that need XGBoost, LightGBM, PyTorch and others.
	$(UV) venv --quiet --clear --seed --python '$(PYTHON)' build/frameworks
	$(UV) pip install --quiet --python build/frameworks/bin/python -e '.[all]' $(TEST_TOOLS) $(FRAMEWORKS)
	build/frameworks/bin/python -m pip install --quiet --disable-pip-version-check '$(TORCH)'
	build/frameworks/bin/python -m pytest -n auto --dist worksteal -q $(PYTEST_OPTIONS) -m frameworks $(FRAMEWORK_TESTS)

torture: setup  ## Run the long kill, fault and race loops; SEED=n replays.
	$(RUN) pytest -m 'torture or faults' -n auto --dist worksteal -q -p no:randomly -o timeout=7200 --torture --torture-seed=$(SEED)

statistics: setup  ## Run the long checks of how often drift raises false alarms.
	$(RUN) pytest -m statistics -n auto --dist worksteal -q -p no:randomly -o timeout=7200

lint: setup  ## Check style, types and layers; install the wheel bare.
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports
	rm -rf dist build/bare
	$(UV) build --quiet --wheel --out-dir dist
	$(UV) venv --quiet --python '$(PYTHON)' build/bare
	$(UV) pip install --quiet --python build/bare/bin/python dist/*.whl
	build/bare/bin/tauro --help > /dev/null
	@echo "lint: all well; the wheel's tauro runs in an empty environment"

bench: setup  ## Measure next to other tools, each in an environment of its own.
	$(RUN) python -m benchmarks

docs: setup  ## Write the generated pages anew and build the site into site/.
	$(RUN) python -m tools.reference
	$(RUN) python -m tools.coverage
	$(RUN) --group docs mkdocs build --quiet --clean
	@echo "docs: open site/index.html; its search needs a server: python -m http.server -d site"

clean:  ## Remove what the targets made.
	rm -rf .venv .uv dist build site .mypy_cache .ruff_cache .import_linter_cache
