package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkLintOfMany lints a broker beside two thousand other objects, as a render of all that a team deploys has them.
func BenchmarkLintOfMany(b *testing.B) {
	var text strings.Builder
	text.WriteString(broker)
	for i := range 2000 {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other-%d}\ndata:\n  one: value %d\n  other.conf: |\n    a = %d\n    b = 2\n", i, i, i)
	}
	file := filepath.Join(b.TempDir(), "all.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if code := execute(context.Background(), []string{"lint", file}, io.Discard, io.Discard); code != 0 {
			b.Fatal("it ends with", code)
		}
	}
}

const broker = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: rabbitmq}
spec:
  replicas: 3
  serviceName: rabbitmq
  selector: {matchLabels: {app: rabbitmq}}
  template:
    metadata: {labels: {app: rabbitmq}}
    spec:
      containers:
        - name: rabbitmq
          image: rabbitmq:4.1
          env:
            - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
            - {name: RABBITMQ_USE_LONGNAME, value: "true"}
            - {name: RABBITMQ_NODENAME, value: rabbit@$(POD_NAME).rabbitmq.default.svc.cluster.local}
            - {name: RABBITMQ_ERLANG_COOKIE, valueFrom: {secretKeyRef: {name: rabbitmq, key: cookie}}}
          ports: [{name: epmd, containerPort: 4369}]
          volumeMounts: [{name: conf, mountPath: /etc/rabbitmq}]
      volumes: [{name: conf, configMap: {name: rabbitmq}}]
---
apiVersion: v1
kind: Service
metadata: {name: rabbitmq}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: rabbitmq}, ports: [{name: epmd, port: 4369}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: rabbitmq}
data: {rabbitmq.conf: "vm_memory_high_watermark.relative = 0.6"}
`
