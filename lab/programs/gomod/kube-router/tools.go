//go:build tools

// Package tools names the program of kube-router that the lab builds.
package tools

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
