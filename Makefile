# Frontdesk. The recipes need Python 3.11 or newer, git, make and a POSIX shell, and nothing else.

PYTHON ?= python3
PORT ?= 8000
JOBS ?= 2
PROFILE ?= short
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# Trusted is whom the machine trusts, as pip does: a clinic's network may have a proxy of its own.
UV := $(BIN)/uv --quiet --system-certs pip
COMPILE_AS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--no-annotate
COMPILE := $(UV) compile pyproject.toml $(COMPILE_AS)
COMPILE_WEB := $(UV) compile --group pyproject.toml:web $(COMPILE_AS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run assets test test-own-servers test-faults check fix bench screenshots setup lock

help:
	@echo 'make run               serve the demo on PORT (8000); data in FRONTDESK_DATA (.data)'
	@echo 'make test              all tests but the fault tests; ARGS="-k word" is passed on'
	@echo 'make test-own-servers  what talks to PostgreSQL and Redis, on those of Debian'
	@echo 'make test-faults       kill real processes; PROFILE=short (default) or full'
	@echo 'make check             formatting, lint, types, layers, rules, schema, translations'
	@echo 'make fix               format, and repair what the linter can'
	@echo 'make bench             measure; ARGS="..." is passed on'
	@echo 'make screenshots       take a picture of every page into docs/screenshots'
	@echo 'make assets            build what browsers load, where something changed'
	@echo 'make setup             make the environment for development in $(VENV)'
	@echo 'make lock              write the lock files; ARGS=--upgrade takes newer versions'

run: $(VENV)/.run assets
	@FRONTDESK_ENV=$${FRONTDESK_ENV:-demo} PORT=$(PORT) $(BIN)/frontdesk dev $(ARGS)

test: $(VENV)/.dev assets
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not faults' $(ARGS)

test-own-servers: $(VENV)/.dev assets
	@$(BIN)/python -m tests.support.own_servers \
		$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'servers and not browser and not faults' $(ARGS)

test-faults: $(VENV)/.dev assets
	@FAULTS_PROFILE=$(PROFILE) $(BIN)/python -m pytest -m faults $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture
	@if [ -e crm/web/translations.py ] || [ -e crm/web/translations/__main__.py ]; then \
		echo '$(BIN)/python -m crm.web.translations check'; \
		$(BIN)/python -m crm.web.translations check; \
	fi

fix: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev assets
	@$(BIN)/python -m bench $(ARGS)

screenshots: $(VENV)/.dev assets
	@$(BIN)/python -m tests.browser.screenshots

setup: $(VENV)/.dev assets

# What browsers load that others wrote; does nothing when nothing changed.
assets: $(VENV)/.node
	@$(BIN)/python -m crm.web.assets

lock: $(VENV)/.uv
	$(COMPILE) --extra embedded --group dev --group build -o requirements-dev.lock $(ARGS)
	$(COMPILE) --extra embedded --group build -c requirements-dev.lock -o requirements-run.lock
	$(COMPILE) -c requirements-dev.lock -o requirements.lock
	$(COMPILE_WEB) -o requirements-web.lock
	@$(PYTHON) -c 'import pathlib, sys; sys.exit(any("://" in p.read_text() for p in \
		pathlib.Path().glob("requirements*.lock")) and "a lock file holds an address")'

# What `make run` needs. Each stamp is newer than what it was made from, so a second call does nothing.
$(VENV)/.run: requirements-run.lock pyproject.toml | $(VENV)/.uv
	$(call install,requirements-run.lock)
	@touch $@

# What development needs, which is a superset.
$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.uv
	$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.run

# The machine's Node if it is new enough, else the one of a wheel.
$(VENV)/.node: requirements-web.lock | $(VENV)/.run
	@if node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20)' 2> /dev/null \
		&& command -v npm > /dev/null; then :; else \
		echo 'Installing Node (a minute the first time) ...'; \
		$(UV) install --python $(BIN)/python --require-hashes --only-binary :all: \
			-r requirements-web.lock; \
	fi
	@touch $@

$(VENV)/.uv: | $(VENV)/.made
	@echo 'Installing the installer ...'
	@$(BIN)/python -c "$$UV_LINES" > $(VENV)/uv.lock
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes \
		--only-binary :all: -r $(VENV)/uv.lock
	@touch $@

$(VENV)/.made:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 none; do \
		if [ $$python = none ]; then echo 'Frontdesk needs Python 3.11 or newer.' >&2; exit 1; fi; \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then break; fi; \
	done; \
	if ! $$python -c 'import ensurepip, venv' 2> /dev/null; then \
		echo 'Python cannot make an environment: install python3-venv' \
			'(on Debian and Ubuntu: sudo apt install python3-venv).' >&2; exit 1; \
	fi; \
	echo 'Making the environment $(VENV) ...'; \
	$$python -m venv $(VENV)
	@touch $@

# Every download is checked against a hash, the build backend's too, hence no build isolation.
define install
@echo 'Installing what $(1) lists (a minute or two the first time) ...'
@$(UV) install --python $(BIN)/python --require-hashes --only-binary :all: -r $(1)
@$(UV) install --python $(BIN)/python --no-deps --no-build-isolation --editable .
endef

# The lines of the installer's own pin and hashes in the lock.
define UV_LINES
import itertools, pathlib
lines = pathlib.Path("requirements-run.lock").read_text().splitlines()
first = next(i for i, line in enumerate(lines) if line.startswith("uv=="))
more = itertools.takewhile(lambda line: line.startswith(" "), lines[first + 1:])
print(lines[first], *more, sep="\n")
endef
export UV_LINES
