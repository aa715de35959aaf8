#!/bin/sh
# BuildKit's protocol for scanners (docs/attestations/sbom-protocol.md there): one in-toto statement per file.
set -eu
{
    printf '{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[],"predicate":'
    syft scan "dir:$BUILDKIT_SCAN_SOURCE" --quiet --output spdx-json
    printf '}'
} > "$BUILDKIT_SCAN_DESTINATION/image.spdx.json"
