package rules_test

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestRoleBound(t *testing.T) {
	reader := object("Role", "reader", `{"rules":[{"apiGroups":["discovery.k8s.io"],"resources":["endpointslices"],"verbs":["list"]}]}`)
	binding := func(account string) func(s *rt.Recording) {
		return object("RoleBinding", "b", `{"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"ServiceAccount","name":"`+account+`"}]}`)
	}
	one := func(o check.Outcome, code string, says ...string) []want { return []want{{deployment, o, code, says}} }
	const api = "EMQX_CLUSTER__DISCOVERY_STRATEGY"
	emqx := literal(api, "k8s")
	role := func(rules string) func(s *rt.Recording) { return object("Role", "reader", `{"rules":[`+rules+`]}`) }
	const getEndpoints, listEndpoints, listPods = `{"apiGroups":[""],"resources":["endpoints"],"verbs":["get"]}`, `{"apiGroups":[""],"resources":["endpoints"],"verbs":["list"]}`, `{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}`
	account := object("ServiceAccount", "derl", `{"apiVersion":"v1","metadata":{"name":"derl"}}`)
	runsAs := podField(`"serviceAccountName":"derl"`)
	within := func(kind, name, namespace, rest string) func(s *rt.Recording) {
		return object(kind, name, `{"apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"`+name+`","namespace":"`+namespace+`"},`+rest+`}`)
	}
	const toReader = `"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"ServiceAccount","name":"derl","namespace":"shop"}]`
	shop := rewrite("Deployment", `"metadata":{"name":"derl"}`, `"metadata":{"name":"derl","namespace":"shop"}`)
	libcluster := func(more string) func(s *rt.Recording) {
		return config("runtime.exs", "config :libcluster, topologies: [k8s: [strategy: Cluster.Strategy.Kubernetes, config: [kubernetes_selector: \"app=derl\""+more+"]]]\n")
	}
	rabbitmq := func(image string) func(s *rt.Recording) {
		return all(rewrite("Deployment", `"image":"`+rt.Image+`"`, `"image":"`+image+`"`), config("rabbitmq.conf", "cluster_formation.peer_discovery_backend = k8s\n"))
	}
	try(t, "manifest/role-bound", slices.Concat([]trial{
		{"none that reads peers", object("Role", "writer", `{"rules":[{"resources":["configmaps"]}]}`), one(check.NotApplicable, "", "no role")},
		{"bound to nobody", reader, one(check.Fail, "unbound", "Role reader grants access", "no binding", "RoleBinding")},
		{"bound to another", all(reader, podField(`"serviceAccountName":"derl"`), binding("drel")), one(check.Fail, "other-account", "to service account drel", "run as derl")},
		{"bound", all(reader, podField(`"serviceAccountName":"derl"`), binding("derl")), one(check.Pass, "")},
		{"bound under the field's old name", all(reader, podField(`"serviceAccount":"derl"`), binding("derl")), one(check.Pass, "")},
		{"bound to the account of who names none", all(reader, binding("default")), one(check.Pass, "")},
		{"for somebody else", all(reader, binding("prometheus")), one(check.NotApplicable, "", "are bound to prometheus")},
		{"bound to a group", all(reader, object("RoleBinding", "b", `{"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"Group","name":"system:serviceaccounts"}]}`)), one(check.Pass, "")},
		{"cannot be read", object("Role", "reader", `{"rules":"all"}`), one(check.Unseen, "", "could not be read")},
		{"bound to the account of another namespace", all(shop, runsAs, within("Role", "reader", "shop", `"rules":[`+listPods+`]`), within("RoleBinding", "b", "shop", strings.Replace(toReader, `"shop"`, `"dev"`, 1))),
			one(check.Fail, "other-account", "to service account dev/derl", "run as derl of namespace shop", "write namespace: shop at ServiceAccount derl")},
		{"bound in another namespace, and nothing asks", all(shop, runsAs, within("Role", "reader", "ops", `"rules":[`+listPods+`]`), within("RoleBinding", "b", "ops", toReader)),
			one(check.NotApplicable, "", "bound in namespace ops only")},
		{"asks, and is bound in another namespace", all(emqx, shop, runsAs, within("Role", "reader", "ops", `"rules":[`+getEndpoints+`]`), within("RoleBinding", "b", "ops", toReader)),
			one(check.Fail, "other-namespace", "in namespace shop", "bound in namespace ops")},
		{"a subject without a namespace is in that of the binding", all(emqx, shop, runsAs, within("Role", "reader", "ops", `"rules":[`+getEndpoints+`]`), within("RoleBinding", "b", "ops", strings.Replace(toReader, `,"namespace":"shop"`, "", 1))),
			one(check.Fail, "other-account", "to service account ops/derl")},
		{"asks, and the binding names another Role", written(emqx, role(getEndpoints), object("RoleBinding", "b", `{"roleRef":{"kind":"Role","name":"raeder"},"subjects":[{"kind":"ServiceAccount","name":"default"}]}`)),
			one(check.Fail, "unbound", "RoleBinding b refers to Role raeder, which is not there", "write name: reader in the roleRef")},
		{"asks with rules of another role", all(emqx, object("ClusterRole", "all", `{"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"for":"all"}}]},"rules":[]}`),
			object("ClusterRole", "part", `{"metadata":{"labels":{"for":"all"}},"rules":[`+getEndpoints+`]}`), object("RoleBinding", "b", `{"roleRef":{"kind":"ClusterRole","name":"all"},"subjects":[{"kind":"ServiceAccount","name":"default"}]}`)), one(check.Pass, "")},
		{"asks with rules of roles that are elsewhere", written(emqx, object("ClusterRole", "all", `{"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"for":"all"}}]},"rules":[]}`),
			object("RoleBinding", "b", `{"roleRef":{"kind":"ClusterRole","name":"all"},"subjects":[{"kind":"ServiceAccount","name":"default"}]}`)), one(check.Unseen, "", "aggregationRule")},

		{"asks, and there is no role", emqx, one(check.Fail, "no-role", api, "EMQX", "account of the pods (default)", "403", `resources: [endpoints], verbs: [get]`)},
		{"asks as an account that is here, and has no role", all(emqx, account, runsAs), one(check.Fail, "no-role", "account of the pods (derl)")},
		{"asks as an account that is elsewhere", written(emqx, runsAs), one(check.Unseen, "", "neither it nor any role for it")},
		{"asks as an account that is elsewhere, on a cluster", all(emqx, runsAs), one(check.NotApplicable, "", "neither it nor any role for it", "whether the nodes find each other")},
		{"asks, and may", all(emqx, role(getEndpoints), binding("default")), one(check.Pass, "")},
		{"asks for one Service, and may", all(emqx, role(`{"apiGroups":[""],"resources":["endpoints"],"resourceNames":["derl"],"verbs":["get"]}`), binding("default")), one(check.Pass, "")},
		{"asks, and may only list", all(emqx, role(listEndpoints), binding("default")), one(check.Fail, "lacks-access", "needs get endpoints", "Role reader of account default")},
		{"asks, and the role is for other things", all(emqx, role(`{"apiGroups":[""],"resources":["configmaps"],"verbs":["*"]}`), binding("default")), one(check.Fail, "lacks-access")},
		{"asks, and the role is for others", all(emqx, role(getEndpoints), binding("broker")), one(check.Fail, "other-account", "to service account broker", "run as default")},
		{"asks, and the role is bound to nobody", all(emqx, role(getEndpoints)), one(check.Fail, "unbound")},
		{"asks with a role of Kubernetes' own", all(emqx, object("RoleBinding", "b", `{"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"ServiceAccount","name":"default"}]}`)), one(check.Pass, "")},
		{"asks with a role that is elsewhere", written(emqx, object("RoleBinding", "b", `{"roleRef":{"kind":"ClusterRole","name":"peers"},"subjects":[{"kind":"ServiceAccount","name":"default"}]}`)), one(check.Unseen, "", "ClusterRole peers, whose rules are not in the manifests")},
		{"asks without a token", all(emqx, role(getEndpoints), binding("default"), podField(`"automountServiceAccountToken":false`)), one(check.Fail, "no-token", "the pod template of Deployment derl")},
		{"asks as an account without a token", all(emqx, role(getEndpoints), binding("derl"), runsAs, object("ServiceAccount", "derl", `{"apiVersion":"v1","automountServiceAccountToken":false}`)), one(check.Fail, "no-token", "ServiceAccount derl")},
		{"asks with a token of its own", all(emqx, role(getEndpoints), binding("default"), podField(`"automountServiceAccountToken":false,"volumes":[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"path":"token"}}]}}]`),
			field(`"volumeMounts":[{"name":"t","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]`)), one(check.Pass, "")},
		{"asks in another namespace", all(emqx, literal("EMQX_CLUSTER__K8S__NAMESPACE", "brokers"), shop, runsAs, within("Role", "reader", "shop", `"rules":[`+getEndpoints+`]`), within("RoleBinding", "b", "shop", toReader)),
			one(check.Fail, "other-namespace", "in namespace brokers", "bound in namespace shop")},
		{"asks everywhere, and may in one namespace", all(args("sh", "-c", "curl -s $API/api/v1/pods?labelSelector=app%3Dderl"), role(listPods), binding("default")), one(check.Fail, "not-cluster-wide", "in all namespaces")},
		{"asks everywhere, and may", all(args("sh", "-c", "kubectl get pods -A"), object("ClusterRole", "reader", `{"rules":[`+listPods+`]}`),
			object("ClusterRoleBinding", "b", `{"roleRef":{"kind":"ClusterRole","name":"reader"},"subjects":[{"kind":"ServiceAccount","name":"default","namespace":"prod"}]}`)), one(check.Pass, "")},
		{"expects no mesh", all(emqx, func(s *rt.Recording) { means(s, profile.NoMesh) }), one(check.NotApplicable, "", "no connections between nodes are expected")},

		{"libcluster, without a role", libcluster(""), one(check.Fail, "no-role", "runtime.exs in ConfigMap derl-config", "libcluster", "resources: [endpoints], verbs: [list]")},
		{"libcluster lists Endpoints, and may get them", all(libcluster(""), role(getEndpoints), binding("default")), one(check.Fail, "lacks-access", "needs list endpoints")},
		{"libcluster lists pods", all(libcluster(", kubernetes_ip_lookup_mode: :pods"), role(listPods), binding("default")), one(check.Pass, "")},
		{"libcluster lists Endpoints, and may list pods", all(libcluster(""), role(listPods), binding("default")), one(check.Fail, "lacks-access")},
		{"libcluster's DNS asks nobody", config("runtime.exs", "strategy: Cluster.Strategy.Kubernetes.DNS, config: [service: \"derl\"]\n"), one(check.NotApplicable, "", "no role")},
		{"libcluster with a choice", config("runtime.exs", "strategy: if(k8s, do: Cluster.Strategy.Kubernetes, else: Cluster.Strategy.Gossip)\n"), one(check.NotApplicable, "", "Gossip")},
		{"libcluster's selector", literal("LIBCLUSTER_KUBERNETES_SELECTOR", "app=derl"), one(check.Fail, "no-role")},
		{"VerneMQ lacks its StatefulSet", all(literal("DOCKER_VERNEMQ_DISCOVERY_KUBERNETES", "1"), role(listPods), binding("default")), one(check.Fail, "lacks-access", "needs get statefulsets")},
		{"derl with two methods", literal("DISCOVERY", "kube-api,dns-a"), one(check.NotApplicable, "", "beside the API, dns-a")},
		{"derl with one", literal("DISCOVERY", "kube-api"), one(check.Fail, "no-role")},
		{"RabbitMQ 3", rabbitmq("rabbitmq:3.13-management"), one(check.Fail, "no-role", "RabbitMQ")},
		{"RabbitMQ 4", rabbitmq("registry.example/bitnami/rabbitmq:4.1.2-debian-12"), one(check.NotApplicable, "", "from 4.1 on")},
		{"RabbitMQ 4, the newest", rabbitmq("rabbitmq:4"), one(check.NotApplicable, "", "from 4.1 on")},
		{"RabbitMQ of some version", rabbitmq("registry.example/mq:latest"), one(check.NotApplicable, "", "does not say which version")},
		{"a word of its own", all(rewrite("Deployment", `"DISCOVERY_NAME"`, `"PEERS"`), literal("CLUSTER_STRATEGY", "kubernetes")), one(check.Fail, "no-role", "env CLUSTER_STRATEGY of container derl")},
		{"a word of its own, and a name in DNS", literal("CLUSTER_STRATEGY", "kubernetes"), one(check.NotApplicable, "", "a name to ask DNS for")},
		{"a platform is no way to find peers", all(literal("CLUSTER_NAME", "kubernetes"), literal("PLATFORM", "k8s")), one(check.NotApplicable, "", "no role")},
		{"switched off", literal("SHOP_DISCOVERY_KUBERNETES", "false"), one(check.NotApplicable, "", "no role")},
	}, unreadable()))
}
