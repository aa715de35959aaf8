# All images that a release publishes, for several kinds of processors at once, with an SBOM and where they come from:
#   make docker-buildx IMG=registry/name:tag                     the operator
#   make docker-buildx-all REGISTRY=docker.io/amalthea VERSION=1.2.3
# Each is a stage of the Dockerfile.
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

group "default" { targets = [for name in NAMES : "${name}-image"] }

variable "NAMES" { default = ["operator", "sidecars", "cloner", "jupyterlab", "probe"] }

target "_published" {
  context   = "."
  platforms = split(",", PLATFORMS)
  args      = { BASE = DEBIAN, PIP_CERT = PIP_CERT }
  secret    = CA == "" ? [] : ["id=ca,src=${CA}"]
  attest    = ATTESTATIONS == "" ? [] : split(" ", ATTESTATIONS)
  labels = {
    "org.opencontainers.image.version"  = VERSION
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.created"  = CREATED
    "org.opencontainers.image.licenses" = "Apache-2.0"
    "org.opencontainers.image.source"   = "https://github.com/SwissDataScienceCenter/amalthea"
    "org.opencontainers.image.url"      = "https://github.com/SwissDataScienceCenter/amalthea"
  }
}

# The operator alone, under a name of one's own.
target "operator" {
  inherits = ["_published"]
  target   = "operator"
  tags     = [IMG]
}

target "image" {
  name     = "${each}-image"
  matrix   = { each = NAMES }
  inherits = ["_published"]
  target   = each
  tags     = ["${REGISTRY}/${each}:${VERSION}"]
}
