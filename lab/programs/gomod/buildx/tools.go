//go:build tools

// Package tools names the program of buildx that the lab builds.
package tools

import _ "github.com/docker/buildx/cmd/buildx"
