package manifest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/manifest"
)

// pod is a Deployment whose one container has this in it, with the objects that the container may name.
func pod(t *testing.T, container string) (*manifest.Set, *manifest.Workload, *manifest.Container) {
	t.Helper()
	s := parse(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers:
      - name: shop
`+indent(container, "        ")+`
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {PORT: "80", LITERAL: "at $(PORT) $$"}
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
data: {cookie: ""}
stringData: {plain: "never shown"}
---
apiVersion: v1
kind: Service
metadata: {name: my-shop}
spec: {clusterIP: 10.0.0.1}
---
apiVersion: v1
kind: Service
metadata: {name: nodes}
spec: {clusterIP: None}
`)
	w := s.Workloads()[0]
	return s, w, w.Containers(manifest.Main)[0]
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}

func TestEnv(t *testing.T) {
	const noEntry = "(none)"
	for _, c := range []struct {
		what, env, name, want string
		open, unresolved      []string
	}{
		{what: "an earlier entry", env: "env:\n- {name: A, value: a}\n- {name: B, value: x-$(A)}", name: "B", want: "x-a"},
		{what: "a later entry", env: "env:\n- {name: B, value: x-$(A)}\n- {name: A, value: a}", name: "B", want: "x-$(A)", unresolved: []string{"A"}},
		{what: "itself", env: "env:\n- {name: A, value: x-$(A)}", name: "A", want: "x-$(A)", unresolved: []string{"A"}},
		{what: "itself, said before", env: "env:\n- {name: A, value: a}\n- {name: A, value: x-$(A)}", name: "A", want: "x-a"},
		{what: "between two of one name", env: "env:\n- {name: A, value: one}\n- {name: B, value: $(A)}\n- {name: A, value: two}", name: "B", want: "one"},
		{what: "after two of one name", env: "env:\n- {name: A, value: one}\n- {name: A, value: two}\n- {name: B, value: $(A)}", name: "B", want: "two"},
		{what: "the last of one name counts", env: "env:\n- {name: A, value: one}\n- {name: A, value: two}", name: "A", want: "two"},
		{what: "escaped", env: "env:\n- {name: A, value: a}\n- {name: B, value: $$(A) $$$(A)}", name: "B", want: "$(A) $a"},
		{what: "no reference", env: "env:\n- {name: B, value: '$ $A ${A} $(A'}", name: "B", want: "$ $A ${A} $(A"},
		{what: "an empty name", env: "env:\n- {name: B, value: $()}", name: "B", want: "$()", unresolved: []string{""}},
		{what: "a dollar at the end", env: "env:\n- {name: B, value: a$}", name: "B", want: "a$"},
		{what: "what is put in is not expanded again", env: "env:\n- {name: A, value: $$(C)}\n- {name: C, value: c}\n- {name: B, value: $(A)}", name: "B", want: "$(C)"},
		{what: "from envFrom", env: "envFrom: [{configMapRef: {name: settings}}]\nenv:\n- {name: B, value: p$(PORT)}", name: "B", want: "p80"},
		{what: "envFrom itself is not expanded", env: "envFrom: [{configMapRef: {name: settings}}]\nenv:\n- {name: PORT, value: '1'}", name: "LITERAL", want: "at $(PORT) $$"},
		{what: "env hides envFrom", env: "envFrom: [{configMapRef: {name: settings}}]\nenv:\n- {name: PORT, value: '1'}", name: "PORT", want: "1"},
		{what: "a prefix", env: "envFrom: [{prefix: X_, configMapRef: {name: settings}}]\nenv:\n- {name: B, value: $(X_PORT)$(PORT)}", name: "B", want: "80$(PORT)", unresolved: []string{"PORT"}},
		{what: "valueFrom is not expanded", env: "env:\n- {name: PORT, value: '1'}\n- {name: B, valueFrom: {configMapKeyRef: {name: settings, key: LITERAL}}}", name: "B", want: "at $(PORT) $$"},
		{what: "value hides valueFrom", env: "env:\n- {name: B, value: b, valueFrom: {configMapKeyRef: {name: settings, key: PORT}}}", name: "B", want: "b"},
		{what: "an optional key that is not there", env: "env:\n- {name: B, value: b}\n- {name: B, valueFrom: {configMapKeyRef: {name: settings, key: NONE, optional: true}}}", name: "B", want: "b"},
		{what: "an optional key that is not there, alone", env: "env:\n- {name: B, valueFrom: {configMapKeyRef: {name: settings, key: NONE, optional: true}}}", name: "B", want: noEntry},
		{what: "a pod's field", env: "env:\n- {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n- {name: B, value: shop@$(IP)}", name: "B", want: "shop@$(IP)", open: []string{"IP"}},
		{what: "a field through another", env: "env:\n- {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n- {name: A, value: shop@$(IP)}\n- {name: B, value: -name $(A)}", name: "B", want: "-name shop@$(IP)", open: []string{"IP"}},
		{what: "a Secret's key", env: "env:\n- {name: C, valueFrom: {secretKeyRef: {name: secret, key: plain}}}\n- {name: B, value: $(C)}", name: "B", want: "$(C)", open: []string{"C"}},
		{what: "a whole Secret", env: "envFrom: [{secretRef: {name: secret}}]\nenv:\n- {name: B, value: $(plain)$(cookie)}", name: "B", want: "$(plain)$(cookie)", open: []string{"plain", "cookie"}},
		{what: "perhaps from what is not there", env: "envFrom: [{prefix: X_, configMapRef: {name: nowhere}}]\nenv:\n- {name: B, value: $(X_A)$(A)}", name: "B", want: "$(X_A)$(A)", open: []string{"X_A"}, unresolved: []string{"A"}},
		{what: "a Service's variable", env: "env:\n- {name: B, value: '$(MY_SHOP_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)'}", name: "B", want: "$(MY_SHOP_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)", open: []string{"MY_SHOP_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}},
		{what: "a headless Service has none", env: "env:\n- {name: B, value: $(NODES_SERVICE_HOST)}", name: "B", want: "$(NODES_SERVICE_HOST)", unresolved: []string{"NODES_SERVICE_HOST"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, w, shop := pod(t, c.env)
			v, there := s.Env(w, shop).Lookup(c.name)
			if !there {
				if c.want != noEntry {
					t.Fatalf("%s is not there", c.name)
				}
				return
			}
			if v.Value.Value != c.want || !slices.Equal(v.Value.Open, c.open) || !slices.Equal(v.Value.Unresolved, c.unresolved) {
				t.Errorf("got %q, open %q, unresolved %q; want %q, %q, %q", v.Value.Value, v.Value.Open, v.Value.Unresolved, c.want, c.open, c.unresolved)
			}
		})
	}
}

// Each variable names the one before twice: the text would be longer than any memory.
func TestExpandStaysSmall(t *testing.T) {
	env := "env:\n- {name: V0, value: abcdefgh}"
	for i := range 60 {
		env += fmt.Sprintf("\n- {name: V%d, value: $(V%d)$(V%d)}", i+1, i, i)
	}
	s, w, shop := pod(t, env)
	last, _ := s.Env(w, shop).Lookup("V60")
	if len(last.Value.Value) > 128<<10 || last.Known() {
		t.Errorf("V60 has %d bytes, known %v", len(last.Value.Value), last.Known())
	}
	if v, _ := s.Env(w, shop).Lookup("V10"); len(v.Value.Value) != 8<<10 || !v.Known() {
		t.Errorf("V10 has %d bytes, known %v", len(v.Value.Value), v.Known())
	}
}

func TestExpandOfACommand(t *testing.T) {
	s, w, shop := pod(t, "args: ['-name', 'shop@$(LATER)', '$$(LATER)', '$(NONE)', '${LATER}']\nenv:\n- {name: LATER, value: here}")
	var got []string
	for _, a := range shop.Args {
		got = append(got, s.Env(w, shop).Expand(a).Value)
	}
	if want := []string{"-name", "shop@here", "$(LATER)", "$(NONE)", "${LATER}"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEnvTellsWhereItComesFrom(t *testing.T) {
	s, w, shop := pod(t, `
envFrom: [{configMapRef: {name: nowhere}}, {secretRef: {name: secret}}]
env:
- {name: NODE, valueFrom: {configMapKeyRef: {name: settings, key: NONE}}}
- {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
- {name: COOKIE, valueFrom: {secretKeyRef: {name: elsewhere, key: cookie}}}`)
	e := s.Env(w, shop)
	for name, want := range map[string]string{
		"NODE": "configMapKeyRef settings/NONE, missing", "CPU": "resourceFieldRef limits.cpu", "COOKIE": "secretKeyRef elsewhere/cookie, missing", "plain": "secretRef secret",
	} {
		v, _ := e.Lookup(name)
		got := v.From
		if v.Missing {
			got += ", missing"
		}
		if got != want || v.Known() {
			t.Errorf("%s: got %q, known %t; want %q, not known", name, got, v.Known(), want)
		}
	}
	if got := e.Unnamed(); len(got) != 1 || got[0].From != "configMapRef nowhere" {
		t.Errorf("a ConfigMap that is not there may bring any variable: %+v", got)
	}
	if _, there := e.Lookup(""); there {
		t.Error("a variable without a name was found")
	}
	v, _ := e.Lookup("CPU")
	if got := w.Position(v.Path...).Line; got != 13 {
		t.Errorf("CPU stands in line 13, got %d", got)
	}
	for _, v := range e.Variables {
		if strings.Contains(v.Written+v.Value.Value, "never") {
			t.Error("a Secret's value is shown")
		}
	}
}
