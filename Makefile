# Everything happens in .venv, which is made when it is missing.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
SOURCES := $(shell find actionhero_tcp twisted -name '*.py' -o -path '*/template/*' -type f -not -name '*.pyc') setup.cfg pyproject.toml README.md

.DEFAULT_GOAL := help
.PHONY: help run install dev test faults soak coverage docs certs bench bench-peers clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## run the daemon on port 5000, in the foreground; ARGS="--port 6000" passes options on
	@$(BIN)/python -c 'import uvloop' 2>/dev/null || echo 'uvloop cannot be installed here: running on the epoll reactor'
	$(BIN)/twistd $$($(BIN)/python -c 'import uvloop; print("--reactor uvloop")' 2>/dev/null) --nodaemon --pidfile= actionhero $(ARGS)

install: $(VENV)/.installed ## install into .venv, so that .venv/bin/twistd actionhero works anywhere

dev: $(VENV)/.dev ## install what developing needs, too

test: install dev ## run every test, lint and type check
	$(BIN)/python -m tools.check $(ARGS)

faults: install dev ## play what a hostile network does, at full counts (20 minutes), into docs/reliability.md
	$(BIN)/python -m tests.faults $(ARGS)

soak: install dev ## have 1,000 clients at it for a while; ARGS="--minutes 30"
	$(BIN)/python -m tests.faults soak $(ARGS)

coverage: install dev ## measure the branch coverage of the tests
	$(BIN)/python tools/coverage.py

docs: install dev ## build the site of docs/ into build/site
	$(BIN)/python -m sphinx -q -W --keep-going -E -d build/doctrees docs build/site

certs: install ## make a self-signed key and certificate in certs/
	$(BIN)/python tools/certs.py certs

bench: install dev ## measure the speed, as ratios to a bare LineReceiver
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: install dev ## measure actionHero's Node server in the same run as ours
	$(BIN)/python -m benchmarks.peers $(ARGS)

clean: ## remove all that was made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .hypothesis _trial_temp* .coverage*

$(VENV)/.made:
	sh tools/venv.sh $(PYTHON) $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.made $(SOURCES)
	rm -rf build
	$(BIN)/pip install --quiet --disable-pip-version-check .
	$(BIN)/pip install --quiet --disable-pip-version-check '.[fast]' || echo 'uvloop cannot be installed here'
	rm -rf build *.egg-info
	$(BIN)/python -c 'from twisted import plugin; list(plugin.getPlugins(plugin.IPlugin))'
	touch $@

$(VENV)/.dev: $(VENV)/.made setup.cfg
	$(BIN)/python tools/dev_requirements.py | xargs -d '\n' $(BIN)/pip install --quiet --disable-pip-version-check
	touch $@
