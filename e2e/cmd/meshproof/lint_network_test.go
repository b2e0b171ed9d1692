package main

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/workload/draft"
)

// shop is a StatefulSet of three nodes, with what a case puts in: the container's environment, fields of the pod, the image.
func shop(env, pod, image string) string {
	return `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  serviceName: shop-nodes
  replicas: 3
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      ` + pod + `
      containers:
      - name: shop
        image: ` + image + `
        ports: [{name: epmd, containerPort: 4369}, {name: dist, containerPort: 9000}]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        - {name: RELEASE_COOKIE, valueFrom: {secretKeyRef: {name: shop, key: cookie}}}
` + env
}

const (
	nodes      = "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop-nodes}\nspec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: shop}, ports: [{name: epmd, port: 4369}, {name: dist, port: 9000}]}\n"
	byIP       = "        - {name: RELEASE_DISTRIBUTION, value: name}\n        - {name: RELEASE_NODE, value: shop@$(POD_IP)}\n"
	byHost     = "        - {name: RELEASE_DISTRIBUTION, value: name}\n        - {name: RELEASE_NODE, value: shop@$(POD_NAME).shop-nodes.prod.svc.cluster.local}\n"
	asksByAPI  = "        - {name: SHOP_CLUSTER_STRATEGY, value: kubernetes}\n"
	ownAccount = "serviceAccountName: shop"
	anImage    = "registry.example/shop:1"
)

func variable(name, value string) string {
	return "        - {name: " + name + ", value: \"" + value + "\"}\n"
}

func role(verbs, resources string) string {
	return "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: peers}\nrules: [{apiGroups: [\"\"], resources: [" + resources + "], verbs: [" + verbs + "]}]\n"
}

func bound(subject string) string {
	return "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: peers}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: peers}\nsubjects: [{kind: ServiceAccount, " + subject + "}]\n"
}

func account(fields string) string {
	return "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: shop}\n" + fields + "\n"
}

func policy(spec string) string {
	return "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: shop}\nspec: {podSelector: {matchLabels: {app: shop}}, " + spec + "}\n"
}

// Kinds of mistakes that people have reported, and healthy manifests that look like them: what lint is red for, and nothing else.
func TestLintKinds(t *testing.T) {
	const peer, dns = "[{podSelector: {matchLabels: {app: shop}}}]", "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]}"
	api, find, net := "manifest/role-bound ", "manifest/discovery-finds-peers ", "manifest/network-policy-admits-peers "
	plain := func(env string) string { return shop(byIP+env, "terminationGracePeriodSeconds: 30", anImage) + nodes }
	as := func(env string) string { return shop(byIP+env, ownAccount, anImage) + nodes }
	for name, c := range map[string]struct {
		manifests string
		red       []string
	}{
		"policy: egress to peers only, one port missing": {plain("") + policy("policyTypes: [Ingress, Egress], ingress: [{from: "+peer+", ports: [{port: epmd}]}], egress: [{to: "+peer+"}]"), []string{net + "dist-closed", net + "dns-closed"}},
		"policy: everything closed":                      {plain("") + policy("policyTypes: [Ingress, Egress]"), []string{net + "peers-closed", net + "peers-closed", net + "dns-closed"}},
		"policy: all that is needed":                     {plain("") + policy("policyTypes: [Ingress, Egress], ingress: [{from: "+peer+", ports: [{port: epmd}, {port: dist}]}], egress: [{to: "+peer+"}, "+dns+"]"), nil},
		"policy: for a web front":                        {plain("") + policy("ingress: [{ports: [{port: 4000}]}, {from: "+peer+"}]"), nil},

		"api: no role":                               {plain(asksByAPI), []string{api + "no-role"}},
		"api: an account here, no role":              {as(asksByAPI) + account(""), []string{api + "no-role"}},
		"api: an account elsewhere":                  {as(asksByAPI), []string{api + "unknown"}},
		"api: bound to another account":              {as(asksByAPI) + account("") + role("list", "pods") + bound("name: shop-sa"), []string{api + "other-account"}},
		"api: bound to an account elsewhere":         {strings.Replace(as(asksByAPI), "{name: shop}", "{name: shop, namespace: prod}", 1) + account("") + role("list", "pods") + bound("name: shop, namespace: dev"), []string{api + "other-account"}},
		"api: verbs for something else":              {as(asksByAPI) + account("") + role("create", "events") + bound("name: shop"), []string{api + "lacks-access"}},
		"api: libcluster may get, and lists":         {as(variable("CLUSTER_STRATEGY", "Elixir.Cluster.Strategy.Kubernetes")) + account("") + role("get", "endpoints") + bound("name: shop"), []string{api + "lacks-access"}},
		"api: no token":                              {as(asksByAPI) + account("automountServiceAccountToken: false") + role("list", "pods") + bound("name: shop"), []string{api + "no-token"}},
		"api: a token for this pod":                  {strings.Replace(as(asksByAPI), ownAccount, ownAccount+"\n      automountServiceAccountToken: true", 1) + account("automountServiceAccountToken: false") + role("list", "pods") + bound("name: shop"), nil},
		"api: all that is needed":                    {as(asksByAPI) + account("") + role("list", "pods") + bound("name: shop"), nil},
		"api: RabbitMQ 4 asks nobody":                {shop(variable("AUTOCLUSTER_TYPE", "k8s")+byHost, "terminationGracePeriodSeconds: 30", "rabbitmq:4.1") + nodes, nil},
		"api: RabbitMQ 3 asks":                       {shop(variable("AUTOCLUSTER_TYPE", "k8s")+byHost, "terminationGracePeriodSeconds: 30", "rabbitmq:3.13") + nodes, []string{api + "no-role"}},
		"labels: VerneMQ's selector fits nothing":    {as(variable("DOCKER_VERNEMQ_KUBERNETES_LABEL_SELECTOR", "app.kubernetes.io/name=shop")) + account("") + role("list", "pods") + bound("name: shop"), []string{find + "selector-fits-nothing"}},
		"labels: libcluster's selector fits nothing": {as(variable("LIBCLUSTER_KUBERNETES_SELECTOR", "app=web")) + account("") + role("list", "pods") + bound("name: shop"), []string{find + "selector-fits-nothing"}},
		"labels: libcluster's selector fits":         {as(variable("LIBCLUSTER_KUBERNETES_SELECTOR", "app=shop")) + account("") + role("list", "pods") + bound("name: shop"), nil},

		"dns: a Service that is not there":        {plain(variable("DNS_CLUSTER_QUERY", "shop-headless")), []string{find + "no-such-service"}},
		"dns: the users' Service":                 {plain(variable("DNS_CLUSTER_QUERY", "shop")) + "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop}, ports: [{port: 80}]}\n", []string{"service/headless virtual-ip"}},
		"dns: its own Service":                    {plain(variable("DNS_CLUSTER_QUERY", "shop-nodes.prod.svc.cluster.local")), nil},
		"dns: addresses, and nodes named by host": {shop(byHost+variable("DNS_CLUSTER_QUERY", "shop-nodes"), "terminationGracePeriodSeconds: 30", anImage) + nodes, []string{find + "addresses-for-hosts"}},
		"dns: a port without that name":           {plain(variable("SHOP_CLUSTER_DNS", "_erl._tcp.shop-nodes.prod.svc.cluster.local")), []string{find + "no-such-port"}},
		"dns: seeds below another Service":        {shop(byHost+variable("DISCOVERY_NODES", "shop@shop-0.shop.prod.svc.cluster.local"), "terminationGracePeriodSeconds: 30", anImage) + nodes, []string{find + "other-service"}},

		"refused: the StatefulSet's name": {strings.Replace(plain(""), "{name: shop}", "{name: a-release-with-a-long-name-of-its-own-and-then-the-shop}", 1), []string{"manifest/accepted statefulset-name"}},
		"refused: a label":                {strings.Replace(plain(""), "labels: {app: shop}", "labels: {app: shop, version: 1.0+7}", 1), []string{"manifest/accepted label"}},
		"a Service without a selector":    {strings.Replace(plain(""), " selector: {app: shop}, ports", " ports", 1), []string{"service/selects-pods no-selector"}},
		"readiness needs three, in order": {strings.Replace(plain(""), "        env:", "        readinessProbe: {exec: {command: [rabbitmqctl, await_online_nodes, \"3\"]}}\n        env:", 1), []string{"manifest/ready-without-peers waits-in-order"}},
	} {
		t.Run(name, func(t *testing.T) {
			ws, err := draft.Plain(t.Context(), loader(""), "-", strings.NewReader(c.manifests))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range ws {
				p, err := lint(w, rules.All())
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, reds(p.Results)...)
			}
			slices.Sort(got)
			slices.Sort(c.red)
			if !slices.Equal(got, c.red) {
				t.Errorf("got  %q\nwant %q", got, c.red)
			}
		})
	}
}

// reds are the findings that fail, "CHECK DIAGNOSIS", and those of which lint does not know, "CHECK unknown".
func reds(results []judge.Result) []string {
	var all []string
	for _, r := range results {
		for _, s := range r.Subjects {
			switch {
			case r.Level == check.Advice:
			case s.Verdict == judge.Fail:
				all = append(all, r.ID+" "+s.Code)
			case s.Verdict == judge.Unknown:
				all = append(all, r.ID+" unknown")
			}
		}
	}
	return all
}
