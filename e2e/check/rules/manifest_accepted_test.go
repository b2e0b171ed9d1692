package rules_test

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// workloadNamed gives the recordings' workload another name.
func workloadNamed(name string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		rewrite("StatefulSet", `"metadata":{"name":"derl"}`, `"metadata":{"name":"`+name+`"}`)(s)
		edit(s, func(p *profile.Resolved) { p.Workloads[0].Name = name })
	}
}

func TestManifestAccepted(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	of := func(name, code string, says ...string) []want {
		return []want{{"object StatefulSet/" + name, check.Fail, code, says}}
	}
	service := func(spec string) func(s *rt.Recording) {
		return object("Service", "more", `{"apiVersion":"v1","metadata":{"name":"more"},"spec":{"selector":{"app":"derl"},`+spec+`}}`)
	}
	more := func(code string, says ...string) []want {
		return []want{{"object Service/more", check.Fail, code, says}}
	}
	binding := func(kind, account string) func(s *rt.Recording) {
		return object(kind, "b", `{"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"ServiceAccount","name":"`+account+`"}]}`)
	}
	label := func(value string) func(s *rt.Recording) {
		return rewrite("Deployment", `"metadata":{"labels":{"app":"derl"}}`, `"metadata":{"labels":{"app":"derl","version":"`+value+`"}}`)
	}
	keyed := object("Secret", "some", `{"apiVersion":"v1","stringData":{"x":"1"}}`)
	refers := func(more string) func(s *rt.Recording) {
		return env("X", `"valueFrom":{"secretKeyRef":{"name":"some","key":"y"`+more+`}}`)
	}
	try(t, "manifest/accepted", slices.Concat([]trial{
		{"a StatefulSet's longest name", all(stateful("derl"), workloadNamed(long(52))), nil},
		{"a StatefulSet's name", all(stateful("derl"), workloadNamed(long(53))), of(long(53), "statefulset-name", "has 53 characters. 52 are the most", "controller-revision-hash", "no pod of it is ever made")},
		{"a StatefulSet's name with a dot", all(stateful("derl"), workloadNamed("shop.v2")), of("shop.v2", "statefulset-name", "has a dot")},
		{"a Deployment's long name", func(s *rt.Recording) {
			rewrite("Deployment", `"metadata":{"name":"derl"}`, `"metadata":{"name":"`+long(80)+`"}`)(s)
			edit(s, func(p *profile.Resolved) { p.Workloads[0].Name = long(80) })
		}, nil},
		{"a Service's name", object("Service", long(64), `{"apiVersion":"v1","spec":{"selector":{"app":"derl"}}}`), []want{{"object Service/" + long(64), check.Fail, "service-name", []string{"64 characters, and 63 are the most"}}}},
		{"a Service's name in capitals", object("Service", "Nodes", `{"apiVersion":"v1","spec":{"selector":{"app":"derl"}}}`), []want{{"object Service/Nodes", check.Fail, "service-name", []string{"lower"}}}},
		{"another's Service", object("Service", long(64), `{"apiVersion":"v1","spec":{"selector":{"app":"db"}}}`), nil},
		{"a label that is too long", label(long(64)), []want{{deployment, check.Fail, "label", []string{"the value", "of label version", "63"}}}},
		{"a label with a plus, as versions have it", label("1.0.0+build"), []want{{deployment, check.Fail, "label", []string{"1.0.0+build"}}}},
		{"a label that is empty", label(""), nil},
		{"a selector that is not its own", rewrite("Deployment", `"selector":{"matchLabels":{"app":"derl"}}`, `"selector":{"matchLabels":{"app":"drel"}}`), []want{{deployment, check.Fail, "selector", []string{"does not select its own pods"}}}},
		{"a selector that cannot be", rewrite("Deployment", `"selector":{"matchLabels":{"app":"derl"}}`, `"selector":{"matchExpressions":[{"key":"app","operator":"Is"}]}`), []want{{deployment, check.Fail, "selector", []string{"is refused"}}}},
		{"a port's long name", rewrite("Deployment", `{"name":"dist","containerPort":10000}`, `{"name":"erlang-distribution","containerPort":10000}`), []want{{deployment, check.Fail, "port-name", []string{"erlang-distribution", "15"}}}},
		{"a name with an underscore", func(s *rt.Recording) {
			rewrite("Deployment", `"metadata":{"name":"derl"}`, `"metadata":{"name":"my_derl"}`)(s)
			edit(s, func(p *profile.Resolved) { p.Workloads[0].Name = "my_derl" })
		}, []want{{"object Deployment/my_derl", check.Fail, "name", []string{"is no name for a Deployment"}}}},
		{"no selector", rewrite("Deployment", `"selector":{"matchLabels":{"app":"derl"}},`, ``), []want{{deployment, check.Fail, "selector", []string{"has no selector"}}}},
		{"a container's name with an underscore", rewrite("Deployment", `"containers":[`, `"initContainers":[{"name":"make_conf","image":"x"}],"containers":[`), []want{{deployment, check.Fail, "container-name", []string{"make_conf"}}}},
		{"two containers of one name", rewrite("Deployment", `"containers":[`, `"containers":[{"name":"derl","image":"x"},`), []want{{deployment, check.Fail, "container-name", []string{"two containers"}}}},
		{"a mount without its volume", field(`"volumeMounts":[{"name":"conf","mountPath":"/x"}]`), []want{{deployment, check.Fail, "volume", []string{"volumeMount conf of container derl", "does not have"}}}},
		{"two volumes of one name", podField(`"volumes":[{"name":"a","emptyDir":{}},{"name":"a","emptyDir":{}}]`), []want{{deployment, check.Fail, "volume", []string{"two volumes"}}}},
		{"a volume's name with an underscore", podField(`"volumes":[{"name":"my_conf","emptyDir":{}}]`), []want{{deployment, check.Fail, "volume", []string{"my_conf"}}}},
		{"a mount of a claim", all(stateful("derl"), rewrite("StatefulSet", `"env":[`, `"volumeMounts":[{"name":"data","mountPath":"/x"}],"env":[`), rewrite("StatefulSet", `"replicas":`, `"volumeClaimTemplates":[{"metadata":{"name":"data"}}],"replicas":`)), nil},
		{"a key that the Secret does not have", all(keyed, refers("")), []want{{deployment, check.Fail, "no-such-key", []string{"env X of container derl", "key y of Secret some", "has only x", "CreateContainerConfigError"}}}},
		{"a key that is optional", all(keyed, refers(`,"optional":true`)), nil},
		{"a key of a Secret that somebody fills", all(object("Secret", "some", `{"apiVersion":"v1","metadata":{"name":"some","annotations":{"secret-generator.v1.mittwald.de/autogenerate":"y"}},"stringData":{"x":"1"}}`), refers("")), nil},
		{"a key of a Secret that is elsewhere", refers(""), nil},
		{"a file that the Secret does not have", all(keyed, podField(`"volumes":[{"name":"a","secret":{"secretName":"some"}}]`), field(`"volumeMounts":[{"name":"a","mountPath":"/x/vm.args","subPath":"vm.args"}]`)), []want{{deployment, check.Fail, "no-such-key", []string{"an empty folder at /x/vm.args"}}}},
		{"a file that it has", all(keyed, podField(`"volumes":[{"name":"a","secret":{"secretName":"some"}}]`), field(`"volumeMounts":[{"name":"a","mountPath":"/x/vm.args","subPath":"x"}]`)), nil},
		{"an item that it does not have", all(keyed, podField(`"volumes":[{"name":"a","secret":{"secretName":"some","items":[{"key":"z","path":"z"}]}}]`)), []want{{deployment, check.Fail, "no-such-key", []string{"volume a", "key z"}}}},
		{"two ports of one name", service(`"clusterIP":"None","ports":[{"name":"epmd","port":4369},{"name":"epmd","port":10000}]`), more("port-name", "two ports with the name epmd")},
		{"one port twice", service(`"clusterIP":"None","ports":[{"name":"epmd","port":4369},{"name":"dist","port":4369}]`), more("port-name", "two ports 4369 for TCP")},
		{"one number for two protocols", service(`"clusterIP":"None","ports":[{"name":"sip","port":5060},{"name":"sip-udp","port":5060,"protocol":"UDP"}]`), nil},
		{"ports without names", service(`"clusterIP":"None","ports":[{"port":4369},{"name":"dist","port":10000}]`), more("port-name", "not each has a name")},
		{"one port without a name", service(`"clusterIP":"None","ports":[{"port":4369}]`), nil},
		{"headless, for users", service(`"clusterIP":"None","type":"NodePort","ports":[{"port":80}]`), more("headless-type", "type: NodePort")},
		{"for the whole cluster, without a namespace", binding("ClusterRoleBinding", "default"), []want{{"object ClusterRoleBinding/b", check.Fail, "subject", []string{"has no namespace"}}}},
		{"for a namespace, without one", binding("RoleBinding", "default"), nil},
		{"for the whole cluster, another's", binding("ClusterRoleBinding", "prometheus"), nil},
	}, unreadable()))
}
