package objects

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/manifest"
)

// Question is a name by which w's nodes look for their peers, as far as their configuration shows it.
type Question struct {
	Where string // the place that has it: "env DNS_CLUSTER_QUERY of container shop"
	Name  string // as it is written there
	By    Lookup

	Service string
	// Namespace is "" where the name has none, or only a cluster knows it.
	Namespace string
	// Port is the port's name in the name of an SRV record: _dist._tcp.shop has dist.
	Port string
	// Pod is the pod whose name it is below the Service, "" where it is that of the Service, "*" for any pod.
	Pod string
}

// Lookup is what the name is used for.
type Lookup string

// What names are used for.
const (
	ForAddresses Lookup = "A records"   // and builds names NAME@ADDRESS
	ForHosts     Lookup = "SRV records" // and builds names NAME@HOST
	ForRecords   Lookup = "DNS records" // of which kind is not known
	ForEndpoints Lookup = "Endpoints"   // from the API
	ForPods      Lookup = "pods"        // whose names are built from it
	ForSome      Lookup = ""            // not known
)

// InDNS reports whether the answer must be the pods' own addresses or names.
func (q Question) InDNS() bool {
	return q.By == ForAddresses || q.By == ForHosts || q.By == ForRecords
}

// peerKey is a variable, or a key of a configuration file, whose value is a name to find peers by.
type peerKey struct {
	name *regexp.Regexp
	by   Lookup
}

// peerVariables mean it. Those of a product are exact; the others are what applications use to call it.
var peerVariables = []peerKey{
	{regexp.MustCompile(`^DNS_CLUSTER_QUERY$`), ForAddresses}, // dns_cluster, as Phoenix generates it
	{regexp.MustCompile(`^DNS_NODES$`), ForAddresses},         // Supabase Realtime, which gives it to libcluster's DNSPoll
	{regexp.MustCompile(`^LIVEBOOK_CLUSTER$`), ForAddresses},  // dns:QUERY; auto and fly are no names
	{regexp.MustCompile(`^EMQX_CLUSTER__DNS__NAME$`), ForRecords},
	{regexp.MustCompile(`^EMQX_CLUSTER__K8S__SERVICE_NAME$|^K8S_SERVICE_NAME$|^DISCOVERY_SERVICE$`), ForEndpoints},
	{regexp.MustCompile(`^K8S_HOSTNAME_SUFFIX$|^COUCHDB_SEEDLIST$|^EMQX_CLUSTER__STATIC__SEEDS$|^DISCOVERY_NODES$`), ForPods},
	{regexp.MustCompile(`^DISCOVERY_NAME$|^(LIB)?CLUSTER\w*_(QUERY|DNS|DNS_NAME)$|^DISCOVERY_(DNS|DNS_NAME|QUERY)$|^\w*CLUSTER_DNS(_NAME|_QUERY)?$`), ForRecords},
	{regexp.MustCompile(`^\w*HEADLESS\w*$|^(LIB)?CLUSTER\w*_SERVICE(_NAME)?$|^\w*DISCOVERY\w*_SERVICE(_NAME)?$|^PEER\w*_SERVICE(_NAME)?$`), ForSome},
}

// notPeers begin variables that are about something else: the application's database may have a headless Service, too.
var notPeers = regexp.MustCompile(`REDIS|POSTGRES|^PG|MYSQL|MONGO|KAFKA|CASSANDRA|SCYLLA|ELASTIC|NATS|CONSUL|ETCD|VAULT|^DB|DATABASE|OTEL|TEMPORAL|MINIO|ZOOKEEPER`)

// ofSRV is the name of SRV records inside the cluster, which may be for peers.
var ofSRV = regexp.MustCompile(`^_[a-z0-9-]+\._tcp\.[^.]+\.[^.]+\.svc\b`)

// peerKeys are those of configuration files: RabbitMQ's, libcluster's and dns_cluster's, CouchDB's.
var peerKeys = []peerKey{
	{regexp.MustCompile(`(?m)^\s*cluster_formation\.k8s\.service_name\s*=\s*(\S+)`), ForEndpoints},
	{regexp.MustCompile(`(?m)^\s*cluster_formation\.k8s\.hostname_suffix\s*=\s*(\S+)`), ForPods},
	{regexp.MustCompile(`(?m)^\s*cluster_formation\.classic_config\.nodes\.\d+\s*=\s*(\S+)`), ForPods},
	{regexp.MustCompile(`(?m)^\s*cluster_formation\.dns\.hostname\s*=\s*(\S+)`), ForRecords},
	{regexp.MustCompile(`(?m)^\s*seedlist\s*=\s*(\S+)`), ForPods},
	{regexp.MustCompile(`dns_cluster[\w:]*['",\s\[{]+query['":,\s]+"([^"]+)"`), ForAddresses},
}

// ofStrategy are the strategies of libcluster and peerage that ask DNS, with the key of the name and what they build of the answer.
var ofStrategy = []struct {
	strategy, key *regexp.Regexp
	by            Lookup
}{
	{regexp.MustCompile(`Cluster\.Strategy\.Kubernetes\.DNSSRV\b`), regexp.MustCompile(`\bservice['":,\s]+"([^"]+)"`), ForHosts},
	{regexp.MustCompile(`Cluster\.Strategy\.Kubernetes\.DNS\b`), regexp.MustCompile(`\bservice['":,\s]+"([^"]+)"`), ForAddresses},
	{regexp.MustCompile(`Cluster\.Strategy\.DNSPoll\b`), regexp.MustCompile(`\bquery['":,\s]+"([^"]+)"`), ForAddresses},
	{regexp.MustCompile(`Peerage\.Via\.Dns\b`), regexp.MustCompile(`\bdns_name['":,\s]+"([^"]+)"`), ForAddresses},
}

// Questions are the names by which w's nodes look for their peers, each once.
func (m *Manifests) Questions(w *manifest.Workload) []Question {
	var all []Question
	add := func(p Place, text string, by Lookup) {
		for _, q := range questions(p, text, by) {
			if !slices.Contains(all, q) {
				all = append(all, q)
			}
		}
	}
	for _, p := range m.Places(w) {
		if p.Variable != "" {
			for _, s := range peerVariables {
				if (s.name.MatchString(p.Variable) || s.by == ForSome && ofSRV.MatchString(p.Text)) && !notPeers.MatchString(p.Variable) {
					add(p, m.value(w, p), m.means(w, p, s.by))
					break
				}
			}
			continue
		}
		for _, s := range peerKeys {
			for _, found := range s.name.FindAllStringSubmatch(p.Text, -1) {
				add(p, found[1], s.by)
			}
		}
		for _, s := range ofStrategy {
			if s.strategy.MatchString(p.Text) {
				for _, found := range s.key.FindAllStringSubmatch(p.Text, -1) {
					add(p, found[1], s.by)
				}
				break
			}
		}
	}
	return all
}

// value is a variable's value as the container gets it, with references for what only a cluster knows.
func (m *Manifests) value(w *manifest.Workload, p Place) string {
	text := p.Text
	if v, there := m.Env(w, p.In).Lookup(p.Variable); there && !v.Missing {
		text = v.Value.Value
	}
	if p.Variable != "LIVEBOOK_CLUSTER" {
		return text
	}
	query, is := strings.CutPrefix(text, "dns:")
	if !is {
		return ""
	}
	return query
}

// means is what a variable's name is used for, where another variable says so.
func (m *Manifests) means(w *manifest.Workload, p Place, by Lookup) Lookup {
	for _, o := range m.Places(w) {
		value := strings.ToLower(o.Text)
		switch {
		case p.Variable == "EMQX_CLUSTER__DNS__NAME" && o.Variable == "EMQX_CLUSTER__DNS__RECORD_TYPE" && value == "srv",
			p.Variable == "DISCOVERY_NAME" && o.Variable == "DISCOVERY" && value == "dns-srv":
			return ForHosts
		case p.Variable == "EMQX_CLUSTER__DNS__NAME" && o.Variable == "EMQX_CLUSTER__DNS__RECORD_TYPE" && value == "a",
			p.Variable == "DISCOVERY_NAME" && o.Variable == "DISCOVERY" && value == "dns-a":
			return ForAddresses
		}
	}
	return by
}

// questions reads the names in a value: one, or a list of several.
func questions(p Place, text string, by Lookup) []Question {
	var all []Question
	for _, name := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",; \t\n[]\"'", r) }) {
		q := Question{Where: p.Where, Name: name, By: by}
		if _, host, is := strings.Cut(name, "@"); is {
			name = host
			q.By = ForPods
		}
		name = strings.TrimSuffix(name, ".")
		if strings.HasPrefix(name, "_") {
			port, rest, is := strings.Cut(name, "._tcp.")
			if !is {
				continue
			}
			q.Port, name = strings.TrimPrefix(port, "_"), rest
		}
		if q.split(name) {
			all = append(all, q)
		}
	}
	return all
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// split reads the Service, its namespace and a pod from a name. It is false where these are not in it, or are variables.
func (q *Question) split(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || strings.ContainsAny(name, ":/") {
		return false
	}
	inside, _, full := strings.Cut(name, ".svc")
	if full && !strings.HasSuffix(name, ".svc") && !strings.Contains(name, ".svc.") {
		return false
	}
	labels := strings.Split(inside, ".")
	n := len(labels)
	switch {
	case full && n == 2: // SERVICE.NAMESPACE.svc
		q.Service, q.Namespace = labels[0], labels[1]
	case full && n == 3: // POD.SERVICE.NAMESPACE.svc; of a suffix the pod is empty
		q.Pod, q.Service, q.Namespace = labels[0], labels[1], labels[2]
	case full || n > 2:
		return false
	case n == 2 && q.By == ForPods: // POD.SERVICE
		q.Pod, q.Service = labels[0], labels[1]
	case n == 2: // SERVICE.NAMESPACE
		q.Service, q.Namespace = labels[0], labels[1]
	case q.By == ForPods: // a pod by its name alone
		return false
	default:
		q.Service = labels[0]
	}
	if full && q.By == ForEndpoints {
		q.By = ForRecords // the API is asked for a Service by its name alone
	}
	if !dnsLabel.MatchString(q.Namespace) {
		q.Namespace = ""
	}
	if q.Pod != "" || q.By == ForPods {
		q.By = ForPods
		if !dnsLabel.MatchString(q.Pod) {
			q.Pod = "*"
		}
	}
	return dnsLabel.MatchString(q.Service)
}

// BuildsOther is a question whose answer never leads to the names of the nodes that it is about, which are not always those that ask:
// discovery builds them of addresses and the nodes are named by hosts, or the other way round. It reports false where the manifests
// do not show it of all names.
func (m *Manifests) BuildsOther(s *manifest.Service, q Question) (name NodeName, of *manifest.Workload, is bool) {
	for _, w := range m.Members {
		if !s.Selects(w.Labels()) {
			continue
		}
		n, other := m.namedOtherwise(w, q)
		if !other {
			return NodeName{}, nil, false
		}
		name, of, is = n, w, true
	}
	return name, of, is
}

func (m *Manifests) namedOtherwise(w *manifest.Workload, q Question) (name NodeName, is bool) {
	for _, n := range m.Names(w) {
		host := n.Host()
		switch {
		case n.Maybe:
			return NodeName{}, false
		case q.By == ForAddresses && strings.Contains(host, ".svc"), q.By == ForAddresses && strings.HasPrefix(host, PodName),
			q.By == ForHosts && host == PodIP:
			name, is = n, true
		default:
			return NodeName{}, false
		}
	}
	return name, is
}

// OwnServices are the Services that select w's pods; headless says which.
func (m *Manifests) OwnServices(w *manifest.Workload, headless bool) []string {
	var all []string
	for _, s := range m.Services() {
		if s.Selects(w.Labels()) && manifest.SameNamespace(s.Namespace, w.Namespace) && (s.Headless() || !headless) {
			all = append(all, s.Name)
		}
	}
	return all
}

// Own reports whether the question is for a Service of w's own namespace.
func (q Question) Own(w *manifest.Workload) bool {
	return manifest.SameNamespace(q.Namespace, w.Namespace)
}

// AsksVirtual are the questions to DNS for a Service of the nodes that has a cluster IP, by its name.
func (m *Manifests) AsksVirtual() map[string]Question {
	all := map[string]Question{}
	m.eachAsked(func(w *manifest.Workload, q Question, s *manifest.Service) {
		if (q.InDNS() || q.By == ForSome && strings.Contains(q.Name, ".svc")) && s.Selects(w.Labels()) && !s.Headless() && s.Spec.Type != corev1.ServiceTypeExternalName {
			all[s.Name] = q
		}
	})
	return all
}

// AskedFor is who asks for a Service and why: its pods' discovery, by its name or by those of pods below it, or as a StatefulSet's governing
// Service. where is "" where nobody does.
func (m *Manifests) AskedFor(service *manifest.Service) (w *manifest.Workload, where string) {
	m.eachAsked(func(asking *manifest.Workload, q Question, s *manifest.Service) {
		if s.Name == service.Name && q.By != ForSome {
			w, where = asking, q.Where
		}
	})
	if w != nil {
		return w, where
	}
	for _, w := range m.Members {
		if w.Kind == "StatefulSet" && w.ServiceName == service.Name && manifest.SameNamespace(w.Namespace, service.Namespace) {
			return w, "serviceName of " + w.String()
		}
	}
	return nil, ""
}

// eachAsked goes through the questions for Services that are in the manifests.
func (m *Manifests) eachAsked(do func(w *manifest.Workload, q Question, s *manifest.Service)) {
	for _, w := range m.Members {
		for _, q := range m.Questions(w) {
			if s := m.Service(w.Namespace, q.Service); s != nil && q.Own(w) {
				do(w, q, s)
			}
		}
	}
}

// Endpoints reports whether the manifests themselves say which addresses a Service has.
func (m *Manifests) Endpoints(s *manifest.Service) bool {
	return slices.ContainsFunc(m.Of("Endpoints", "EndpointSlice"), func(d *manifest.Document) bool {
		meta, _ := d.Raw["metadata"].(map[string]any)
		labels, _ := meta["labels"].(map[string]any)
		return d.Kind == "Endpoints" && d.Name == s.Name || labels["kubernetes.io/service-name"] == s.Name
	})
}
