# carrybot: every target prepares what it needs (python3 >= 3.11 with venv, git, make).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SOAK_SCHEDULES ?= 20000
HITS ?= 10
KILLS ?= 500
DAYS ?= 30
PAIRS ?= 10

.DEFAULT_GOAL := help
.PHONY: help demo run test check bench lock fix picture soak campaigns faults kills month

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "carrybot needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/ready: requirements.lock requirements-signer.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock -r requirements-signer.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/ready-dev: requirements-dev.lock $(VENV)/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/ready ## pretend venues, pretend Telegram and the bot, with a chat page on loopback
	@$(BIN)/python -m sandbox --live --with $(BIN)/carrybot run

run: $(VENV)/ready ## the bot, as your .env says
	@$(BIN)/carrybot run

test: $(VENV)/ready-dev ## every test but the long ones
	$(BIN)/python -m pytest -n 4 --dist worksteal

check: $(VENV)/ready-dev ## format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory test

fix: $(VENV)/ready-dev ## format and apply safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/ready-dev ## ratios, measured in one run
	$(BIN)/python -m tests.campaigns.bench

soak: campaigns faults kills ## the long tests, faults and kills at full size

campaigns: $(VENV)/ready-dev ## the tests that are too long for make test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m campaign

kills: $(VENV)/ready-dev ## kill -9 at every crash point of the protocol (HITS=5 KILLS=200: less)
	HITS=$(HITS) KILLS=$(KILLS) $(BIN)/python -m tests.campaigns.kill

faults: $(VENV)/ready-dev ## every fault at every order, and random worlds (SOAK_SCHEDULES=2000: less)
	$(BIN)/python -m tests.campaigns.soak $(SOAK_SCHEDULES)

month: $(VENV)/ready-dev ## thirty pretend days with ten pairs, faults on, every cent audited
	$(BIN)/python -m tests.campaigns.month $(DAYS) $(PAIRS)

picture: $(VENV)/ready-dev ## take the README's pictures anew (needs chromium)
	PICTURE=docs/images/demo.png $(BIN)/python -m pytest -k found_opened tests/journeys/test_page.py
	$(BIN)/python -m tests.campaigns.bench_pictures docs/images

lock: $(VENV)/bin/python ## re-pin the requirements (UPGRADE=--upgrade for new versions)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(UPGRADE) pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(UPGRADE) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-deps --custom-compile-command "make lock" $(UPGRADE) --group signer --output-file requirements-signer.lock
