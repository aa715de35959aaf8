//go:build tools

// Package tools names the program of oauth2-proxy that the lab builds.
package tools

import _ "github.com/oauth2-proxy/oauth2-proxy/v7"
