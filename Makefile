# Each target sets itself up: on a clean clone the first one makes the virtual environment from the locks.
.DEFAULT_GOAL := help
.PHONY: help alerts audit fuzz bench demo demo-once up containers purge check format test test-long chaos simulate lock venv
.NOTPARALLEL:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := infra/bootstrap.lock infra/requirements.lock
NODE_LOCK := infra/node/package-lock.json
# Done again only when a lock changes.
SYNCED := $(VENV)/.synced

help: ## Say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(SYNCED) ## Watch the main job on a generated estate; stays up until Ctrl-C
	$(BIN)/python -m infra.local.demo

demo-once: $(SYNCED) ## The same, ends by itself; exit 0 only if every step was seen to succeed
	$(BIN)/python -m infra.local.demo --once

up: $(SYNCED) ## Start the whole estate without a scenario, until Ctrl-C
	$(BIN)/python -m infra.local up

containers: $(SYNCED) ## The same estate in containers (needs Docker)
	$(BIN)/python -m infra.containers.secrets .local/containers.env
	docker compose --env-file .local/containers.env up --build

purge: $(SYNCED) ## Remove the estate's data
	$(BIN)/python -m infra.local purge

check: $(SYNCED) ## Lint, types, import contracts, secrets in the history, known holes in what the images carry
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint infra/Dockerfile
	$(BIN)/gitleaks git --no-banner --redact --log-level warn .
	$(BIN)/gitleaks git --pre-commit --no-banner --redact --log-level warn .
	$(BIN)/python -m infra.scanning

PROMTOOL := .local/promtool/usr/bin/promtool
alerts: $(PROMTOOL) ## Play the alert rules with promtool, which comes from Debian's registry
	$(PROMTOOL) check rules infra/observability/alerts.yml
	$(PROMTOOL) check config --syntax-only infra/observability/prometheus.yml
	$(PROMTOOL) test rules infra/observability/alerts_test.yml

$(PROMTOOL):
	mkdir -p .local/promtool
	cd .local/promtool && apt-get download prometheus && dpkg -x prometheus_*.deb .
	@touch $@

audit: $(SYNCED) ## Insist on knowing the known holes in what the images carry (needs the network)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement infra/services.lock

format: $(SYNCED) ## Lay the code out
	$(BIN)/ruff format .

test: check ## Check, and every test that is not long, by two PROCESSES
	$(BIN)/pytest -m "not long" --numprocesses $(or $(PROCESSES),2) --no-loadscope-reorder

test-long: $(SYNCED) ## The tests that need minutes
	$(BIN)/pytest -m long --timeout 1800

bench: $(SYNCED) ## How fast it is, beside the alternatives; ONLY=migration SEED=7 ROUNDS=3 ROWS=20000 choose
	$(BIN)/python -m tests.benchmarks $(ONLY) --seed $(or $(SEED),7) --rounds $(or $(ROUNDS),3) \
		$(if $(ROWS),--rows $(ROWS))

SECONDS ?= 60
SEED ?= 1
chaos: $(SYNCED) ## Hurt the whole estate while both sides edit: make chaos SECONDS=60 SEED=1 REPLICAS=3
	$(BIN)/python -m tests.chaos --seconds $(SECONDS) --seed $(SEED) --replicas $(or $(REPLICAS),1)

fuzz: $(SYNCED) ## Ask every HTTP service all that its document allows and much it does not, for long; ONLY=nomis chooses
	$(BIN)/pytest -m long tests/doors/test_fuzz.py $(if $(ONLY),-k $(ONLY)) --timeout 7200

SEEDS ?= 200
simulate: $(SYNCED) ## Play seeds of the simulation; a failing one is shown with its trace: make simulate SEEDS=1000 SEED=1
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(SEED)

lock: $(SYNCED) ## Pin the dependencies anew, with hashes and without addresses
	$(BIN)/uv pip compile --upgrade --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--all-extras pyproject.toml -o infra/requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--constraint infra/requirements.lock pyproject.toml -o infra/services.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--extra local --constraint infra/requirements.lock pyproject.toml -o infra/estate.lock

venv: $(SYNCED) ## Only the virtual environment

$(SYNCED): $(LOCKS) $(NODE_LOCK) infra/lip
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --require-hashes -r infra/bootstrap.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes $(LOCKS)
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --prefix infra/node
	install -m 755 infra/lip $(BIN)/lip
	@touch $@
