//go:build tools

// Package tools names the program of Kubernetes that makes the nodes of kind.
package tools

import _ "k8s.io/kubernetes/cmd/kubeadm"
