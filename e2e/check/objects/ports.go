package objects

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// PeerPorts are the ports on which w's nodes reach each other: epmd's, 0 where they do without, and that of distribution, 0 where it is
// not known. known are those of the profile, which the manifests of one application replace: EMQX never asks epmd.
func (m *Manifests) PeerPorts(w *manifest.Workload, epmd, dist int) (int, int) {
	if n := m.number(w, "ERL_DIST_PORT"); n != 0 {
		return 0, n
	}
	pinned := 0
	for _, p := range m.Places(w) {
		if n := m.flag(w, p, withoutEPMD); n != 0 {
			return 0, n
		}
		if n := m.flag(w, p, listenMin); n != 0 {
			pinned = n
		}
	}
	if dist != 0 {
		return epmd, dist
	}
	if pinned != 0 {
		return epmd, pinned
	}
	switch application(m, w) {
	case "rabbitmq":
		return epmd, rabbitmqPort(m, w)
	case "vernemq": // vernemq.conf of its image; https://github.com/vernemq/docker-vernemq
		if n := m.number(w, "DOCKER_VERNEMQ_ERLANG__DISTRIBUTION__PORT_RANGE__MINIMUM"); n != 0 {
			return epmd, n
		}
		return epmd, 9100
	case "emqx": // ekka_epmd answers for epmd inside each node; the port is 4370 and the number at the end of the node's name, if any
		return 0, 4370
	case "couchdb": // vm.args of its image
		if declares(w, 9100) {
			return epmd, 9100
		}
	}
	return epmd, 0
}

// rabbitmqPort is 20000 more than that for AMQP (https://www.rabbitmq.com/docs/networking#epmd).
func rabbitmqPort(m *Manifests, w *manifest.Workload) int {
	if n := m.number(w, "RABBITMQ_DIST_PORT"); n != 0 {
		return n
	}
	if n := m.number(w, "RABBITMQ_NODE_PORT"); n != 0 {
		return n + 20000
	}
	return 25672
}

// What pins the port on a command line, in vm.args or in a sys.config.
var (
	listenMin   = regexp.MustCompile(`inet_dist_listen_min["'\s,]+(\d+|\$[({]\w+[)}])`)
	withoutEPMD = regexp.MustCompile(`erl_epmd(?:_node_listen)?_port["'\s,]+(\d+|\$[({]\w+[)}])`)
)

// flag is the number that a place gives a flag, 0 where it does not, or not as a number that manifests decide.
func (m *Manifests) flag(w *manifest.Workload, p Place, flag *regexp.Regexp) int {
	found := flag.FindStringSubmatch(p.Text)
	if found == nil {
		return 0
	}
	text := found[1]
	if v, there := m.Env(w, p.In).Lookup(strings.Trim(text, "$(){}")); there && v.Known() {
		text = v.Value.Value
	}
	n, _ := strconv.Atoi(text)
	return n
}

// number is the value of a variable of w's containers, 0 where none has it, or it is no number.
func (m *Manifests) number(w *manifest.Workload, variable string) int {
	for _, p := range m.Places(w) {
		if n, err := strconv.Atoi(p.Text); p.Variable == variable && err == nil {
			return n
		}
	}
	return 0
}

func declares(w *manifest.Workload, port int32) bool {
	return slices.ContainsFunc(w.Containers(manifest.Main), func(c *manifest.Container) bool {
		for _, p := range c.Ports {
			if p.ContainerPort == port {
				return true
			}
		}
		return false
	})
}

// ownVariables are those by which applications are known: only their own nodes have them. Their image's name shows it, too.
var ownVariables = map[string][]string{
	"rabbitmq": {"RABBITMQ_NODENAME", "RABBITMQ_NODE_NAME", "RABBITMQ_ERLANG_COOKIE", "RABBITMQ_ERL_COOKIE", "RABBITMQ_USE_LONGNAME"},
	"emqx":     {"EMQX_NODE__NAME", "EMQX_NODE_NAME", "EMQX_NAME", "EMQX_NODE__COOKIE", "EMQX_CLUSTER__DISCOVERY_STRATEGY", "EMQX_CLUSTER__DISCOVERY"},
	"vernemq":  {"DOCKER_VERNEMQ_NODENAME", "DOCKER_VERNEMQ_DISCOVERY_KUBERNETES", "DOCKER_VERNEMQ_ACCEPT_EULA"},
	"couchdb":  {"COUCHDB_SEEDLIST", "COUCHDB_ERLANG_COOKIE"},
}

// application is the product that w runs, "" where it is none of those that are known.
func application(m *Manifests, w *manifest.Workload) string {
	for _, name := range []string{"rabbitmq", "emqx", "vernemq", "couchdb"} {
		for _, p := range m.Places(w) {
			if slices.Contains(ownVariables[name], p.Variable) {
				return name
			}
		}
		for _, c := range w.Containers(manifest.Main) {
			if base, _ := imageName(c.Image); base == name {
				return name
			}
		}
	}
	return ""
}

// imageName is the last part of an image's name, and its tag.
func imageName(image string) (base, tag string) {
	image, _, _ = strings.Cut(image, "@")
	base, tag, _ = strings.Cut(path.Base(image), ":")
	return base, tag
}
