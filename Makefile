# `make help` lists what can be made. Everything runs in .venv, from pinned requirements.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
ifneq ($(words $(VENV)),1)
$(error VENV is "$(VENV)"; make needs a folder without blanks in its name, such as VENV=.venv)
endif
BIN := $(VENV)/bin
PYTHON ?= python3

# $(call needs,VARIABLE,remedy): end with a sentence if the program that a variable names is not there.
define needs
@command -v "$(firstword $($(1)))" > /dev/null || \
	{ echo "make $@: $(1) is '$(firstword $($(1)))', which is not a program here; $(2)" >&2; exit 1; }
endef

include make/*.mk

##@ Getting started
.PHONY: help
help: ## List every target with a sentence
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9_-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv does in seconds what takes pip a minute. A mirror may be known to pip alone.
# UV_SYSTEM_PYTHON and UV_PYTHON take precedence over VIRTUAL_ENV, but not over --python.
UV_INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python
INSTALL_WITH_UV = $(UV_INSTALL) --require-hashes --requirement requirements/dev.txt \
	&& $(UV_INSTALL) --no-deps --build-constraints requirements/build.txt --editable .
INSTALL_WITH_PIP = $(BIN)/pip install --quiet --no-compile --require-hashes --requirement requirements/dev.txt \
	&& $(BIN)/pip install --quiet --no-deps --editable .

NOT_INSTALLED = { echo "make setup: the tools could not be installed; the reason is above. Name a mirror by PIP_INDEX_URL \
	and UV_INDEX_URL or in pip.conf, and its CA bundle by PIP_CERT and SSL_CERT_FILE." >&2; exit 1; }

.PHONY: setup
setup: $(VENV)/.installed ## Make .venv with the pinned tools and this package

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	$(call needs,PYTHON,name Python 3.11 or newer)
	@echo "Installing the pinned tools into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --no-compile --no-deps --require-hashes --requirement <(sed -n '/^uv==/,/# via/p' requirements/dev.txt) || $(NOT_INSTALLED)
	@$(INSTALL_WITH_UV) || { echo "uv did not get them; pip, which may have other settings, tries ..."; $(INSTALL_WITH_PIP); } || $(NOT_INSTALLED)
	@touch $@

##@ See it work
.PHONY: demo
demo: setup ## Start a real cluster and a JupyterLab session on it that a browser can open
	$(BIN)/python -m lab.demo

.PHONY: demo-remote
demo-remote: setup ## Start a real cluster, a real Slurm, and a session that runs there as a job
	$(BIN)/python -m lab.demo.remote

.PHONY: kind_cluster
kind_cluster: setup ## Make the cluster with kind instead, where a Docker engine runs
	$(BIN)/python -m lab up --profile kind

.PHONY: lab-up
lab-up: setup ## Start the one-node Kubernetes of demo and e2e tests
	$(BIN)/python -m lab up

.PHONY: lab-down
lab-down: setup ## Stop it, and remove everything that it made
	$(BIN)/python -m lab down

.PHONY: images
images: setup ## Build all images (docker, or buildah where there is none)
	$(BIN)/python -m lab images build

##@ Checks
.PHONY: test
test: lint types layers test-unit test-install test-images test-sidecars test-api test-chart test-lab test-e2e test-bench ## Run every check and every test but test-docker, test-kind and test-devcontainer

# Always on a cluster of its own.
test: override CONTEXT :=

.PHONY: tests
tests: test ## The same as test

.PHONY: lint
lint: setup ## Check style and format with ruff, shell scripts with shellcheck, and the workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck $$(git ls-files '*.sh')
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	$(BIN)/zizmor --offline --quiet .github/workflows

.PHONY: lint-fix
lint-fix: format ## Format every file; the Go operator's name for `format`

.PHONY: types
types: setup ## Check types with mypy, strictly, tests too
	$(BIN)/mypy

.PHONY: layers
layers: setup ## Check that imports go one way
	$(BIN)/lint-imports

.PHONY: test-unit
test-unit: setup ## Run the tests that need no cluster: seconds
	$(BIN)/pytest -n 2 tests/unit

.PHONY: test-images
test-images: setup ## Build all images, check what they hold, and run the unit tests on their Python
	$(BIN)/pytest tests/images
	$(BIN)/python -m tests.support.unit_in_image -n 2 tests/unit

.PHONY: test-sidecars
test-sidecars: setup ## Run the tests of the programs beside a session, in their image, on real servers: minutes
	$(BIN)/pytest -n 2 tests/sidecars

.PHONY: test-api
test-api: setup ## Run the tests against a real API server without nodes: a few minutes
	$(BIN)/pytest -n 2 tests/api
	$(MAKE) test-old-role

.PHONY: test-old-role
test-old-role: setup ## Run the operator's tests under the Role of the Go operator's chart, of life, jobs, data sources and secrets
	OLD_ROLE=1 $(BIN)/pytest -n 2 $(OLD_ROLE_TESTS)
OLD_ROLE_TESTS ?= $(addprefix tests/api/operator/test_, life.py jobs.py data_sources.py adoption.py)

.PHONY: test-chart
test-chart: setup ## Run the tests of the Helm chart and the kustomize files
	$(BIN)/pytest -n 2 tests/chart

.PHONY: test-install
test-install: setup ## Install the Python package from an index into a fresh environment, as wheel and as sdist
	$(BIN)/pytest tests/install/test_pypi.py

.PHONY: test-docker
test-docker: setup ## Build, push and deploy with a real Docker engine and a real registry; run every sample, and a session with kind (minutes)
	$(BIN)/pytest tests/docker/test_images.py tests/docker/test_deploy.py tests/docker/test_chartpress.py tests/docker/test_buildx.py tests/docker/test_kind.py

.PHONY: test-kind
test-kind: setup ## Run the tests on real pods in a kind cluster, with a Docker engine, a network and a node image of its own (KIND_TESTS=…)
	$(BIN)/python -m lab.kind.sandbox $(BIN)/pytest -rs $(KIND_TESTS)
KIND_TESTS ?= tests/e2e

.PHONY: test-devcontainer
test-devcontainer: setup ## Build and start the development container with the real CLI and engine, and run tests in it
	$(BIN)/pytest tests/docker/test_devcontainer.py

.PHONY: test-lab
test-lab: setup ## Check that the lab comes up after any crash, and leaves no trace
	$(BIN)/pytest tests/lab

.PHONY: test-e2e
test-e2e: setup ## Run the tests on real pods, with a real browser; CONTEXT=name runs those that any cluster can run on that one
	$(if $(CONTEXT),IMG="$(if $(filter file,$(origin IMG)),,$(IMG))" SIDECARS_IMG="$(SIDECARS_IMG)") $(BIN)/pytest tests/$(if $(CONTEXT),acceptance,e2e)

.PHONY: test-bench
test-bench: setup ## Check that a hundred sessions stay within their promised cost, end in time, and survive a little chaos
	$(BIN)/python -m bench --sessions 100 --check
	$(BIN)/python -m bench.failover --sessions 40 --window 6
	$(BIN)/python -m bench.chaos --sessions 30 --minutes 0.5 --outage 5 --cut-every 8 --cut 6

.PHONY: bench
bench: setup ## Measure requests, CPU, memory, latency and deadlines with many sessions (SESSIONS=200), against bounds
	$(BIN)/python -m bench --sessions $(SESSIONS)
SESSIONS ?= 200

.PHONY: chaos
chaos: setup ## Break the operators (REPLICAS=3) and everything that they need for 3 minutes: no session may be harmed
	$(BIN)/python -m bench.chaos --replicas $(REPLICAS)
REPLICAS ?= 3

.PHONY: failover
failover: setup ## Measure how long a thousand sessions are without an operator when the leader stops
	$(BIN)/python -m bench.failover

.PHONY: bench-start
bench-start: setup ## Measure on real pods how long a session takes to open, step by step, against bounds
	$(BIN)/python -m bench.start

.PHONY: bench-gitproxy
bench-gitproxy: setup ## Measure a large clone with and without the git proxy
	$(BIN)/pytest -s tests/sidecars/gitproxy/bench_clone.py

.PHONY: bench-authproxy
bench-authproxy: setup ## Measure the door of a session against aiohttp, within its 16 MiB
	$(BIN)/pytest -s tests/sidecars/authproxy/bench_door.py

.PHONY: bench-tunnel
bench-tunnel: setup ## Measure the tunnel of remote sessions against a plain relay, within its 64 MiB
	$(BIN)/pytest -s tests/sidecars/tunnel/bench_tunnel.py

.PHONY: siege
siege: setup ## Besiege the door of a session with 1,000 hostile connections, in three ways, ten minutes each
	SIEGE_SECONDS=600 $(BIN)/pytest -s tests/sidecars/authproxy/test_siege.py

.PHONY: fuzz
fuzz: setup ## Feed the operator odd sessions, the proxies, the cloner and the remote controller malformed messages, for a few minutes
	FUZZ_EXAMPLES=100000 $(BIN)/pytest --timeout=1200 tests/unit/sidecars/*/test_fuzz.py tests/unit/remote/test_fuzz.py
	FUZZ_EXAMPLES=5000 $(BIN)/pytest --timeout=1800 tests/unit/operator/test_any_world.py

.PHONY: release-check
release-check: setup ## Before a release: check image versions against their floors, and pinned packages for known vulnerabilities
	$(BIN)/pytest tests/images
	$(BIN)/python -m tests.support.audit

##@ Upkeep
.PHONY: format
format: setup ## Format every file
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: crd
crd: setup ## Generate the CRD from the types, for kustomize and for the chart
	$(BIN)/python -m amalthea.api.crd > config/crd/bases/amalthea.dev_amaltheasessions.yaml
	cp config/crd/bases/amalthea.dev_amaltheasessions.yaml charts/amalthea-sessions/files/amaltheasessions.yaml

# The Go operator's names for what has another one here.
.PHONY: all manifests generate fmt vet setup-test-e2e cleanup-test-e2e
all: build
manifests generate: crd
fmt: format
vet: lint types
setup-test-e2e: lab-up
cleanup-test-e2e: lab-down

.PHONY: golden
golden: setup ## Regenerate the golden files and the chart's table; read the difference before you commit it
	$(BIN)/pytest tests/unit/children --update-golden
	UPDATE_GOLDEN=1 $(BIN)/pytest tests/unit/cli/test_golden.py tests/unit/sidecars/authproxy/test_configuration.py tests/unit/operator/test_every_answer.py
	$(MAKE) --no-print-directory golden-chart

.PHONY: golden-chart
golden-chart: setup
	UPDATE_GOLDEN=1 $(BIN)/pytest --quiet tests/chart/test_golden.py
	$(BIN)/python -m tests.chart.readme

.PHONY: architecture
architecture: setup ## Regenerate the list of modules in ARCHITECTURE.md
	$(BIN)/python -m tests.support.architecture

.PHONY: reference
reference: setup ## Regenerate docs/reference: the fields of a session, its conditions, the operator's metrics
	$(BIN)/python -m tests.support.reference

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header
.PHONY: requirements
requirements: setup ## Pin all requirements again, with hashes
	$(COMPILE) --python-version 3.11 --extra sentry --extra tls --output-file requirements/operator.txt pyproject.toml
	$(COMPILE) --python-version 3.11 --extra sentry --extra tls --group dev --output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --python-version 3.13 --output-file requirements/jupyterlab.txt requirements/jupyterlab.in
	$(COMPILE) --python-version 3.13 --output-file requirements/build.txt requirements/build.in
	$(COMPILE) --python-version 3.11 --output-file lab/requirements.txt lab/requirements.in
