//go:build programs

// Package etcd names etcd's server, so that go.mod keeps what it requires.
package etcd

import _ "go.etcd.io/etcd/server/v3"
