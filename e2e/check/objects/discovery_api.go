package objects

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// APIDiscovery is how the nodes of a workload ask the Kubernetes API for their peers, as far as its configuration shows it.
type APIDiscovery struct {
	Where string // the place that says so: "env DISCOVERY of container shop"
	By    string // who asks: "EMQX", "the application"
	// Needs are the permissions: one of each list.
	Needs [][]Access
	// Namespace is the one whose objects are asked for, "" for that of the pods.
	Namespace string
	// Everywhere tells that objects of all namespaces are asked for.
	Everywhere bool
	// Beside are other methods in the same configuration, which may find the peers as well.
	Beside string
	// Not is why the API is not asked although the configuration says so, Unsure why it is not known whether it is.
	Not, Unsure string
}

// Access is a permission, in the words of RBAC.
type Access struct{ Verb, Group, Resource string }

func (a Access) String() string { return a.Verb + " " + a.Resource }

// What reads the peers.
var (
	getEndpoints  = []Access{{"get", "", "endpoints"}}
	listEndpoints = []Access{{"list", "", "endpoints"}}
	listPods      = []Access{{"list", "", "pods"}}
	listSlices    = []Access{{"list", "discovery.k8s.io", "endpointslices"}}
	anyOfThem     = []Access{
		{"list", "", "endpoints"}, {"get", "", "endpoints"}, {"list", "", "pods"}, {"list", "discovery.k8s.io", "endpointslices"},
		{"get", "", "pods"}, {"get", "discovery.k8s.io", "endpointslices"}, {"list", "apps", "statefulsets"}, {"get", "apps", "statefulsets"},
	}
)

// AsksAPI is how w's nodes ask the Kubernetes API for their peers, nil where nothing in its configuration shows that they do.
func (m *Manifests) AsksAPI(w *manifest.Workload) *APIDiscovery {
	for _, known := range []func(m *Manifests, w *manifest.Workload, p Place) *APIDiscovery{ofProduct, ofRabbitMQ, ofLibcluster, ofScript, ofSetting} {
		for _, p := range m.Places(w) {
			if a := known(m, w, p); a != nil {
				a.Where = p.Where
				return a
			}
		}
	}
	return nil
}

// emqxConf is a line of emqx.conf.
var emqxConf = regexp.MustCompile(`(?m)^\s*(?:cluster\.)?discovery(?:_strategy)?\s*=\s*"?k8s\b`)

// ofProduct are products with a setting for it. EMQX gets the Endpoints of one Service (ekka_cluster_k8s.erl); VerneMQ's start script
// lists pods, and ends where it may not get its StatefulSet (docker-vernemq, bin/vernemq.sh). derl is this project's example.
func ofProduct(m *Manifests, w *manifest.Workload, p Place) *APIDiscovery {
	value := strings.ToLower(strings.TrimSpace(p.Text))
	switch {
	case slices.Contains([]string{"EMQX_CLUSTER__DISCOVERY_STRATEGY", "EMQX_CLUSTER__DISCOVERY", "EMQX_CLUSTER_DISCOVERY", "EMQ_CLUSTER__DISCOVERY"}, p.Variable) && value == "k8s",
		p.Config && application(m, w) == "emqx" && emqxConf.MatchString(p.Text):
		a := &APIDiscovery{By: "EMQX", Needs: [][]Access{getEndpoints}}
		for _, o := range m.Places(w) {
			if strings.HasSuffix(o.Variable, "_CLUSTER__K8S__NAMESPACE") && !strings.Contains(o.Text, "$") {
				a.Namespace = o.Text
			}
		}
		return a
	case p.Variable == "DOCKER_VERNEMQ_DISCOVERY_KUBERNETES": // whatever its value
		return &APIDiscovery{By: "VerneMQ", Needs: [][]Access{listPods, {{"get", "apps", "statefulsets"}}}}
	case p.Variable == "DISCOVERY" && slices.Contains(methods(value), "kube-api"):
		others := slices.DeleteFunc(methods(value), func(s string) bool { return s == "kube-api" })
		return &APIDiscovery{By: "derl", Needs: [][]Access{listSlices}, Beside: strings.Join(others, ", ")}
	}
	return nil
}

func methods(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

var rabbitmqConf = regexp.MustCompile(`(?m)^\s*cluster_formation\.peer_discovery_backend\s*=\s*(?:k8s|kubernetes|rabbit_peer_discovery_k8s)\b`)

// ofRabbitMQ is RabbitMQ's plugin. Since 4.1 it asks nobody (https://github.com/rabbitmq/rabbitmq-server/pull/13050).
func ofRabbitMQ(_ *Manifests, _ *manifest.Workload, p Place) *APIDiscovery {
	if !rabbitmqConf.MatchString(p.Text) && (p.Variable != "AUTOCLUSTER_TYPE" || p.Text != "k8s") {
		return nil
	}
	a := &APIDiscovery{By: "RabbitMQ", Needs: [][]Access{getEndpoints}}
	_, tag := imageName(p.In.Image)
	major, minor, known := version(tag)
	switch {
	case !known:
		a.Unsure = "the image " + p.In.Image + " does not say which version of RabbitMQ is in it, and from 4.1 on RabbitMQ does not ask the API"
	case major > 4 || major == 4 && minor >= 1:
		a.Not = "from 4.1 on RabbitMQ does not ask the API: its nodes join the pod with the number 0"
	}
	return a
}

var versionInTag = regexp.MustCompile(`^v?(\d+)(?:\.(\d+))?(?:[.-]|$)`)

// version is the one that a tag begins with. One that names no minor version moves on with the releases: 4 has been more than 4.0
// for long.
func version(tag string) (major, minor int, known bool) {
	found := versionInTag.FindStringSubmatch(tag)
	if found == nil {
		return 0, 0, false
	}
	major, _ = strconv.Atoi(found[1])
	minor, _ = strconv.Atoi(found[2])
	if found[2] == "" {
		minor = 99
	}
	return major, minor, true
}

var (
	byAPI       = regexp.MustCompile(`Cluster\.Strategy\.Kubernetes(?:[^.\w]|$)`)
	byAnother   = regexp.MustCompile(`Cluster\.Strategy\.(?:Kubernetes\.)?(DNSSRV|DNSPoll|DNS|Gossip|Epmd|ErlangHosts|LocalEpmd)\b`)
	lookupPods  = regexp.MustCompile(`kubernetes_ip_lookup_mode['":,\s]+:?pods\b`)
	ofNamespace = regexp.MustCompile(`kubernetes_namespace['":,\s]+"([a-z0-9-]+)"`)
)

// ofLibcluster is the strategy Cluster.Strategy.Kubernetes: it lists the Endpoints with a label, or pods.
func ofLibcluster(_ *Manifests, _ *manifest.Workload, p Place) *APIDiscovery {
	if !byAPI.MatchString(p.Text) {
		return nil
	}
	a := &APIDiscovery{By: "libcluster", Needs: [][]Access{listEndpoints}}
	if lookupPods.MatchString(p.Text) {
		a.Needs = [][]Access{listPods}
	}
	if p.Variable != "" { // only the strategy: its other settings are in the image
		a.Needs = [][]Access{{listEndpoints[0], listPods[0]}}
	}
	if found := ofNamespace.FindStringSubmatch(p.Text); found != nil {
		a.Namespace = found[1]
	}
	if found := byAnother.FindStringSubmatch(p.Text); found != nil {
		a.Beside = found[1]
	}
	return a
}

// modeOfAPI is what libcluster builds the names of: addresses, or the host names of a StatefulSet's pods.
var modeOfAPI = regexp.MustCompile(`\bmode['":,\s]+["':](ip|hostname)\b`)

// APIBuildsOther is a place where libcluster builds names of what the API gives that no node of w has, as [Manifests.BuildsOther] is for
// DNS.
func (m *Manifests) APIBuildsOther(w *manifest.Workload) (q Question, name NodeName, is bool) {
	for _, p := range m.Places(w) {
		found := modeOfAPI.FindAllStringSubmatch(p.Text, -1)
		if !byAPI.MatchString(p.Text) || len(found) != 1 {
			continue
		}
		q = Question{Where: p.Where, Name: "mode: :" + found[0][1], By: ForAddresses}
		if found[0][1] == "hostname" {
			q.By = ForHosts
		}
		if name, is = m.namedOtherwise(w, q); is {
			return q, name, true
		}
	}
	return Question{}, NodeName{}, false
}

var (
	apiPath = regexp.MustCompile(`/api/v1/(namespaces/[^/\s"']+/)?(pods|endpoints)\b|/apis/discovery\.k8s\.io/v1(?:beta1)?/(namespaces/[^/\s"']+/)?(endpointslices)\b`)
	kubectl = regexp.MustCompile(`kubectl\s[^|;&\n]*\bget\s+(pods?|endpoints|ep|endpointslices?)\b([^|;&\n]*)`)
)

// ofScript is a script that asks for pods or Endpoints itself.
func ofScript(_ *Manifests, _ *manifest.Workload, p Place) *APIDiscovery {
	if found := apiPath.FindStringSubmatch(p.Text); found != nil {
		return &APIDiscovery{By: "a script", Needs: [][]Access{reads(found[2] + found[4])}, Everywhere: found[1]+found[3] == ""}
	}
	if found := kubectl.FindStringSubmatch(p.Text); found != nil {
		all := regexp.MustCompile(`\s(-A|--all-namespaces)\b`).MatchString(found[0])
		return &APIDiscovery{By: "a script", Needs: [][]Access{reads(found[1])}, Everywhere: all}
	}
	return nil
}

// reads are the ways to read the peers from that resource.
func reads(resource string) []Access {
	switch {
	case strings.HasPrefix(resource, "pod"):
		return []Access{listPods[0], {"get", "", "pods"}}
	case strings.HasPrefix(resource, "endpointslice"):
		return []Access{listSlices[0], {"get", "discovery.k8s.io", "endpointslices"}}
	}
	return []Access{listEndpoints[0], getEndpoints[0]}
}

var (
	isSetting = regexp.MustCompile(`DISCOVER|(CLUSTER|TOPOLOG|PEER|NODE)\w*(STRATEGY|METHOD|BACKEND|ADAPTER)|^(LIBCLUSTER|CLUSTER|CLUSTERING)_(STRATEGY|MODE)$`)
	inConf    = regexp.MustCompile(`(?im)^\s*[\w.]*(?:discovery|discovery_strategy|discovery_method|discovery_backend|cluster_strategy)\s*[:=]\s*["':]*(?:k8s|kubernetes|kube-api|kubernetes-api)["']?\s*$`)
	byLabel   = regexp.MustCompile(`^(\w*_)?(KUBERNETES|K8S|LIBCLUSTER)\w*SELECTOR$`)
)

// ofSetting is a variable or a line of configuration that names Kubernetes as the way to find peers, or a label selector for that:
// only the API is asked by labels. What such a word means is the application's own: where the same container is told a name to ask
// DNS for, it may mean that.
func ofSetting(m *Manifests, w *manifest.Workload, p Place) *APIDiscovery {
	value := strings.ToLower(strings.TrimLeft(strings.TrimSpace(p.Text), ":"))
	a := &APIDiscovery{By: "the application", Needs: [][]Access{anyOfThem}}
	switch {
	case byLabel.MatchString(p.Variable) && strings.Contains(value, "="):
		return a
	case isSetting.MatchString(p.Variable) && slices.Contains([]string{"k8s", "kubernetes", "kube-api", "kubernetes-api", "kube_api", "kubernetes_api"}, value),
		strings.HasSuffix(p.Variable, "DISCOVERY_KUBERNETES") || strings.HasSuffix(p.Variable, "DISCOVERY_K8S"),
		p.Config && inConf.MatchString(p.Text):
		if slices.Contains([]string{"", "0", "false", "no"}, value) {
			return nil
		}
		if len(m.Questions(w)) > 0 {
			a.Unsure = "what " + strings.TrimPrefix(p.Where, "env ") + " means is the application's own, and it is told a name to ask DNS for as well"
		}
		return a
	}
	return nil
}
