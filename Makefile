# Everything happens in .venv, which is made when it is missing.
# PYTHON=python3.12 makes it of another Python.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The tested version of every package that is installed; CONSTRAINTS= takes the newest.
CONSTRAINTS := constraints.txt
PIP := $(if $(CONSTRAINTS),env PIP_CONSTRAINT=$(CONSTRAINTS) PIP_BUILD_CONSTRAINT=$(CONSTRAINTS)) $(BIN)/pip --quiet --disable-pip-version-check
# How many sentences that plain English would put another way the site's build accepts.
TICS := 40
TRUNK := twisted @ git+https://github.com/twisted/twisted@trunk
SOURCES := $(shell find actionhero_tcp twisted -name '*.py' -o -path '*/template/*' -type f -not -name '*.pyc' -o -path '*/web/page/*' -type f) setup.cfg pyproject.toml README.md

.DEFAULT_GOAL := help
.PHONY: help run install dev test unit test-pythons flaky latest trunk constraints faults soak coverage docs dist certs bench bench-peers bench-compared clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## run the daemon on port 5000, with its live page on 5080; ARGS="--port 6000" passes options on
	@$(BIN)/python -c 'import uvloop' 2>/dev/null || echo 'uvloop cannot be installed here: running on the epoll reactor'
	$(BIN)/twistd $$($(BIN)/python -c 'import uvloop; print("--reactor uvloop")' 2>/dev/null) --nodaemon --pidfile= actionhero --web-port 5080 $(ARGS)

install: $(VENV)/.installed ## install into .venv, so that .venv/bin/twistd actionhero works anywhere

dev: $(VENV)/.dev ## install what developing needs, too

test: install dev ## run every test, lint and type check; ARGS="-v tests.unit.wire" picks some
	$(BIN)/python -m tools.testing $(ARGS)

unit: install dev ## run the tests that need no network, process or system package
	$(BIN)/python -m tools.testing tests.unit $(ARGS)

test-pythons: ## run the unit tests on every Python from 3.11 on that is found
	sh tools/pythons.sh $(MAKE)

flaky: install dev ## run the tests ten times, also under load and in random order; ARGS="--times 3"
	$(BIN)/python -m tools.testing.flaky $(ARGS)

latest: ## run every test on the newest version of every package
	rm -rf .venv-latest
	$(MAKE) test VENV=.venv-latest CONSTRAINTS=

trunk: ## run the unit tests on Twisted's trunk
	rm -rf .venv-trunk
	$(MAKE) install dev VENV=.venv-trunk CONSTRAINTS=
	.venv-trunk/bin/pip install --quiet --disable-pip-version-check '$(TRUNK)'
	$(MAKE) unit VENV=.venv-trunk CONSTRAINTS=

constraints: ## pin the newest version of every package in constraints.txt
	rm -rf .venv-latest
	$(MAKE) install dev VENV=.venv-latest CONSTRAINTS=
	.venv-latest/bin/pip install --quiet --disable-pip-version-check --upgrade setuptools wheel
	.venv-latest/bin/python -m tools.constraints

faults: install dev ## play what a hostile network does, at full counts (20 minutes), into docs/reliability.md
	$(BIN)/python -m tests.faults $(ARGS)

soak: install dev ## have 1,000 clients at it for a while; ARGS="--minutes 30"
	$(BIN)/python -m tests.faults soak $(ARGS)

coverage: install dev ## measure the branch coverage of the tests; ARGS=tests.unit of those alone
	$(BIN)/python -m tools.coverage $(ARGS)

docs: install dev ## build the site of docs/ into build/site
	$(BIN)/python -m sphinx -q -W --keep-going -E -d build/doctrees docs build/site
	$(BIN)/python -m tools.prose --most $(TICS)

dist: dev ## build the sdist and the wheel into dist/
	rm -rf dist build *.egg-info
	$(BIN)/python -m build --no-isolation --outdir dist
	rm -rf build *.egg-info

certs: install ## make a self-signed key and certificate in certs/
	$(BIN)/python tools/certs.py certs

bench: install dev ## measure the speed, as ratios to a bare LineReceiver
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: install dev ## measure actionHero's Node server in the same run as ours
	$(BIN)/python -m benchmarks.peers $(ARGS)

bench-compared: install dev ## measure what people would use otherwise, for the table in README.md
	$(BIN)/python -m benchmarks.compared

clean: ## remove all that was made
	rm -rf $(VENV) .venv-* build dist *.egg-info .mypy_cache .ruff_cache .hypothesis _trial_temp* .coverage*

$(VENV)/.made: FORCE
	@sh tools/venv.sh $(VENV) $(PYTHON)

$(VENV)/.installed: $(VENV)/.made $(SOURCES) $(CONSTRAINTS)
	@touch $(VENV)/.begun # what is edited from here on is not installed yet
	rm -rf build
	$(PIP) install '.[console,fast,web]' || { \
		echo 'uvloop cannot be installed here: going on without it'; $(PIP) install '.[console,web]'; }
	rm -rf build *.egg-info
	$(BIN)/python -c 'from twisted import plugin; list(plugin.getPlugins(plugin.IPlugin))'
	mv $(VENV)/.begun $@

$(VENV)/.dev: $(VENV)/.made setup.cfg $(CONSTRAINTS)
	$(BIN)/python tools/dev_requirements.py | xargs -d '\n' $(PIP) install
	touch $@
