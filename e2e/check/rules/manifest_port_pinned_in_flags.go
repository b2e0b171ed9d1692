package rules

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestPortPinnedInFlags() check.Check {
	return check.Check{
		ID: "manifest/port-pinned-in-flags", Title: "pins the distribution port for the node only, not for every VM in the container", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "Every VM that starts in the container reads ERL_FLAGS: the commands ping, rpc and remote_console of the release try to use the port of the node, and fail with eaddrinuse.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html#environment-variables",
		Causes: map[string][]string{"for-every-vm": {"console/*"}},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				seen := false
				for _, p := range m.Places(w) {
					seen = seen || strings.Contains(p.Text, "inet_dist_listen_min")
					if !slices.Contains([]string{"ERL_FLAGS", "ERL_AFLAGS", "ERL_ZFLAGS", "ELIXIR_ERL_OPTIONS"}, p.Variable) {
						continue
					}
					low, high := setting(objects.Words(p.Text), "inet_dist_listen_min"), setting(objects.Words(p.Text), "inet_dist_listen_max")
					// Port 0 is any port, and a range has room for more than one VM.
					if low != "" && low != "0" && (high == "" || high == low) {
						f.Fail("for-every-vm", fmt.Sprintf("%s of %s pins port %s for every VM in the container, not only the node", p.Where, w, low),
							fmt.Sprintf("set {kernel, [{inet_dist_listen_min, %s}, {inet_dist_listen_max, %s}]} in sys.config instead", low, low))
					}
				}
				if !seen {
					f.Skip("no inet_dist_listen_min was seen in the manifests of " + w.String())
				}
			})
		},
	}
}

// setting is the word after name in a command line of the form "-kernel NAME VALUE", or "".
func setting(args []string, name string) string {
	if i := slices.Index(args, name); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}
