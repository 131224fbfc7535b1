# Everything a newcomer runs. `make demo` shows Footnote at work; `make test` is what CI runs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Pip's own cache and progress bars are left as they are: the first installation takes minutes and should show it.
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Processes of the tests. Each has services of its own: 2 GB of memory.
JOBS ?= 2
# Cases of each generator of attacks; `make test` runs 300.
CASES ?= 3000
# For each operation of the API a thirtieth of this, and what its schema's limits ask for.
API_CASES ?= 1500
# PyPI's torch for Linux brings 4 GB for GPUs. An index of its CPU builds, or a torch that the machine has, saves them:
# TORCH_INDEX=https://download.pytorch.org/whl/cpu, or VENV_FLAGS=--system-site-packages.
TORCH_INDEX ?=
VENV_FLAGS ?=
INPUTS := pyproject.toml constraints.txt

.PHONY: help demo test attack scale chaos identity openapi api-cases npm lint format constraints needs clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.run ## Start Footnote, ingest the demo documents, ask four questions
	@$(BIN)/footnote up
	@$(BIN)/python -m deploy.demo.tickets build/demo/tickets.sqlite3
	@$(BIN)/footnote sources list | grep -q ' sql  Support tickets$$' || $(BIN)/footnote sources add sql 'Support tickets' \
	--config deploy/demo/sources/tickets/tickets.toml --set url='sqlite:///$(CURDIR)/build/demo/tickets.sqlite3' --sync
	@$(BIN)/footnote ingest deploy/demo/documents
	@ask() { printf '\n\033[1m$$ footnote ask'; printf ' %q' "$$@"; printf '\033[0m\n\n'; $(BIN)/footnote ask "$$@"; }; \
	ask 'How many weeks of parental leave does each parent get at full pay?'; \
	ask 'What is the hotel limit per night in Norway, and what does the travel policy say about it?' --department Travel; \
	printf '\nThe same question twice. A reader from the security team finds the incident report:\n'; \
	ask 'How much did Brenner Chemie pay to the wrong account?' --as tomas --group security; \
	printf '\nA reader who is not in that group does not, whatever they ask:\n'; \
	ask 'How much did Brenner Chemie pay to the wrong account?'; \
	printf '\nThe support tickets come from a database, a document a row:\n'; \
	ask 'What does a replacement for a cracked H6 housing cost?' --department Support
	@printf '\n'; $(BIN)/footnote up
	@echo "Ask there, or with: $(BIN)/footnote ask 'How do I book a business trip?'"
	@echo "Stop it with:       $(BIN)/footnote down"

test: needs $(VENV)/.dev ## Run the whole suite and all checks, on real services
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n $(JOBS)

attack: needs $(VENV)/.dev ## Attack Footnote with generated cases: make attack CASES=3000
	ATTACK_CASES=$(CASES) $(BIN)/python -m pytest -m attack -n $(JOBS)

scale: needs $(VENV)/.dev ## Sync sources of 20,000 to 100,000 documents, as the suite does smaller ones: minutes
	FOOTNOTE_TEST_SCALE=1 $(BIN)/python -m pytest -s tests/integration/test_source_s3.py tests/integration/test_sql_sources.py \
	tests/integration/test_sharepoint.py tests/integration/test_confluence_scale.py

chaos: needs $(VENV)/.dev ## Kill every process, in an ingest and in syncs of an edited folder: minutes
	$(BIN)/python -m pytest -m chaos -s tests/integration/test_chaos.py tests/integration/test_chaos_edits.py

identity: needs $(VENV)/.dev ## Have a real Keycloak sign people in: minutes
	$(BIN)/python -m pytest -m identity tests/integration/test_identity.py

openapi: $(VENV)/.dev ## Accept the HTTP API of today as the one that later changes must not break
	$(BIN)/python -m tests.unit.api.write_openapi

api-cases: needs $(VENV)/.dev ## Put 10,000 generated requests to the API, as a reader and as an administrator
	ATTACK_CASES=$(API_CASES) $(BIN)/python -m pytest -m attack -s tests/integration/test_attack_http.py -k 'administrator or reader'

npm: $(VENV)/.dev ## Ask through OpenAI's client for Node.js; needs node and npm
	$(BIN)/python -m pytest -m npm tests/integration/test_npm_openai.py

lint: $(VENV)/.dev ## Check formatting, style, types and the import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Put the code into the common format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: ## Find the newest versions that pyproject.toml allows, and write them to constraints.txt
	@rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --upgrade pip
	build/constraints/bin/python -m pip install -e '.[dev]'
	@{ echo '# The exact versions that CI and `make` install. Written by `make constraints`.'; \
	build/constraints/bin/python -m pip list --format=freeze --exclude footnote --exclude pip --exclude setuptools; } > constraints.txt
	@rm -rf build/constraints
	@echo "Wrote constraints.txt; now run make test."

needs:
	@missing=(); \
	command -v javac > /dev/null || missing+=(default-jdk-headless); \
	command -v mvn > /dev/null || missing+=(maven); \
	command -v chromium > /dev/null || missing+=(chromium); \
	command -v tesseract > /dev/null || missing+=(tesseract-ocr tesseract-ocr-eng); \
	command -v pandoc > /dev/null || missing+=(pandoc); \
	command -v soffice > /dev/null || missing+=(libreoffice-writer-nogui libreoffice-impress-nogui); \
	ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || command -v initdb > /dev/null || missing+=(postgresql); \
	command -v mariadbd > /dev/null || [[ -x /usr/sbin/mariadbd ]] || missing+=(mariadb-server); \
	if (( $${#missing[@]} )); then \
	echo "The tests run on real services, and some aren't installed here. On Debian or Ubuntu, as root:" >&2; \
	echo "  apt-get install --no-install-recommends $${missing[*]}" >&2; exit 1; fi

clean: ## Remove the environment and caches; the data in .footnote stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "Footnote needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { \
	echo "Python's venv module is missing. On Debian or Ubuntu, as root:  apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV_FLAGS) $(VENV)
	$(if $(TORCH_INDEX),$(PIP) install -c constraints.txt torch --index-url $(TORCH_INDEX))

# Stamps: installing again is only worth its time once the requirements have changed.
$(VENV)/.run: $(INPUTS) | $(BIN)/python
	@echo 'Installing Footnote and what it needs into $(VENV) (a few minutes the first time)'
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(INPUTS) | $(BIN)/python
	@echo 'Installing Footnote and its development tools into $(VENV) (a few minutes the first time)'
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.run
