//go:build tools

// Package tools names the command of this module that `cargo xtask assets`
// builds, so that `go mod tidy` keeps what it needs in go.mod and go.sum.
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
