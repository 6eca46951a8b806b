# The commands of this project; `make help` lists them.
# A fresh machine needs Python 3.11 with venv (Debian: apt-get install python3 python3-venv) and make.

PYTHON ?= python3
PATIENTS ?= 1000 8000
BIN := .venv/bin
FILES := fhir_server mappings profiles tests
# Every package that pip installs, the builder's own too, has the version that constraints.txt says.
INSTALL := PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench lock
.DELETE_ON_ERROR:

help: ## say what each command does
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

demo: .venv/.installed ## a server with the demonstration record on http://127.0.0.1:8080/fhir
	@$(BIN)/python -m fhir_server.demonstration

test: lint ## lint, then all tests on SQLite and on a real PostgreSQL
	@$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/.tested ## flake8, mypy --strict, import contracts
	@$(BIN)/flake8 $(FILES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: .venv/.tested ## requests per second; searches with PATIENTS="1000 8000" records. ARGS=--help: the first alone
	@$(BIN)/python -m tests.bench $(ARGS)
	@test -n "$(ARGS)" || $(BIN)/python -m tests.bench.served --patients $(PATIENTS)

lock: ## write constraints.txt anew: the newest versions that setup.cfg's ranges allow
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet --disable-pip-version-check --upgrade setuptools '.[test]'
	build/lock/bin/pip freeze --all --exclude fhir-server --exclude pip > constraints.txt
	rm -rf build/lock

# A stamp is older than setup.cfg when the dependencies may have changed.
.venv/.installed: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable .
	@touch $@

.venv/.tested: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[test]'
	@touch .venv/.installed $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or later is needed: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo 'the venv module is needed: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv .venv
