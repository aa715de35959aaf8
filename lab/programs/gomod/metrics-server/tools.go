//go:build tools

// Package tools names the program of metrics-server that the lab builds.
package tools

import _ "sigs.k8s.io/metrics-server/cmd/metrics-server"
