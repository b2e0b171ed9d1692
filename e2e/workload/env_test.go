package workload

import (
	"strings"
	"testing"
)

func TestEnvIsSetOnTheApplicationsContainers(t *testing.T) {
	w := mustLoad(t, tree(t, map[string]string{
		"profile.yaml": profileText + "  env: {LEVEL: \"8\", COOKIE_FROM: mine, ERL_DIST_PORT: \"9200\"}\n",
		"m.yaml": secretText + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: x}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: x}}
    spec:
      initContainers: [{name: i, image: i}]
      containers:
      - name: c
        image: i
        env:
        - {name: COOKIE_FROM, valueFrom: {secretKeyRef: {name: s, key: k}}}
        - {name: USES, value: $(COOKIE_FROM)-$(LEVEL)}
      - {name: d, image: i}
---
apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec: {template: {spec: {containers: [{name: c, image: i}]}}}
`,
	}))
	y := yamlOf(t)(w.Render("ns", nil))
	want := `      - env:
        - name: ERL_DIST_PORT
          value: "9200"
        - name: LEVEL
          value: "8"
        - name: COOKIE_FROM
          value: mine
        - name: USES
          value: $(COOKIE_FROM)-$(LEVEL)
        image: i
        name: c
      - env:
        - name: COOKIE_FROM
          value: mine
        - name: ERL_DIST_PORT
          value: "9200"
        - name: LEVEL
          value: "8"
        image: i
        name: d
`
	if !strings.Contains(y, want) || strings.Count(y, "LEVEL") != 3 {
		t.Errorf("rendered\n%s\nand wanted in it\n%s", y, want)
	}
	// What a variable tells is told by the profile's, too.
	if w.Resolved.EPMDPort != 0 || w.Resolved.DistPort != 9200 {
		t.Errorf("epmd %d, distribution %d", w.Resolved.EPMDPort, w.Resolved.DistPort)
	}
}
