//go:build tools

// Package tools names the program of Helm that the lab builds.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
