package main

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// The names for which discovery looks, against those that the nodes have.
func TestLintOfNamesThatDiscoveryLooksFor(t *testing.T) {
	byAddress := "env:\n" + podIP + "- {name: RELEASE_DISTRIBUTION, value: name}\n- {name: RELEASE_NODE, value: chat@$(ADDRESS)}\n" + theCookie
	byHost := "env:\n" + podName + "- {name: RELEASE_DISTRIBUTION, value: name}\n- {name: RELEASE_NODE, value: chat@$(WHO).chat-peers.prod.svc.cluster.local}\n" + theCookie
	libcluster := func(text string) string {
		return chat("Deployment", "chat", byAddress+mounted, volume, configMap("runtime.exs", text))
	}
	asks := func(name, value string) string {
		return chat("Deployment", "livebook/livebook:0.14.0", byAddress+"- {name: "+name+", value: '"+value+"'}\n", "", "")
	}
	seeds := func(names string) string {
		return chat("StatefulSet", "chat", byHost+"- {name: DISCOVERY_NODES, value: '"+names+"'}\n", "", "")
	}
	const poll = `[k8s: [strategy: Cluster.Strategy.DNSPoll, config: [query: "chat-peers", node_basename: "%"]]]`
	const peerage = `config :peerage, via: Peerage.Via.Dns, dns_name: "chat-peers", app_name: "%"`
	of := func(form, name string) string { return libcluster(strings.Replace(form, "%", name, 1)) }
	named := strings.NewReplacer("{name: chat}", "{name: chat, namespace: prod}", "{name: chat-peers}", "{name: chat-peers, namespace: prod}")
	const right, wrong, unsaid = "ok       manifest/discovery-finds-peers", "FAIL     manifest/discovery-finds-peers", "skip     manifest/discovery-finds-peers"
	lintEach(t, map[string]lintCase{
		"libcluster's DNSPoll":                  {of(poll, "chat"), exitcode.OK, []string{right}, nil},
		"libcluster's DNSPoll, another name":    {of(poll, "web"), exitcode.Fail, []string{wrong, "look for nodes with the name web@…, but the nodes are called RELEASE_NODE=chat@$(ADDRESS)", "write chat instead of web"}, nil},
		"peerage":                               {of(peerage, "chat"), exitcode.OK, []string{right}, nil},
		"peerage, another name":                 {of(peerage, "web"), exitcode.Fail, []string{wrong, "web@…"}, nil},
		"peerage, another Service":              {of(strings.Replace(peerage, "chat-peers", "chat-pears", 1), "chat"), exitcode.Fail, []string{wrong, "which is not in the manifests"}, nil},
		"libcluster by the API, another name":   {libcluster(`[strategy: Cluster.Strategy.Kubernetes, config: [mode: :ip, kubernetes_node_basename: "web", kubernetes_selector: "app=chat"]]`), exitcode.Fail, []string{wrong, "web@…"}, nil},
		"libcluster by the API, hosts":          {libcluster(`[strategy: Cluster.Strategy.Kubernetes, config: [mode: :hostname, kubernetes_service_name: "chat-peers", kubernetes_ip_lookup_mode: :pods, kubernetes_selector: "app=chat"]]`), exitcode.Fail, []string{wrong, "with mode: :hostname build names of hosts", "addresses (mode: :ip)"}, nil},
		"Realtime, another Service":             {asks("DNS_NODES", "chat-pears"), exitcode.Fail, []string{wrong, "Service chat-pears"}, nil},
		"two strategies to choose from":         {libcluster(`[a: [strategy: Cluster.Strategy.DNSPoll, config: [query: "chat-peers", node_basename: "web"]], b: [strategy: Cluster.Strategy.DNSPoll, config: [query: "chat-peers", node_basename: "chat"]]]`), exitcode.OK, []string{right}, nil},
		"Livebook":                              {asks("LIVEBOOK_CLUSTER", "dns:chat-peers.prod.svc.cluster.local"), exitcode.OK, []string{right}, nil},
		"Livebook, another Service":             {asks("LIVEBOOK_CLUSTER", "dns:chat-pears.prod.svc.cluster.local"), exitcode.Fail, []string{wrong, "Service chat-pears"}, nil},
		"Livebook, by itself":                   {asks("LIVEBOOK_CLUSTER", "auto"), exitcode.OK, []string{unsaid}, nil},
		"seeds":                                 {seeds("chat@chat-0.chat-peers.prod.svc.cluster.local,chat@chat-1.chat-peers.prod.svc.cluster.local"), exitcode.OK, []string{right}, nil},
		"seeds of pods that are not there":      {seeds("chat@talk-0.chat-peers.prod.svc.cluster.local,chat@talk-1.chat-peers.prod.svc.cluster.local"), exitcode.Fail, []string{wrong, "names the pod talk-0", "write chat-N"}, []string{"names the pod talk-1"}},
		"seeds, one of which is not there":      {seeds("chat@chat-0.chat-peers.prod.svc.cluster.local,chat@talk-1.chat-peers.prod.svc.cluster.local"), exitcode.OK, []string{right}, nil},
		"seeds by the bare names of the pods":   {seeds("chat@chat-0,chat@chat-1"), exitcode.Fail, []string{wrong, "a host without a dot"}, nil},
		"seeds with another name before the @":  {seeds("app@chat-0.chat-peers.prod.svc.cluster.local"), exitcode.Fail, []string{wrong, "write chat instead of app"}, nil},
		"a Service that stands for another":     {asks("DNS_CLUSTER_QUERY", "chat-outside") + "---\napiVersion: v1\nkind: Service\nmetadata: {name: chat-outside}\nspec: {type: ExternalName, externalName: chat.example.com}\n", exitcode.OK, []string{unsaid, "stands for another name"}, nil},
		"a Service whose addresses are written": {asks("DNS_CLUSTER_QUERY", "chat-by-hand") + "---\napiVersion: v1\nkind: Service\nmetadata: {name: chat-by-hand}\nspec: {clusterIP: None, ports: [{port: 4369}]}\n---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: chat-by-hand}\nsubsets: []\n", exitcode.OK, []string{unsaid, "selects no pods"}, nil},
		"their Service in another namespace":    {named.Replace(asks("DNS_CLUSTER_QUERY", "chat-peers.default.svc.cluster.local")), exitcode.Fail, []string{wrong, "which is in namespace default, but Service chat-peers and the pods of Deployment chat are in namespace prod", "write chat-peers.prod.svc.cluster.local"}, nil},
	})
}

// Replicants of EMQX are named by their addresses, and ask for the core nodes, which are named by hosts: what counts is the name of
// those that are asked for.
func TestLintOfNodesThatAskForOthers(t *testing.T) {
	nodes := func(kind, name, host string) string {
		text := chat(kind, "emqx/emqx:5", "env:\n"+podIP+podName+theCookie+"- {name: EMQX_NODE__NAME, value: emqx@"+host+"}\n- {name: EMQX_CLUSTER__DISCOVERY_STRATEGY, value: dns}\n- {name: EMQX_CLUSTER__DNS__RECORD_TYPE, value: srv}\n- {name: EMQX_CLUSTER__DNS__NAME, value: chat-peers.prod.svc.cluster.local}\n", "", "")
		_, workload, _ := strings.Cut(text, "ports: [{name: epmd, port: 4369}]}\n---\n")
		return "---\n" + strings.NewReplacer("metadata: {name: chat}", "metadata: {name: "+name+"}", "app: chat}", "app: chat, role: "+name+"}").Replace(workload)
	}
	const shared = "apiVersion: v1\nkind: Secret\nmetadata: {name: chat}\nstringData: {cookie: a-cookie-that-is-long-enough-for-anybody}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: chat-peers}\nspec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: chat, role: core}, ports: [{name: ekka, port: 4370}]}\n"
	core, edge := nodes("StatefulSet", "core", "$(WHO).chat-peers.prod.svc.cluster.local"), nodes("Deployment", "edge", "$(ADDRESS)")
	lintEach(t, map[string]lintCase{
		"cores by host":    {shared + core + edge, exitcode.OK, []string{"ok       manifest/discovery-finds-peers"}, nil},
		"cores by address": {shared + strings.ReplaceAll(core, "$(WHO).chat-peers.prod.svc.cluster.local", "$(ADDRESS)") + edge, exitcode.Fail, []string{"the nodes of StatefulSet core are named by addresses"}, nil},
	})
}
