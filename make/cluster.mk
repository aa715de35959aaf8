##@ In a cluster: that of the current context, or CONTEXT=name
KUBECTL ?= kubectl
IMG ?= docker.io/amalthea/operator:dev
# An image that nobody named is for builds: a deployment has that of the files then, which a release sets.
OWN_IMG = $(if $(filter file,$(origin IMG)),,--image="$(IMG)")
SIDECARS_IMG ?=
OVERLAY ?= default
DIST ?= dist
WAIT ?= 2m
ignore-not-found ?= false
# These count on the command line only: nobody means them who happens to have a variable of such a name.
CONTEXT :=
FORCE :=
NAMESPACE :=
export KUBECTL CONTEXT NAMESPACE

.PHONY: install
install: setup ## Install the CRD, or upgrade it in place: no session is lost
	@$(BIN)/python -m tools.cluster install

.PHONY: uninstall
uninstall: setup ## Delete the CRD and all sessions; says how many and asks (FORCE=1 does not ask)
	@$(BIN)/python -m tools.cluster uninstall --ignore-not-found=$(ignore-not-found) $(if $(filter 1,$(FORCE)),--force)

.PHONY: deploy
deploy: setup ## Deploy the operator (IMG=registry/name:tag, SIDECARS_IMG=…, OVERLAY=overlays/prometheus)
	@$(BIN)/python -m tools.cluster deploy $(OWN_IMG) --sidecars="$(SIDECARS_IMG)" --folder="$(OVERLAY)" --wait="$(WAIT)"

.PHONY: undeploy
undeploy: setup ## Remove the operator; the CRD and all sessions stay
	@$(BIN)/python -m tools.cluster undeploy --ignore-not-found=$(ignore-not-found) --folder="$(OVERLAY)"

.PHONY: build-installer
build-installer: setup ## Write dist/install.yaml: the CRD and the operator (IMG=…, SIDECARS_IMG=…) in one file
	@mkdir -p "$(DIST)"
	@text="$$(SIDECARS_IMG="$(SIDECARS_IMG)" $(BIN)/python -m tools.manifests $(OWN_IMG) --folder="$(OVERLAY)")" && printf '%s\n' "$$text" > "$(DIST)/install.yaml"
	@echo "kubectl apply --server-side --filename $(DIST)/install.yaml"

.PHONY: run
run: setup ## Run the operator from the source tree, unless another one leads (NAMESPACE=name serves that one alone)
	@$(BIN)/python -m tools.run
