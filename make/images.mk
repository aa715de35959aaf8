##@ Your own images
CONTAINER_TOOL ?= docker
CLONER_IMG ?= docker.io/amalthea/cloner:dev
# A Debian 13 to stand on, where the public one cannot be pulled.
DEBIAN ?=
# More options of each build, such as --network=host.
BUILD_OPTIONS ?=
export BUILD_OPTIONS
PLATFORMS ?= linux/amd64,linux/arm64
REGISTRY ?= docker.io/amalthea
ATTESTATIONS ?= type=sbom type=provenance,mode=max
CHARTPRESS ?= $(BIN)/uv tool run chartpress==2.4.0
IMAGES = $(BIN)/python -m tools.images --target="$@" --tool="$(CONTAINER_TOOL)"
BAKE = PLATFORMS="$(PLATFORMS)" IMG="$(IMG)" REGISTRY="$(REGISTRY)" ATTESTATIONS="$(ATTESTATIONS)" $(if $(DEBIAN),DEBIAN="$(DEBIAN)") \
	REVISION="$$(git rev-parse HEAD)" CREATED="$$(git show --no-patch --format=%cI HEAD)" $(CONTAINER_TOOL) buildx bake --push \
	$(if $(CA),--allow="fs.read=$(CA)")

.PHONY: docker-build
docker-build: setup ## Build the operator's image (IMG=registry/name:tag, CONTAINER_TOOL=docker, podman or buildah)
	@$(IMAGES) build operator "$(IMG)" $(if $(DEBIAN),--debian="$(DEBIAN)")

.PHONY: docker-build-sidecars
docker-build-sidecars: setup ## Build the image of the programs beside a session (SIDECARS_IMG=registry/name:tag)
	@$(IMAGES) build sidecars "$(or $(SIDECARS_IMG),docker.io/amalthea/sidecars:dev)" $(if $(DEBIAN),--debian="$(DEBIAN)")

.PHONY: docker-build-cloner
docker-build-cloner: setup ## Build the cloner's image (CLONER_IMG=registry/name:tag)
	@$(IMAGES) build cloner "$(CLONER_IMG)" $(if $(DEBIAN),--debian="$(DEBIAN)")

.PHONY: docker-push
docker-push: setup ## Push the operator's image, or any that IMG names
	@$(IMAGES) push "$(IMG)"

.PHONY: sbom
sbom: setup ## Write dist/sbom.cdx.json: what the image IMG holds, from Debian and from Python
	@mkdir -p "$(DIST)"
	@text="$$($(BIN)/python -m tools.sbom "$(IMG)" --tool="$(CONTAINER_TOOL)")" && printf '%s\n' "$$text" > "$(DIST)/sbom.cdx.json"
	@echo "$(DIST)/sbom.cdx.json"

.PHONY: dockerfile
dockerfile: setup ## Write the Dockerfile at the root anew, from images/*/Dockerfile
	@$(BIN)/python -m tools.dockerfile

.PHONY: list-chartpress-images
list-chartpress-images: setup ## List the images that chartpress would build and push for this commit
	$(call needs,CHARTPRESS,name the one that is installed)
	@$(CHARTPRESS) --list-images

.PHONY: chartpress-cleanup
chartpress-cleanup: setup ## Put back what chartpress wrote into the chart
	$(call needs,CHARTPRESS,name the one that is installed)
	@$(CHARTPRESS) --reset

.PHONY: docker-buildx
docker-buildx: setup ## Build the operator's image for several CPU architectures, with SBOM, and push it (IMG=…, PLATFORMS=…)
	@$(IMAGES) check-buildx IMG "$(IMG)"
	$(BAKE) operator

.PHONY: docker-buildx-all
docker-buildx-all: setup ## Build and push all images of a release in the same way (REGISTRY=…, VERSION=1.2.3)
	@$(IMAGES) check-buildx "REGISTRY or VERSION" "$(REGISTRY)/operator:$(or $(VERSION),dev)"
	VERSION="$(or $(VERSION),dev)" $(BAKE) default
