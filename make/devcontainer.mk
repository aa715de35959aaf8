##@ Development container
DEVCONTAINER ?= npx --yes @devcontainers/cli
# More options, such as --mount for a CA bundle, or --build-arg.
DEVCONTAINER_OPTIONS ?=
IN_DEVCONTAINER ?= bash

.PHONY: devcontainer_build
devcontainer_build: ## Build the development container's image
	$(DEVCONTAINER) build --workspace-folder .

.PHONY: devcontainer_up
devcontainer_up: ## Start the development container of .devcontainer/, building it first where needed
	$(DEVCONTAINER) up --workspace-folder . $(DEVCONTAINER_OPTIONS)

.PHONY: devcontainer_rebuild
devcontainer_rebuild: ## Rebuild and restart the development container
	$(DEVCONTAINER) up --workspace-folder . --remove-existing-container --build-no-cache $(DEVCONTAINER_OPTIONS)

.PHONY: devcontainer_exec
devcontainer_exec: ## Run a command in the development container (IN_DEVCONTAINER="make test-unit"); a shell if none is given
	$(DEVCONTAINER) exec --workspace-folder . $(DEVCONTAINER_OPTIONS) $(IN_DEVCONTAINER)
