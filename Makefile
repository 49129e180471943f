# What there is to do here; `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LAB := $(PYTHON) -m tests.lab

CAMPAIGNS ?= 100000
SEQUENCES ?= 50
# Tests wait for containers more than they compute: two cores are busy with three of them.
JOBS ?= 3

# Which of the lab's engines: make lab ENGINE=docker-28, make test ENGINE=docker-28.
ifdef ENGINE
export DOCKWARDEN_LAB_ENGINE := $(ENGINE)
endif

# What CI runs: all tests, the long ones included.
LONG ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-llm test-llm test quiet bench fuzz soak mutants chaos hostile conformance engines differential compose docs pages pictures gpu-check check format lab lab-down clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make the virtual environment with everything in it

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -m tests.machine venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## Run the example campaign: on Docker where an engine answers, else on local processes
	@if $(LAB) status >/dev/null 2>&1; then \
		eval "$$($(LAB) env)"; export DOCKWARDEN_IMAGE="$${DOCKWARDEN_IMAGE:-dockwarden-lab/base:bookworm}"; \
		echo "The lab's Docker engine is up, so the demo uses it."; \
	fi; \
	if ! $(BIN)/python -c 'from engine.runtimes.docker.daemon.client import connect; connect().close()' 2>/dev/null; then \
		echo "No Docker engine answers, so the demo uses local processes."; runtime="--runtime process"; \
	fi; \
	$(BIN)/dockwarden run examples/campaign.yml $$runtime

demo-llm: $(READY) ## Run a small language model on three engines, and compare them (fetches up to 430 MB, says so first)
	@if $(LAB) status >/dev/null 2>&1; then \
		eval "$$($(LAB) env)"; export LLM_BASE="$${LLM_BASE:-dockwarden-lab/base:bookworm}"; \
		echo "The lab's Docker engine is up, so the demo uses it."; \
	fi; \
	$(BIN)/python examples/llm/demo.py

test-llm: $(READY) ## Run real models on the lab's engine, with real faults (minutes; fetches up to 430 MB)
	@$(BIN)/python -m tests.lab up >/dev/null
	$(BIN)/python -m pytest tests/llm/real_inference.py

test: $(READY) ## Run the tests (LONG=1: those too that take long); as root on Debian, install what they use, and bring up the lab for those on Docker
	@$(PYTHON) -m tests.machine tests
	@$(BIN)/python -m tests.lab up >/dev/null || [ $$? -eq 3 ] # 3: none can be had here, and it has said why
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(if $(LONG),--long)

mutants: $(READY) ## Break the tables and the engine in hundreds of ways; each has to be noticed
	$(BIN)/python -m tests.mutants

engines: $(READY) ## Run the tests on Docker with each engine of the lab, and print a table (ENGINES="docker-28 podman-5" SUITE=tests/faults)
	$(BIN)/python -m tests.engines $(SUITE) $(if $(ENGINES),--engines $(ENGINES))

conformance: $(READY) ## Run the whole suite of all runtimes for each way to use an engine (minutes)
	$(BIN)/python -m pytest tests/runtimes/conformance_everywhere.py

differential: $(READY) ## Ask the same of simulated and of real containers, at random, and compare (SEQUENCES=n)
	DIFFERENTIAL_SEQUENCES=$(SEQUENCES) $(BIN)/python -m pytest -n 2 --dist loadfile tests/runtimes/simulated/differential

compose: $(READY) ## Create the containers of every compose file of the tests, by real Compose too (COMPOSE=program)
	COMPOSE_CASES=all $(BIN)/python -m pytest tests/compose tests/runtimes/compose/test_own_commands.py

docs: $(READY) ## Build the documentation, to be read from the disk: build/docs/index.html (takes Graphviz)
	$(BIN)/python -m sphinx -q -E -a -W --keep-going -b html docs build/docs

pages: $(READY) ## Write anew what is generated in the Markdown files: diagrams and references
	$(BIN)/dockwarden diagram --write $$(git ls-files '*.md')
	$(BIN)/python -m tests.reference
	$(BIN)/python -m tests.faults.table
	$(BIN)/python -m tests.engines.page

pictures: $(READY) ## Make the pictures in docs anew (takes Graphviz, Chromium and the lab)
	$(BIN)/python -m tests.pictures
	$(BIN)/python -m tests.report.pictures
	$(BIN)/python -m tests.results.pictures

soak: $(READY) ## Play 100,000 simulated campaigns with faults, against what must never happen (CAMPAIGNS=n)
	$(BIN)/python -m tests.soak --campaigns $(CAMPAIGNS)

fuzz: $(READY) ## Feed over a hundred thousand broken files to whatever reads one
	$(BIN)/python -m tests.fuzz.run

quiet: $(READY) ## An experiment of a minute beside a health check of every second: count what the engine runs meanwhile
	QUIET_S=60 $(BIN)/python -m pytest tests/faults/test_quiet.py

bench: $(READY) ## Measure side by side with what a user would pick instead; ONLY="dispatch start" for some
	$(BIN)/python -m benchmarks $(ONLY)

gpu-check: $(READY) ## On a machine with a GPU: probe it, and let a backend leak device memory
	$(BIN)/python -m tests.gpu_check

check: $(READY) ## Check formatting, lint, types, the direction of imports, and wording
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tests.words

chaos: $(READY) ## Kill controllers, watchdogs and daemons 200 times on a lab of its own; nothing may be lost or left
	@$(BIN)/python -m tests.chaos --kills $${KILLS:-200} --seed $${SEED:-1}

hostile: $(READY) ## Let containers do their worst on the lab, and check that nothing outside is reached (OPTIONS="--files 1000000")
	$(BIN)/python -m tests.hostile $(OPTIONS)

format: $(READY) ## Format the code and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lab: $(READY) ## Bring up the lab: a private engine for the tests, as root (ENGINE=docker-28 for another one; also of demo and test)
	$(BIN)/python -m tests.lab up $(if $(ENGINE),--engine $(ENGINE))

lab-down: ## Take the lab down; its cache stays
	$(LAB) down

clean: ## Remove what was built here, the lab's cache included
	-$(LAB) down --purge
	rm -rf $(VENV) .browser .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
