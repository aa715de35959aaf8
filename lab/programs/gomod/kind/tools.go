//go:build tools

// Package tools names the program of kind that the lab builds.
package tools

import _ "sigs.k8s.io/kind"
