package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// fails is what a manifest check finds at the stories' one Deployment.
func fails(code string, says ...string) []want {
	return []want{{deployment, check.Fail, code, append(says, "-n "+rt.Namespace)}}
}

func manifestTrials() map[string][]trial {
	reader := object("Role", "reader", `{"rules":[{"apiGroups":["discovery.k8s.io"],"resources":["endpointslices"],"verbs":["list"]}]}`)
	binding := func(account string) func(s *rt.Story) {
		return object("RoleBinding", "b", `{"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"ServiceAccount","name":"`+account+`"}]}`)
	}
	one := func(o check.Outcome, code string, says ...string) []want { return []want{{deployment, o, code, says}} }
	pods := env("POD_NAME", `"valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}`)
	tried := map[string][]trial{
		"manifest/role-bound": {
			{"none that reads peers", object("Role", "writer", `{"rules":[{"resources":["configmaps"]}]}`), one(check.NotApplicable, "", "no role")},
			{"bound to nobody", reader, one(check.Fail, "unbound", "Role reader may read", "no binding", "RoleBinding")},
			{"bound to another", all(reader, podField(`"serviceAccountName":"derl"`), binding("drel")), one(check.Fail, "other-account", "is given to drel", "run as derl")},
			{"bound", all(reader, podField(`"serviceAccountName":"derl"`), binding("derl")), one(check.Pass, "")},
			{"bound under the field's old name", all(reader, podField(`"serviceAccount":"derl"`), binding("derl")), one(check.Pass, "")},
			{"bound to the account of who names none", all(reader, binding("default")), one(check.Pass, "")},
			{"for somebody else", all(reader, binding("prometheus")), one(check.NotApplicable, "", "are for prometheus")},
			{"bound to a group", all(reader, object("RoleBinding", "b", `{"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"Group","name":"system:serviceaccounts"}]}`)), one(check.Pass, "")},
			{"cannot be read", object("Role", "reader", `{"rules":"all"}`), one(check.Unseen, "", "could not be read")},
		},
		"manifest/cookie-flag": {
			{"in args", args("foreground", "-cookie", "$(COOKIE)"), fails("misspelt", "args of container derl of Deployment derl", "-setcookie")},
			{"in a variable", literal("ERL_FLAGS", `-cookie "$(COOKIE)"`), fails("misspelt", "env ERL_FLAGS")},
			{"in a vm.args of a ConfigMap", config("vm.args.src", "-name derl@${POD_IP}\n-cookie ${COOKIE}\n"), fails("misspelt", "vm.args.src in ConfigMap derl-config")},
			{"in a comment only", config("vm.args.src", "## never -cookie\n# -cookie x\n-setcookie ${COOKIE}\n"), nil},
			{"beside -setcookie", args("-cookie", "x", "-setcookie", "$(COOKIE)"), nil},
			{"an HTTP cookie", literal("COOKIE_DOMAIN", "shop.example"), nil},
			{"no name of a cookie anywhere", rewrite("Deployment", `"COOKIE"`, `"SECRET_WORD"`), nil},
		},
		"manifest/cookie-reaches-vm": {
			{"only the tool's", all(refused, rewrite("Deployment", `"name":"COOKIE"`, `"name":"RELX_COOKIE"`)), fails("tool-only", "RELX_COOKIE", "-setcookie ${COOKIE}")},
			{"only the tool's, and the nodes accept it", rewrite("Deployment", `"name":"COOKIE"`, `"name":"RELX_COOKIE"`), nil},
			{"both from one Secret", all(refused, env("RELX_COOKIE", `"valueFrom":{"secretKeyRef":{"name":"derl","key":"cookie"}}`)), nil},
			{"two sources", all(refused, env("RELX_COOKIE", `"valueFrom":{"secretKeyRef":{"name":"other","key":"cookie"}}`)), fails("tool-only")},
			{"in args", all(refused, rewrite("Deployment", `"name":"COOKIE"`, `"name":"RELX_COOKIE"`), args("foreground", "-setcookie", "$(RELX_COOKIE)")), nil},
			{"from a ConfigMap", all(refused, env("RELX_COOKIE", `"valueFrom":{"configMapKeyRef":{"name":"other","key":"cookie"}}`)), fails("tool-only")},
		},
		"manifest/cookie-in-secret": {
			{"a literal", literal("RELEASE_COOKIE", "hunter2"), fails("literal", "env RELEASE_COOKIE", "secretKeyRef")},
			{"in a vm.args", config("vm.args", "-setcookie hunter2"), fails("literal", "vm.args in ConfigMap")},
			{"made of another variable", literal("RELEASE_COOKIE", "$(COOKIE)"), nil},
			{"empty", literal("RELEASE_COOKIE", ""), nil},
			{"-setcookie with a variable", args("-setcookie", "${COOKIE}"), nil},
			{"a web session's", literal("SESSION_COOKIE", "shop"), nil},
		},
		"manifest/name-per-pod": {
			{"the same name", literal("RELEASE_NODE", "derl@127.0.0.1"), fails("same-name", "derl@127.0.0.1", "all 3 pods", "RELEASE_NODE=derl@$(POD_IP)")},
			{"the same name in args", args("foreground", "-name", "derl@derl.example"), fails("same-name", "-name derl@$(POD_IP)")},
			{"the address of somebody", rewrite("Deployment", `"name":"POD_IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}`, `"name":"POD_IP","value":"10.1.2.3"`), fails("fixed-address", "POD_IP", "10.1.2.3")},
			{"one replica", all(literal("RELEASE_NODE", "derl@127.0.0.1"), rewrite("Deployment", `"replicas":3`, `"replicas":1`)), nil},
			{"a DaemonSet", all(literal("RELEASE_NODE", "derl@127.0.0.1"), kinds("DaemonSet")), []want{{"object DaemonSet/derl", check.Fail, "same-name", nil}}},
			{"made of the pod's address", literal("RELEASE_NODE", "derl@$(POD_IP)"), nil},
			{"without a host", literal("RELEASE_NODE", "derl"), nil},
			{"a console's", literal("REMOTE_HOST", "derl@127.0.0.1"), nil},
		},
		"manifest/host-resolves": {
			{"the pod's address", literal("RELEASE_NODE", "derl@$(POD_IP)"), nil},
			{"the pod's name alone", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME)")), fails("alone", "RELEASE_NODE", "derl@$(POD_NAME)", "status.podIP")},
			{"a Deployment's name below a Service", all(pods, config("vm.args.src", "-name derl@${POD_NAME}.derl.${NAMESPACE}.svc.cluster.local\n")),
				fails("not-in-dns", "vm.args.src", "a Deployment have no names in DNS below derl.<metadata.namespace>.svc.cluster.local", "StatefulSet")},
			{"through another variable", all(pods, literal("HOST", "$(POD_NAME).derl.default.svc"), literal("RELEASE_NODE", "derl@$(HOST)")), fails("not-in-dns", "derl@$(HOST)")},
			{"a StatefulSet's", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")), nil},
			{"below another Service", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME).derl-headless.$(NAMESPACE).svc.cluster.local"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")),
				[]want{{"object StatefulSet/derl", check.Fail, "other-service", []string{"below Service derl (serviceName), not derl-headless"}}}},
			{"below a Service that is not known", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME).$(SERVICE).svc"), rewrite("Deployment", `"replicas":3`, `"replicas":3,"serviceName":"derl"`), kinds("StatefulSet")), nil},
			{"the machine's address", all(rewrite("Deployment", `status.podIP`, `status.hostIP`), literal("RELEASE_NODE", "derl@$(POD_IP)")), fails("of-the-machine", "<status.hostIP> is the machine's")},
			{"the machine's address, of a DaemonSet", all(rewrite("Deployment", `status.podIP`, `status.hostIP`), literal("RELEASE_NODE", "derl@$(POD_IP)"), kinds("DaemonSet")), nil},
			{"the machine's network", all(pods, literal("RELEASE_NODE", "derl@$(POD_NAME)"), podField(`"hostNetwork":true`)), []want{{"object Deployment/derl", check.NotApplicable, "", []string{"machine's network"}}}},
			{"a name that goes round in circles", all(literal("A", "$(B)"), literal("B", "$(A)"), literal("RELEASE_NODE", "derl@$(A)")), nil},
			{"of the shell", args("sh", "-c", "exec derl -name derl@$(hostname -f)"), nil},
		},
		"manifest/variables-set": {
			{"Kubernetes' own", literal("RELEASE_NODE", "derl@$(MY_IP)"), fails("left-as-is", "RELEASE_NODE", "$(MY_IP)", "status.podIP")},
			{"a start script's", config("vm.args.src", "-name derl@${MY_POD}\n"), fails("unset", "vm.args.src", "${MY_POD}", "add MY_POD")},
			{"with a default", config("vm.args.src", "+P ${PROCESSES:-1000}\n-name derl@${POD_IP}\n"), nil},
			{"the shell's own", args("sh", "-c", "IP=$(hostname -i); exec derl -name derl@${IP} -home ${HOME}"), nil},
			{"escaped", args("echo", "$$(NOT_MINE)"), nil},
			{"a Service's", literal("DATABASE", "$(POSTGRES_SERVICE_HOST):$(POSTGRES_PORT)"), nil},
			{"from a ConfigMap that holds it", all(literal("X", "$(WORD)"), field(`"envFrom":[{"configMapRef":{"name":"words"}}]`),
				object("ConfigMap", "words", `{"data":{"WORD":"yes"}}`)), nil},
			{"from a ConfigMap that does not", all(literal("X", "$(WORD)"), field(`"envFrom":[{"configMapRef":{"name":"words"}}]`),
				object("ConfigMap", "words", `{"data":{"OTHER":"yes"}}`)), fails("left-as-is", "$(WORD)")},
			{"from a Secret, who knows", all(literal("X", "$(WORD)"), field(`"envFrom":[{"secretRef":{"name":"words"}}]`)), nil},
			{"seen in the VM", all(literal("X", "${WORD}"), func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return e.VM != nil }, func(e *recording.Event) { e.VM.Names = append(e.VM.Names, "WORD") })
			}), nil},
		},
		"manifest/cookie-file-mode": {
			{"as Secrets are mounted", cookieFile(`"secretName":"derl"`), fails("too-open", "/home/derl/.erlang.cookie", "0644")},
			{"mode 0400", cookieFile(`"secretName":"derl","defaultMode":256`), nil},
			{"mode 0400 of the one file", cookieFile(`"secretName":"derl","items":[{"key":"cookie","path":".erlang.cookie","mode":256}]`), nil},
			{"a folder with the file", all(podField(`"volumes":[{"name":"cookie","secret":{"secretName":"derl","items":[{"key":"cookie","path":".erlang.cookie","mode":288}]}}]`),
				field(`"volumeMounts":[{"name":"cookie","mountPath":"/home/derl"}]`)), fails("too-open", "0440")},
			{"mode 0400 with fsGroup", all(cookieFile(`"secretName":"derl","defaultMode":256`), podField(`"securityContext":{"fsGroup":1000}`)), fails("fs-group", "fsGroup 1000", "group-readable")},
			{"beside -setcookie", all(cookieFile(`"secretName":"derl"`), args("-setcookie", "$(COOKIE)")), nil},
			{"another file", all(podField(`"volumes":[{"name":"tls","secret":{"secretName":"tls"}}]`), field(`"volumeMounts":[{"name":"tls","mountPath":"/tls"}]`)), nil},
		},
		"manifest/host-network": {
			{"shared", podField(`"hostNetwork":true`), fails("shared", "Deployment derl", "4369")},
		},
		"manifest/port-pinned-in-flags": {
			{"pinned", literal("ERL_AFLAGS", "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100"), fails("for-every-vm", "ERL_AFLAGS", "9100", "sys.config")},
			{"the lower end only", literal("ERL_ZFLAGS", "-kernel inet_dist_listen_min 9100"), fails("for-every-vm", "9100")},
			{"any port", literal("ERL_ZFLAGS", "-kernel inet_dist_listen_min 0 inet_dist_listen_max 0"), nil},
			{"a range", literal("ERL_FLAGS", "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9105"), nil},
			{"in the node's own args", args("-kernel", "inet_dist_listen_min", "9100"), nil},
		},
		"manifest/probes-start-no-vm": {
			{"ping", field(`"livenessProbe":{"exec":{"command":["/opt/derl/bin/derl","ping"]}}`), fails("starts-vm", "livenessProbe", "/opt/derl/bin/derl ping", "tcpSocket")},
			{"with a cookie in it", field(`"livenessProbe":{"exec":{"command":["sh","-c","bin/derl rpc -setcookie hunter2 node"]}}`), fails("starts-vm", "-setcookie (cookie) node")},
			{"rabbitmq", rewrite("Deployment", `"readinessProbe":{"tcpSocket":{"port":"ready"}`, `"readinessProbe":{"exec":{"command":["sh","-c","rabbitmq-diagnostics ping"]}`), fails("starts-vm", "readinessProbe")},
			{"a file", field(`"livenessProbe":{"exec":{"command":["test","-f","/tmp/alive"]}}`), nil},
			{"HTTP", field(`"livenessProbe":{"httpGet":{"path":"/health"}}`), nil},
		},
		"manifest/max-unavailable": {
			{"all", specField(`"strategy":{"rollingUpdate":{"maxUnavailable":"100%"}}`), fails("all-at-once", "3 of its 3", "100%")},
			{"as many as there are", specField(`"strategy":{"rollingUpdate":{"maxUnavailable":3}}`), fails("all-at-once", "maxUnavailable: 3")},
			{"one", specField(`"strategy":{"rollingUpdate":{"maxUnavailable":1}}`), nil},
			{"most", specField(`"strategy":{"rollingUpdate":{"maxUnavailable":"99%"}}`), nil},
			{"a StatefulSet rounds up", all(specField(`"updateStrategy":{"rollingUpdate":{"maxUnavailable":"99%"}}`), stateful("derl")),
				[]want{{"object StatefulSet/derl", check.Fail, "all-at-once", nil}}},
			{"one pod only", all(rewrite("Deployment", `"replicas":3`, `"replicas":1`), specField(`"strategy":{"rollingUpdate":{"maxUnavailable":"100%"}}`)), nil},
		},
		"manifest/api-current": {
			{"removed", rewrite("Deployment", "apps/v1", "extensions/v1beta1"), []want{{deployment, check.Fail, "removed", []string{"extensions/v1beta1", "apps/v1"}}}},
			{"deprecated", object("Role", "reader", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","rules":[{"resources":["pods","endpoints"]}]}`),
				[]want{{"object Role/reader", check.Fail, "deprecated", []string{"endpoints", "endpointslices"}}}},
			{"slices", object("Role", "reader", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","rules":[{"resources":["endpointslices"]}]}`), nil},
			{"cannot be read", object("Role", "reader", `{"rules":"all"}`), []want{{"object Role/reader", check.Unseen, "", []string{"could not be read"}}}},
		},
	}
	for id := range tried {
		blind := []trial{{"not recorded", func(s *rt.Story) { s.Drop(isObject) }, []want{{whole, check.Unseen, "", []string{"not recorded"}}}}}
		if id != "manifest/api-current" {
			blind = append(blind,
				trial{"cannot be read", rewrite("Deployment", `"replicas":3`, `"replicas":"three"`), []want{{whole, check.Unseen, "", []string{"Deployment/derl"}}}},
				trial{"others only", func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.Workloads[0].Name = "other" }) }, []want{{whole, check.Unseen, "", []string{"not among"}}}})
		}
		tried[id] = append(tried[id], blind...)
	}
	return tried
}

// refused is a story in which no node takes the profile's cookie.
func refused(s *rt.Story) {
	s.Change(func(e recording.Event) bool { return e.Cookie != nil }, func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
}

func cookieFile(secret string) func(s *rt.Story) {
	return all(podField(`"volumes":[{"name":"cookie","secret":{`+secret+`}}]`),
		field(`"volumeMounts":[{"name":"cookie","mountPath":"/home/derl/.erlang.cookie","subPath":".erlang.cookie"}]`))
}

// kinds makes another kind of workload of the Deployment.
func kinds(kind string) func(s *rt.Story) {
	return func(s *rt.Story) {
		s.Change(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Deployment" }, func(e *recording.Event) {
			o := *e.Object
			o.Kind = kind
			e.Object = &o
		})
		edit(s, func(p *profile.Resolved) { p.Workloads[0].Kind = kind })
	}
}

// Where nothing was deployed there is no namespace, and a command that names none works all the same.
func TestTryWithoutNamespace(t *testing.T) {
	s := rt.Formation(3)
	podField(`"hostNetwork":true`)(s)
	v := fold(t, s)
	v.Header.Namespace = ""
	for _, c := range rules.All() {
		if c.ID != "manifest/host-network" {
			continue
		}
		if f := c.Judge(v)[0]; f.Try != "kubectl get deployment derl -o yaml" {
			t.Errorf("it says to try %q", f.Try)
		}
	}
}
