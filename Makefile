.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PORT ?=
PYTHON ?= python3

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check

# pip's own build environments and the packages come from the one list of pins; newer releases of
# pip read PIP_BUILD_CONSTRAINT for the former, older ones PIP_CONSTRAINT for both.
$(BIN)/.runs: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=")'
	@echo "Setting up $(VENV), once: installing what diffing needs to run"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable .
	@touch $@

$(BIN)/.tests: $(BIN)/.runs
	@echo "Installing what its tests need"
	@$(PIP) --editable '.[dev]'
	@touch $@

.PHONY: install
install: $(BIN)/.tests ## make .venv with everything pinned, test tools too

# The tests of the pages need a browser. Without one, and without root, they are skipped.
.PHONY: browser
browser: ## install Debian's package chromium, if there is no browser
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Debian's package chromium, for the tests of the pages"; \
		apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium >/dev/null; \
	else echo "No browser: the tests of the pages are skipped. Install chromium."; fi

# The tests on servers need PostgreSQL and Redis. Without these, and without root, they are skipped.
.PHONY: servers
servers: ## install Debian's packages postgresql and redis-server, if they are missing
	@{ command -v redis-server && { ls /usr/lib/postgresql/*/bin/initdb || command -v initdb; }; } >/dev/null 2>&1 || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Debian's packages postgresql and redis-server, for the tests on servers"; \
		apt-get update -qq && apt-get install -qq --yes --no-install-recommends postgresql redis-server >/dev/null; \
	else echo "No servers: the tests on PostgreSQL and Redis are skipped. Install postgresql and redis-server."; fi

# The torture of hosts needs network namespaces. Without these, and without root, it is skipped.
.PHONY: network
network: ## install Debian's package iproute2, if it is missing
	@command -v ip >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Debian's package iproute2, for the tests of hosts"; \
		apt-get update -qq && apt-get install -qq --yes --no-install-recommends iproute2 >/dev/null; \
	else echo "No command ip: the tests of hosts are skipped. Install iproute2."; fi

.PHONY: run
run: $(BIN)/.runs ## do the main job on sample data, then serve on PORT (ONCE=1: exit when done)
	@$(BIN)/diffing demo $(if $(PORT),--port $(PORT)) $(if $(ONCE),--once)

.PHONY: serve
serve: $(BIN)/.runs ## run the API on PORT and a worker
	@$(BIN)/diffing serve $(if $(PORT),--port $(PORT))

# Tests start many processes. Without bytecode files, each would compile the package again.
test test-all: export PYTHONDONTWRITEBYTECODE :=

# A file is one worker's, so that its tests share the services that they start.
# Tests wait often, so there are more workers than the two cores that they are made for.
SIDE_BY_SIDE := --numprocesses 5 --dist loadfile --no-loadscope-reorder

# Lint runs beside the tests, because mypy uses one core, in a fresh clone for long.
BESIDE_LINT = $(MAKE) --no-print-directory --jobs 2 lint pytest

.PHONY: test
test: install browser servers ## lint, types and a test of each rule
	$(BESIDE_LINT) SELECTED="-m 'not slow'"

.PHONY: test-all
test-all: install browser servers network ## lint, types and every test, with all parameters and examples
	EVERY_EXAMPLE=1 $(BESIDE_LINT)

.PHONY: pytest
pytest:
	$(BIN)/pytest $(SIDE_BY_SIDE) $(SELECTED)

# Spark needs Java. Its package has the same name inside as the client's, so it has a folder of its own.
SPARK_VENV := .venv-spark
SPARK_HOME = $(wildcard $(SPARK_VENV)/lib/python3*/site-packages/pyspark)

$(SPARK_VENV)/.runs:
	@echo "Setting up $(SPARK_VENV), once: installing Spark"
	@$(PYTHON) -m venv $(SPARK_VENV)
	@$(SPARK_VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'pyspark[connect]==4.3.0'
	@touch $@

.PHONY: java
java:
	@command -v java >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Debian's package default-jre-headless, for Spark"; \
		apt-get update -qq && apt-get install -qq --yes --no-install-recommends default-jre-headless >/dev/null; \
	else echo "Spark needs Java. Install default-jre-headless."; exit 1; fi

.PHONY: test-spark
test-spark: install java $(SPARK_VENV)/.runs ## join every named case on a real Spark
	$(BIN)/python -m tests.cluster $(SPARK_HOME) $(BIN)/pytest tests/test_spark.py

.PHONY: lint
lint: install ## lint and types alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: torture
torture: install servers $(if $(HOSTS),network) ## break everything while jobs run, print what held (SEED=1, JOBS=200, ON=redis; HOSTS=3: as root)
	@$(BIN)/python -m tests.torture $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) $(if $(ON),--on $(ON)) $(if $(HOSTS),--hosts $(HOSTS))

.PHONY: fuzz
fuzz: install ## send mad requests from 100 clients at once (SEED=1, REQUESTS=10000)
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(REQUESTS),--requests $(REQUESTS))

.PHONY: picture
picture: install browser ## take the picture of a page in the README, from sample data
	@$(BIN)/python -m tests.picture service/page.png

.PHONY: image-test
image-test: install ## build the image and try it on a real engine, one of its own if need be
	@$(BIN)/python -m tests.image

.PHONY: bench
bench: install ## measure time and memory beside other tools (ROWS="200000 1000000", PEERS="polars pandas" or none)
	@$(BIN)/python -m tests.bench $(ROWS) $(if $(filter none,$(PEERS)),--no-peers,$(if $(PEERS),--peers $(PEERS)))

.PHONY: up
up: ## build the image and start the API and a worker with compose
	docker compose up --build --detach --wait

# compose reads .env by itself
POSTGRES_PASSWORD ?= $(shell sed -n 's/^POSTGRES_PASSWORD=//p' .env 2>/dev/null)
.PHONY: cluster
cluster: export COMPOSE_PROFILES := cluster
cluster: export POSTGRES_PASSWORD := $(POSTGRES_PASSWORD)
cluster: export DIFFING_DATABASE_URL ?= postgresql+psycopg://diffing:$(POSTGRES_PASSWORD)@postgres/diffing
cluster: export DIFFING_QUEUE_URL ?= redis://redis
cluster: password up ## the same with PostgreSQL, Redis and two workers (POSTGRES_PASSWORD, also from .env)

.PHONY: password
password:
	@test -n "$(POSTGRES_PASSWORD)" || { echo "Set POSTGRES_PASSWORD to letters and digits, in the environment or in .env."; exit 1; }

.PHONY: down
down: ## stop them; the data volume stays
	docker compose --profile cluster down

.PHONY: logs
logs: ## follow what they print
	docker compose logs --follow

.PHONY: clean
clean: ## remove .venv and caches; the data folder stays
	rm -rf $(VENV) $(SPARK_VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
