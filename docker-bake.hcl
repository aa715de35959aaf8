# All images that a release publishes, for several kinds of processors at once, with an SBOM and where they come from:
#   make docker-buildx IMG=registry/name:tag                     the operator
#   make docker-buildx-all REGISTRY=docker.io/amalthea VERSION=1.2.3
# Each target stands on others by the names that the Dockerfiles give as defaults.
variable "PLATFORMS" { default = "linux/amd64,linux/arm64" }
variable "IMG" { default = "docker.io/amalthea/operator:dev" }
variable "REGISTRY" { default = "docker.io/amalthea" }
variable "VERSION" { default = "dev" }
variable "REVISION" { default = "unknown" }
variable "CREATED" { default = "1970-01-01T00:00:00Z" }
variable "DEBIAN" { default = "debian:13-slim" }
variable "PIP_CERT" { default = "" }
variable "CA" { default = "" }
variable "ATTESTATIONS" { default = "type=sbom type=provenance,mode=max" }

group "default" { targets = ["operator-image", "sidecars-image", "cloner-image", "jupyterlab-image", "probe-image"] }

target "_common" {
  context   = "."
  platforms = split(",", PLATFORMS)
  args      = { PIP_CERT = PIP_CERT }
  secret    = CA == "" ? [] : ["id=ca,src=${CA}"]
}

target "_published" {
  inherits = ["_common"]
  attest   = ATTESTATIONS == "" ? [] : split(" ", ATTESTATIONS)
  labels = {
    "org.opencontainers.image.version"  = VERSION
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.created"  = CREATED
    "org.opencontainers.image.licenses" = "Apache-2.0"
    "org.opencontainers.image.source"   = "https://github.com/SwissDataScienceCenter/amalthea"
  }
}

target "base" {
  inherits   = ["_common"]
  dockerfile = "images/base/Dockerfile"
  args       = { BASE = DEBIAN }
}

target "package" {
  inherits   = ["_common"]
  dockerfile = "images/package/Dockerfile"
  contexts   = { "docker.io/amalthea/base:dev" = "target:base" }
}

target "sidecars" {
  inherits   = ["_common"]
  dockerfile = "images/sidecars/Dockerfile"
  contexts = {
    "docker.io/amalthea/base:dev"    = "target:base"
    "docker.io/amalthea/package:dev" = "target:package"
  }
}

target "_operator" {
  inherits   = ["_published"]
  dockerfile = "images/operator/Dockerfile"
  contexts   = { "docker.io/amalthea/package:dev" = "target:package" }
}

# The operator alone, under a name of one's own.
target "operator" {
  inherits = ["_operator"]
  tags     = [IMG]
}

target "operator-image" {
  inherits = ["_operator"]
  tags     = ["${REGISTRY}/operator:${VERSION}"]
}

target "sidecars-image" {
  inherits = ["_published", "sidecars"]
  tags     = ["${REGISTRY}/sidecars:${VERSION}"]
}

target "cloner-image" {
  inherits   = ["_published"]
  dockerfile = "images/cloner/Dockerfile"
  contexts   = { "docker.io/amalthea/sidecars:dev" = "target:sidecars" }
  tags       = ["${REGISTRY}/cloner:${VERSION}"]
}

# What the samples run.
target "jupyterlab-image" {
  inherits   = ["_published"]
  dockerfile = "images/jupyterlab/Dockerfile"
  contexts   = { "docker.io/amalthea/base:dev" = "target:base" }
  tags       = ["${REGISTRY}/jupyterlab:${VERSION}"]
}

target "probe-image" {
  inherits   = ["_published"]
  dockerfile = "images/probe/Dockerfile"
  contexts   = { "docker.io/amalthea/base:dev" = "target:base" }
  tags       = ["${REGISTRY}/probe:${VERSION}"]
}
