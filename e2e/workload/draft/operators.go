package draft

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

var (
	// beamProducts are programs of Erlang and Elixir that have operators.
	beamProducts = regexp.MustCompile(`(?i)rabbitmq|emqx|vernemq|couchdb|ejabberd|mongooseim|riak|livebook|erlang|elixir`)
	// beamWords are words of a specification that only such a program has.
	beamWords = regexp.MustCompile(`"(RELEASE_|RELX_|ERL_|ELIXIR_)[A-Z_]+"|erlang|ERLANG|vm\.args|inet_dist_|-setcookie`)
)

// custom says of each custom resource from which an operator makes pods that these are not here, and how they can be judged.
func (d *draft) custom() []string {
	var all []string
	for _, o := range d.all().Documents {
		if !builtIn(o) && operated(o) {
			all = append(all, fmt.Sprintf("%s (%s) is not judged: an operator makes its pods, and their manifests are not here. To judge what runs: meshproof init -n NAMESPACE -o app/profile.yaml", o, o.APIVersion))
		}
	}
	return all
}

// operated reports whether a resource seems to become pods: it has replicas, or it speaks of Erlang.
func operated(o *manifest.Document) bool {
	spec, _ := o.Raw["spec"].(map[string]any)
	text, err := json.Marshal(spec)
	return has(spec, "replicas", "clusterSize") || beamProducts.MatchString(o.Kind+" "+o.APIVersion) && clusterKind(o.Kind) || err == nil && beamWords.Match(text)
}

// clusterKind reports whether a kind is that of a whole program, and not of a queue or a user in it.
func clusterKind(kind string) bool {
	return strings.HasSuffix(kind, "Cluster") || beamProducts.FindString(kind) == kind || strings.HasPrefix(kind, "EMQX")
}

// has reports whether one of the keys has a number, in a map or one level below it.
func has(m map[string]any, keys ...string) bool {
	for k, v := range m {
		below, _ := v.(map[string]any)
		_, is := v.(int64)
		if is && slices.Contains(keys, k) || below != nil && k != "template" && has(below, keys...) {
			return true
		}
	}
	return false
}

// builtIn reports whether an object is of an API that every cluster has, or of one whose objects make no pods.
func builtIn(o *manifest.Document) bool {
	group, _, grouped := strings.Cut(o.APIVersion, "/")
	return o.Object != nil || !grouped || !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
}
