//go:build tools

// Package tools names the program of local-path-provisioner that the lab builds.
package tools

import _ "github.com/rancher/local-path-provisioner"
