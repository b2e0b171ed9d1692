package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestNameForm() check.Check {
	return check.Check{
		ID: "manifest/name-form", Title: "uses long names where the host part has dots, and only there", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "A VM with short names refuses a host with dots or an address (\"Hostname ... is illegal\") and does not start. A VM with long names refuses to connect to a host without a dot. The start script of mix release uses short names unless RELEASE_DISTRIBUTION is name, RabbitMQ unless RABBITMQ_USE_LONGNAME is true.",
		Source: "https://www.erlang.org/doc/system/distributed.html#nodes",
		Causes: check.Alike(check.From(check.DNS, "pods/*", "vm/*"), "short-with-dots", "long-without-dot", "not-distributed"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				names := m.Names(w)
				if len(names) == 0 {
					f.Skip(m.NoName(w))
					return
				}
				said := false
				for _, n := range names {
					if wrongForm(m, w, n, f); f.Outcome == check.Fail {
						f.Message = fmt.Sprintf("%s of %s sets the node name %s", n.Where, w, n.Said()) + f.Message
						return
					}
					said = said || n.Form != objects.Unsaid
				}
				if said {
					return
				}
				for _, n := range names {
					if line := refusedShort(v, w); line != "" && objects.IsDefaultShort(n) && dotted(n.Host()) {
						f.Fail("short-with-dots", fmt.Sprintf("%s of %s sets the node name %s, whose host is %s, and RELEASE_DISTRIBUTION is not in the manifests, so mix release uses short names; the log says %q", n.Where, w, n.Said(), shown(n.Host()), line), objects.MakeLong(n))
						return
					}
					if objects.IsDefaultShort(n) && dotted(n.Host()) && len(m.Hidden(w, n.In)) == 0 && !startedLong(v, w) {
						f.Outcome = check.Unseen
						f.Message = fmt.Sprintf("%s of %s sets the node name %s, whose host has dots, and RELEASE_DISTRIBUTION is not in the manifests: mix release then uses short names, with which the node does not start, unless env.sh in the image says otherwise", n.Where, w, n.Written)
						f.Remedy = objects.MakeLong(n)
						return
					}
				}
				f.Skip("the manifests do not say whether " + names[0].Written + " is a long name (" + names[0].Where + ")")
			})
		},
	}
}

// wrongForm fails the finding if the VM cannot use that name. What a script may decide otherwise is not judged.
func wrongForm(m *objects.Manifests, w *manifest.Workload, n objects.NodeName, f *check.Finding) {
	host := n.Host()
	switch {
	case n.Maybe || host == "" || len(n.Literal) > 0:
	case n.Form == objects.Short && dotted(host):
		f.Fail("short-with-dots", fmt.Sprintf(", whose host is %s, and the VM uses short names (%s): it refuses such a host and does not start", shown(host), n.FormBy), objects.MakeLong(n))
	case n.Form == objects.NotDistributed:
		f.Fail("not-distributed", fmt.Sprintf(", but the VM is not distributed (%s): it has no name, and no node can connect to it", n.FormBy), objects.MakeLong(n))
	// The bare name of a pod is manifest/host-resolves, unless a search list makes it resolvable.
	case !m.Single() && n.Form == objects.Long && n.HostKnown() && !dotted(host) && !strings.Contains(host, objects.KubeNode) && (host != objects.PodName || searched(w)):
		f.Fail("long-without-dot", fmt.Sprintf(", whose host has no dot, and the VM uses long names (%s): peers refuse to connect to such a host", n.FormBy),
			"use a host with a domain, or the pod's IP (valueFrom: {fieldRef: {fieldPath: status.podIP}})")
	}
}

// dotted reports whether a host is an address, or certainly has a dot. A pod's own name has none.
func dotted(host string) bool {
	host = strings.NewReplacer(objects.PodIP, "10.0.0.1", objects.HostIP, "10.0.0.1").Replace(host)
	for open := strings.IndexByte(host, '<'); open >= 0; open = strings.IndexByte(host, '<') {
		end := strings.IndexByte(host[open:], '>')
		if end < 0 {
			break
		}
		host = host[:open] + "x" + host[open+end+1:]
	}
	return strings.ContainsAny(objects.WithoutReferences(host), ".:")
}

// shown is a host for a sentence.
func shown(host string) string {
	switch host {
	case objects.PodIP, objects.HostIP:
		return "an IP address"
	}
	return host
}

// refusedShort is the line of a log in which a VM of the workload says that it refuses a short name, "" if none was seen.
func refusedShort(v *view.View, w *manifest.Workload) string {
	for _, p := range v.Pods() {
		if !manifest.Covers(p.Last().Labels, w.Labels()) {
			continue
		}
		for _, c := range p.Last().Containers {
			for _, line := range c.Log {
				if strings.Contains(strings.ToLower(line), "can't set short node name") {
					return line
				}
			}
		}
	}
	return ""
}

// startedLong reports whether a VM of the workload was seen, and had a long name.
func startedLong(v *view.View, w *manifest.Workload) bool {
	for _, p := range v.Pods() {
		if vm := p.VM(); vm != nil && manifest.Covers(p.Last().Labels, w.Labels()) {
			_, long := recording.Flag(vm.Args, "-name")
			return long
		}
	}
	return false
}
