package manifest_test

import (
	"fmt"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"meshproof.dev/meshproof/e2e/manifest"
)

const template = `{metadata: {labels: {app: shop}}, spec: {serviceAccountName: reader, containers: [{name: c, image: shop:1}]}}`

func TestWorkloads(t *testing.T) {
	s := parse(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod}
spec: {template: `+template+`, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 1}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec: {replicas: 3, serviceName: nodes, podManagementPolicy: Parallel, selector: {matchLabels: {app: shop}}, template: `+template+`, updateStrategy: {rollingUpdate: {partition: 2}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: each}
spec: {template: `+template+`, updateStrategy: {type: OnDelete}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: bare}
spec: {replicas: 0, template: `+template+`}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec: {replicas: 2, selector: {app: shop}, template: `+template+`}
---
apiVersion: v1
kind: Pod
metadata: {name: single, labels: {app: shop}}
spec: {serviceAccount: reader, containers: [{name: c}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: `+template+`}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: `+template+`}}}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 4}
---
apiVersion: v1
kind: Service
metadata: {name: nodes}
spec: {clusterIP: None, selector: {app: shop}, publishNotReadyAddresses: true, ports: [{name: epmd, port: 4369}]}
`)
	var got []string
	for _, w := range s.Workloads() {
		if w.Labels()["app"] != "shop" || len(w.Containers()) != 1 || w.Account() != "reader" {
			t.Errorf("%s: labels %v, account %s, %d containers", w, w.Labels(), w.Account(), len(w.Containers()))
		}
		got = append(got, fmt.Sprintf("%s runs %t, %d pods", w, w.Runs(), s.Count(w, 5)))
	}
	want := []string{
		"Deployment web runs true, 4 pods", "StatefulSet shop runs true, 3 pods", "DaemonSet each runs true, 5 pods", "ReplicaSet bare runs true, 0 pods",
		"ReplicationController old runs true, 2 pods", "Pod single runs true, 1 pods", "Job once runs false, 1 pods", "CronJob nightly runs false, 1 pods",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", lines(got), lines(want))
	}
	all := s.Workloads()
	web, shop, cron := all[0], all[1], all[7]
	if web.Update.MaxUnavailable.String() != "25%" || web.Update.MaxSurge.IntValue() != 1 || shop.ServiceName != "nodes" || *shop.Update.Partition != 2 || shop.PodManagement != "Parallel" {
		t.Errorf("web %+v, shop %+v", web.Update, shop)
	}
	if got := manifest.Path(cron.Containers()[0].At("image")...); got != "spec.jobTemplate.spec.template.spec.containers[0].image" {
		t.Errorf("the CronJob's image stands at %s", got)
	}
	if got := manifest.Path(all[5].Containers()[0].Path...); got != "spec.containers[0]" {
		t.Errorf("the Pod's container stands at %s", got)
	}
	nodes := s.Service("", "nodes")
	if !nodes.Headless() || !nodes.PublishesNotReady() || !nodes.Selects(shop.Labels()) || nodes.Port("epmd").Port != 4369 || nodes.Port("dist") != nil {
		t.Errorf("the Service is %+v", nodes.Spec)
	}
	if s.Service("", "web") != nil || s.Find("Deployment", "other", "web") != nil || s.Find("Deployment", "", "web") == nil {
		t.Error("an object is found by kind, name and namespace")
	}
}

func TestContainers(t *testing.T) {
	w := parse(t, `
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  initContainers:
  - {name: first}
  - {name: proxy, restartPolicy: Always, ports: [{name: admin, containerPort: 15000}]}
  containers:
  - {name: shop, ports: [{name: epmd, containerPort: 4369}]}
`).Workloads()[0]
	var got []string
	for _, c := range w.Containers() {
		got = append(got, c.Name+" "+string(c.Role))
	}
	if want := []string{"first init", "proxy sidecar", "shop main"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if main := w.Containers(manifest.Main); len(main) != 1 || main[0].Name != "shop" || w.Position(main[0].At("ports")...).Line != 10 {
		t.Errorf("the main containers are %+v", main)
	}
	for name, want := range map[string]int{"epmd": 4369, "admin": 15000, "none": 0} {
		if got := w.TargetPort(intstr.FromString(name)); got != want {
			t.Errorf("port %s is %d, want %d", name, got, want)
		}
	}
	if w.TargetPort(intstr.FromInt32(80)) != 80 {
		t.Error("a number is itself")
	}
}

func TestSelectors(t *testing.T) {
	pod := map[string]string{"app": "shop", "tier": "back"}
	for _, c := range []struct {
		selector *metav1.LabelSelector
		want     bool
	}{
		{nil, false}, {&metav1.LabelSelector{}, true},
		{&metav1.LabelSelector{MatchLabels: map[string]string{"app": "shop"}}, true},
		{&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: "NotIn", Values: []string{"front"}}}}, true},
		{&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "zone", Operator: "Exists"}}}, false},
	} {
		if got, err := manifest.Selects(c.selector, pod); got != c.want || err != nil {
			t.Errorf("%v: got %t, %v; want %t", c.selector, got, err, c.want)
		}
	}
	if _, err := manifest.Selects(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}, pod); err == nil {
		t.Error("an operator that Kubernetes does not know is an error")
	}
	if manifest.Covers(pod, nil) || !manifest.Covers(pod, map[string]string{"app": "shop"}) || manifest.Covers(pod, map[string]string{"app": "web"}) {
		t.Error("a Service selects what has all its labels, and nothing where it names none")
	}
}

func TestAccess(t *testing.T) {
	s := parse(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: prod}
spec: {template: `+template+`}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: peers, namespace: prod}
rules: [{apiGroups: [""], resources: [pods], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: peers, namespace: prod}
roleRef: {kind: Role, name: peers}
subjects: [{kind: ServiceAccount, name: reader, namespace: prod}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: all}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: Group, name: "system:serviceaccounts:prod"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: other, namespace: prod}
roleRef: {kind: Role, name: peers}
subjects: [{kind: ServiceAccount, name: reader, namespace: dev}, {kind: ServiceAccount, name: writer}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: prod}
automountServiceAccountToken: false
`)
	w := s.Workloads()[0]
	g := s.Grants(w)
	if len(g) != 2 || g[0].Role == nil || g[0].Everywhere() || g[1].Role != nil || !g[1].Everywhere() {
		t.Fatalf("got %+v", g)
	}
	if !g[0].Allows("list", "", "pods") || g[0].Allows("get", "", "pods") || g[0].Allows("list", "discovery.k8s.io", "pods") || g[1].Allows("list", "", "pods") {
		t.Error("the role lists pods and nothing more; what a role that is not there allows is not known")
	}
	if s.Token(w) {
		t.Error("the account's token is not mounted")
	}
	on := true
	if w.Pod().AutomountServiceAccountToken = &on; !s.Token(w) {
		t.Error("what the pod says goes before what its account says")
	}
}

func TestPolicies(t *testing.T) {
	s := parse(t, `
apiVersion: v1
kind: Pod
metadata: {name: shop, labels: {app: shop}}
spec: {containers: [{name: c, ports: [{name: epmd, containerPort: 4369}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {matchLabels: {app: shop}}}]
    ports: [{port: epmd}, {port: 10000, endPort: 10010}]
  - from: [{podSelector: {matchLabels: {app: web}}}]
  egress:
  - ports: [{port: 53, protocol: UDP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: other, namespace: dev}
spec: {podSelector: {matchLabels: {app: other}}}
`)
	w, all := s.Workloads()[0], s.Policies()
	p := all[0]
	if is, err := p.Selects(w); !is || err != nil || !p.Restricts(networkingv1.PolicyTypeIngress) || !p.Restricts(networkingv1.PolicyTypeEgress) {
		t.Errorf("the policy restricts the pod both ways: %t, %v", is, err)
	}
	if is, _ := all[1].Selects(w); is || all[1].Restricts(networkingv1.PolicyTypeEgress) {
		t.Error("the other policy is for other pods, and without egress rules not for egress")
	}
	in, out := p.Rules(networkingv1.PolicyTypeIngress), p.Rules(networkingv1.PolicyTypeEgress)
	if !in[0].ReachesPods(w.Namespace, w.Labels()) || in[1].ReachesPods(w.Namespace, w.Labels()) || !out[0].ReachesPods(w.Namespace, w.Labels()) {
		t.Error("who is at the other end")
	}
	for port, want := range map[int]bool{4369: true, 10005: true, 10011: false, 80: false} {
		if got := in[0].Opens(w, port, "TCP"); got != want {
			t.Errorf("port %d: got %t", port, got)
		}
	}
	if !in[1].Opens(w, 80, "TCP") || out[0].Opens(w, 53, "TCP") || !out[0].Opens(w, 53, "UDP", "TCP") {
		t.Error("a rule without ports opens all; a protocol is that of the port")
	}
	if got := p.Position(in[1].Path...).Line; got != 15 {
		t.Errorf("the second rule stands in line 15, got %d", got)
	}
}
