//go:build tools

// Package tools names the commands of this module that `cargo xtask assets`
// builds, so that `go mod tidy` keeps what they need in go.mod and go.sum.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
)
