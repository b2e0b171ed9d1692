package objects

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

const placed = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  strategy:
    rollingUpdate:
      maxUnavailable: 2
  template:
    spec:
      containers:
      - name: web
        args: [a]
        envFrom:
        - configMapRef: {name: vm}
        env:
        - name: A
          value: x
        - name: AB
          value: y
        livenessProbe:
          exec: {command: [x]}
      - name: web-2
        env:
        - name: A
          value: z
---
apiVersion: v1
kind: ConfigMap
metadata: {name: vm}
data:
  vm.args: |
    -name x
  FLAG: x
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  ports: []
  selector: {app: shop}
`

// A finding is in the line of what its sentence names.
func TestPlaces(t *testing.T) {
	set, err := manifest.Parse("k8s/shop.yaml", []byte(placed))
	if err != nil {
		t.Fatal(err)
	}
	v := folded(t)
	for _, d := range set.Documents {
		j := objectOf(t, d)
		v.Apply(recording.Event{Object: &j})
	}
	shop, service := check.OnObject("Deployment", "shop"), check.Subject{Kind: "service", Name: "shop"}
	for _, c := range []struct {
		subject check.Subject
		says    string
		want    string
	}{
		{shop, "env A of container web of Deployment shop is x", "k8s/shop.yaml:16"},
		{shop, "env AB of container web is y", "k8s/shop.yaml:18"},
		{shop, "the name is in env A of container web-2 and in env A of container web", "k8s/shop.yaml:24"},
		{shop, "env FLAG of container web, from ConfigMap vm, is x", "k8s/shop.yaml:33"},
		{shop, "vm.args in ConfigMap vm says -name", "k8s/shop.yaml:31"},
		{shop, "args of container web", "k8s/shop.yaml:12"},
		{shop, "livenessProbe of container web starts a VM", "k8s/shop.yaml:20"},
		{shop, "may stop two at once (maxUnavailable: 2)", "k8s/shop.yaml:7"},
		{shop, "Service shop opens a port", "k8s/shop.yaml:35"},
		{shop, "Service shop-headless is not there", "k8s/shop.yaml:1"},
		{shop, "something else", "k8s/shop.yaml:1"},
		{service, "its selector fits nothing", "k8s/shop.yaml:40"},
		{check.Subject{Kind: "service", Name: "none"}, "it is not there", "k8s/shop.yaml:1"},
		{check.OnWorkload(v), "env A of container web-2", "k8s/shop.yaml:24"},
		{check.Subject{Kind: "pod", Name: "shop-0"}, "env A of container web", ""},
	} {
		finding := check.Finding{Subject: c.subject, Outcome: check.Fail, Message: c.says}
		got := WithPlaces(check.Check{Judge: func(*view.View) []check.Finding { return []check.Finding{finding} }}).Judge(v)[0].Place
		if got == nil && c.want != "" || got != nil && got.String() != c.want {
			t.Errorf("%s: %v, wanted %s", c.says, got, c.want)
		}
	}
	own := &check.Place{File: "x", Line: 3}
	passes, says := check.Finding{Subject: shop, Outcome: check.Pass}, check.Finding{Subject: shop, Outcome: check.Fail, Place: own}
	found := WithPlaces(check.Check{Judge: func(*view.View) []check.Finding { return []check.Finding{passes, says} }}).Judge(v)
	if found[0].Place != nil || found[1].Place != own {
		t.Errorf("%v", found)
	}
	says.Try = "kubectl get deployment shop -o yaml"
	for namespace, try := range map[string]string{"": "", "prod": says.Try} {
		v.Header.Namespace = namespace
		if got := WithPlaces(check.Check{Judge: func(*view.View) []check.Finding { return []check.Finding{says} }}).Judge(v)[0].Try; got != try {
			t.Errorf("in namespace %q: try %q, wanted %q", namespace, got, try)
		}
	}
}

// Of what helm rendered the template is named, and no line.
func TestPlaceInATemplate(t *testing.T) {
	in := manifest.Input{Name: "-", Data: []byte("# Source: shop/templates/web.yaml\n" + placed), Stream: true}
	set, err := in.Parse()
	if err != nil {
		t.Fatal(err)
	}
	v := folded(t)
	for _, d := range set.Documents {
		j := objectOf(t, d)
		v.Apply(recording.Event{Object: &j})
	}
	f := check.Finding{Subject: check.OnObject("Deployment", "shop"), Message: "env A of container web"}
	if got := Read(v).place(&f); got == nil || *got != (check.Place{File: "shop/templates/web.yaml"}) {
		t.Errorf("%v", got)
	}
	f.Subject = check.OnObject("ConfigMap", "vm")
	if got := Read(v).place(&f); got != nil {
		t.Errorf("what is in no file: %v", got)
	}
}
