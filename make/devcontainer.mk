##@ Development container
DEVCONTAINER ?= npx --yes @devcontainers/cli
NODE := install Node.js, or name the CLI by DEVCONTAINER=devcontainer
# More options, such as --mount for a CA bundle, or --build-arg.
DEVCONTAINER_OPTIONS ?=
IN_DEVCONTAINER ?= bash

.PHONY: devcontainer_build
devcontainer_build: ## Build the development container's image
	$(call needs,DEVCONTAINER,$(NODE))
	$(DEVCONTAINER) build --workspace-folder .

.PHONY: devcontainer_up
devcontainer_up: ## Start the development container of .devcontainer/, building it first where needed
	$(call needs,DEVCONTAINER,$(NODE))
	$(DEVCONTAINER) up --workspace-folder . $(DEVCONTAINER_OPTIONS)

.PHONY: devcontainer_rebuild
devcontainer_rebuild: ## Rebuild and restart the development container
	$(call needs,DEVCONTAINER,$(NODE))
	$(DEVCONTAINER) up --workspace-folder . --remove-existing-container --build-no-cache $(DEVCONTAINER_OPTIONS)

.PHONY: devcontainer_exec
devcontainer_exec: ## Run a command in the development container (IN_DEVCONTAINER="make test-unit"); a shell if none is given
	$(call needs,DEVCONTAINER,$(NODE))
	$(DEVCONTAINER) exec --workspace-folder . $(DEVCONTAINER_OPTIONS) $(IN_DEVCONTAINER)
