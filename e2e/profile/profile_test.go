package profile

import (
	"strings"
	"testing"
	"time"
)

const good = `apiVersion: meshproof.dev/v1alpha1
kind: Profile
metadata: {name: shop}
spec:
  manifests: [deploy.yaml]
  images: [{name: shop, build: .}]
  cookie: {secretKeyRef: {name: shop, key: cookie}}
  budgets: {recovery: 5m}
`

const manifests = `apiVersion: v1
kind: Service
metadata: {name: shop-http}
spec: {selector: {app: other}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {clusterIP: None, selector: {app: shop}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: shop, tier: web}}
    spec: {containers: [{name: shop, image: shop, ports: [{name: epmd, containerPort: 4369}, {name: dist, containerPort: 9100}]}]}
`

func TestResolveInfersFromManifests(t *testing.T) {
	p, err := Decode("p.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolve(p, manifests)
	if err != nil {
		t.Fatal(err)
	}
	if r.Replicas() != 3 || r.Service != "shop" || r.DistPort != 9100 || r.EPMDPort != 4369 {
		t.Errorf("resolved %+v", r)
	}
	if r.Hold.D() != 10*time.Second || r.Budgets.Recovery.D() != 5*time.Minute || r.Budgets.Formation.D() != DefaultFormation {
		t.Errorf("times: hold %v, budgets %+v", r.Hold, r.Budgets)
	}
	const made = "StatefulSet/shop"
	if !r.Owns(map[string]string{"app": "shop", "tier": "web", "hash": "1"}, made) || r.Owns(map[string]string{"app": "shop"}, made) {
		t.Error("a pod is owned when it has all labels of the template")
	}
}

// Whose pod it is shows in who made it, and not in its labels alone.
func TestOwnsWhatItMade(t *testing.T) {
	labels := map[string]string{"app": "shop"}
	for kind, owners := range map[string]map[string]bool{
		"Deployment":  {"ReplicaSet/shop-6c9f": true, "ReplicaSet/web-6c9f": false, "StatefulSet/shop": false, "Job/shop-1": false, "": true, "CloneSet/x": true},
		"StatefulSet": {"StatefulSet/shop": true, "StatefulSet/shop-db": false, "ReplicaSet/shop-6c9f": false, "DaemonSet/shop": false, "": true},
		"ReplicaSet":  {"ReplicaSet/shop": true, "ReplicaSet/shop-6c9f": false},
		"DaemonSet":   {"DaemonSet/shop": true, "DaemonSet/log": false},
	} {
		r := Resolved{Workloads: []Workload{{Kind: kind, Name: "shop", Labels: labels}}}
		for owner, want := range owners {
			if r.Owns(labels, owner) != want {
				t.Errorf("a pod of %q, of %s shop: not %v", owner, kind, want)
			}
		}
	}
}

// One Service is for the application's users, the other for its nodes.
func TestDiscoveryAsksForTheHeadlessService(t *testing.T) {
	p, err := Decode("p.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolve(p, strings.Replace(manifests, "app: other", "app: shop", 1))
	if err != nil {
		t.Fatal(err)
	}
	if r.Service != "shop" || len(r.Services) != 2 {
		t.Errorf("asked for is %s of %q", r.Service, r.Services)
	}
}

func TestHoldIsThreeRoundsOfDiscovery(t *testing.T) {
	p, err := Decode("p.yaml", []byte(good+"  discovery: {interval: 7s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolve(p, manifests)
	if err != nil {
		t.Fatal(err)
	}
	if r.Hold.D() != 21*time.Second {
		t.Errorf("hold %v, want 21s", r.Hold)
	}
}

func TestBadProfilesSayWhere(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"empty":            {"", "p.yaml: the file is empty"},
		"not YAML":         {"a: [", "p.yaml:1: not YAML: did not find"},
		"unknown key":      {strings.Replace(good, "manifests", "manifest", 1), `p.yaml:5: unknown key "manifest", did you mean "manifests"?`},
		"deep unknown key": {strings.Replace(good, "recovery", "recoverry", 1), `p.yaml:8: unknown key "recoverry", did you mean "recovery"?`},
		"far off key":      {good + "  zzzzzz: 1\n", `p.yaml:9: unknown key "zzzzzz" in spec; its keys are manifests, command, `},
		"wrong kind":       {strings.Replace(good, "Profile", "Deployment", 1), `p.yaml:2: kind is "Deployment"; this file must have kind: Profile`},
		"no name":          {strings.Replace(good, "shop", `""`, 1), "p.yaml:3: metadata.name is missing"},
		"bad duration":     {strings.Replace(good, "5m", "5 minutes", 1), `p.yaml:8: spec.budgets.recovery: "5 minutes" is not a duration`},
		"negative":         {strings.Replace(good, "5m", "-5m", 1), "not a positive duration"},
		"two sources":      {strings.Replace(good, "build: .", "build: ., pull: x", 1), "p.yaml:6: spec.images[0] has build and pull; exactly one of build, archive, local, pull is allowed"},
		"no cookie":        {strings.Replace(good, "cookie: {secretKeyRef: {name: shop, key: cookie}}", "", 1), "spec.cookie"},
		"two documents":    {good + "---\na: 1\n", "p.yaml:10: a second YAML document"},
	} {
		_, err := Decode("p.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
		}
	}
}

func TestManifestsWithoutWorkload(t *testing.T) {
	p, err := Decode("p.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resolve(p, "kind: ConfigMap\nmetadata: {name: x}\n"); err == nil || !strings.Contains(err.Error(), "no pod would run") {
		t.Errorf("error %v", err)
	}
	if _, err := resolve(p, "kind: ["); err == nil || !strings.Contains(err.Error(), "object 1") {
		t.Errorf("error %v", err)
	}
}
