package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestReadyWithoutPeers() check.Check {
	return check.Check{
		ID: "manifest/ready-without-peers", Title: "does not make a pod's readiness depend on peers that are not there yet", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "A pod that is Ready only with peers waits for them. A StatefulSet makes the second pod when the first is Ready (OrderedReady), and a Service has a pod's name in DNS when it is Ready, unless it publishes those that are not. Then all wait for each other, or each founds a cluster of its own.",
		Source: "https://github.com/bitnami/charts/issues/25931",
		Causes: check.Alike(check.From(check.Pods), "waits-in-order", "hidden-until-ready"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				c, says := m.ReadyWithPeers(w)
				hidden := hiddenUntilReady(m, w)
				switch {
				case c == nil:
					f.Skip("no readiness probe of " + w.String() + " is known to need peers: what is behind a port or a path, only the application knows")
				case m.Replicas(w) < 2:
					f.Skip(w.String() + " has one replica, which needs no peers")
				case w.Kind == "StatefulSet" && w.PodManagement != "Parallel":
					f.Fail("waits-in-order", fmt.Sprintf("the readiness probe of container %s asks for peers (%s), and %s makes its second pod only when the first is Ready (podManagementPolicy: OrderedReady): neither ever happens", c.Name, says, w),
						"set podManagementPolicy: Parallel (the field is immutable: delete the StatefulSet with --cascade=orphan and create it again)")
					if hidden != "" {
						f.Remedy += ", and publishNotReadyAddresses: true in Service " + hidden
					}
				case hidden != "":
					f.Fail("hidden-until-ready", fmt.Sprintf("the readiness probe of container %s asks for peers (%s), and Service %s has a pod in DNS only when it is Ready: the pods of %s start together, and find nobody", c.Name, says, hidden, w),
						"set publishNotReadyAddresses: true in Service "+hidden)
				}
			})
		},
	}
}

// hiddenUntilReady is the Service by which the pods find each other in DNS, if it leaves out those that are not Ready.
func hiddenUntilReady(m *objects.Manifests, w *manifest.Workload) string {
	if s := m.Service(w.Namespace, w.ServiceName); s != nil && w.Kind == "StatefulSet" && namedByDNS(m, w) && !s.PublishesNotReady() {
		return s.Name
	}
	for _, q := range m.Questions(w) {
		s := m.Service(w.Namespace, q.Service)
		if s != nil && q.Own(w) && (q.InDNS() || q.By == objects.ForEndpoints) && s.Selects(w.Labels()) && !s.PublishesNotReady() {
			return s.Name
		}
	}
	return ""
}
