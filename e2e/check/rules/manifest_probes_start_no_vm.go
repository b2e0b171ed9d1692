package rules

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestProbesStartNoVM() check.Check {
	return check.Check{
		ID: "manifest/probes-start-no-vm", Title: "uses probes that do not start a VM", Rung: check.Manifest, Level: check.Advice, Scenario: "formation",
		Why:    "Each call of bin/NAME ping starts a VM that connects to the node. On a busy machine this takes longer than the timeout of the probe, and Kubernetes restarts a healthy node.",
		Source: "https://github.com/helm/charts/issues/3855",
		Causes: map[string][]string{"starts-vm": nil},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(_ *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				seen := false
				for _, c := range w.Containers(manifest.Main) {
					for _, x := range []struct {
						name string
						p    *corev1.Probe
					}{{"readinessProbe", c.ReadinessProbe}, {"livenessProbe", c.LivenessProbe}, {"startupProbe", c.StartupProbe}} {
						if seen = seen || x.p != nil; x.p == nil || x.p.Exec == nil {
							continue
						}
						if command := strings.Join(x.p.Exec.Command, " "); startsVM.MatchString(command) {
							f.Fail("starts-vm", fmt.Sprintf("%s of container %s of %s starts a VM each time it runs: %s", x.name, c.Name, w, objects.Masked(command)),
								"open a port in the application when the node is up, and probe this port: tcpSocket: {port: NAME}")
						}
					}
				}
				if !seen {
					f.Skip("no probe was seen in the manifests of " + w.String())
				}
			})
		},
	}
}

// startsVM matches the command line tool of a release, or a tool that is a VM itself.
var startsVM = regexp.MustCompile(`bin/\S+['"]?\s+['"]?(ping|rpc|eval|pid|rpcterms|status)\b|\b(rabbitmqctl|rabbitmq-diagnostics|emqx_ctl|ejabberdctl|erl_call|escript)\b`)
