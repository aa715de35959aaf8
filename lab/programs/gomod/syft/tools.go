//go:build tools

// Package tools names the program of syft that the lab builds.
package tools

import _ "github.com/anchore/syft/cmd/syft"
