package objects

import (
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// What in a probe's command needs peers: a count of the members that must be two or more, or one of the connected nodes that
// must be one or more. A status alone succeeds on a single node, too.
var (
	awaitsNodes  = regexp.MustCompile(`await_online_nodes\s+["']?[2-9]`)
	ofMembers    = regexp.MustCompile(`cluster_status|running_nodes|running_count|running_db_nodes|list_running|list_members|cluster[ ,]+(status|show|info)|_membership`)
	twoOrMore    = regexp.MustCompile(`(-eq|-ge)\s+["']?[2-9]|[)\]\s](={1,3}|>=|=:=)\s*["']?[2-9]|-gt\s+["']?[1-9]|[)\]\s]>\s*[1-9]|grep\s+-q\w*\s+["']?[2-9]`)
	ofNodes      = regexp.MustCompile(`nodes\(\)|Node\.list`)
	oneOrMore    = regexp.MustCompile(`(-eq|-ge)\s+["']?[1-9]|[)\]\s](={2,3}|>=|=:=)\s*["']?[1-9]|-gt\s+["']?\d|[)\]\s]>\s*\d|(=/=|/=|!=|={2,3}|=:=)\s*\[\]`)
	redirections = regexp.MustCompile(`\d?>>?\s*(&\d|/dev/null)`)
)

// ReadyWithPeers is the container whose readiness probe is known to need peers, and the part of its command that says so; nil where
// none is: what a port or a path needs, only the application knows.
func (m *Manifests) ReadyWithPeers(w *manifest.Workload) (c *manifest.Container, says string) {
	for _, c := range w.Containers(manifest.Main) {
		if c.ReadinessProbe == nil || c.ReadinessProbe.Exec == nil {
			continue
		}
		text := strings.Join(c.ReadinessProbe.Exec.Command, " ")
		for _, f := range m.Files(w, c) {
			if slices.Contains(strings.Fields(text), f.Path) {
				text += "\n" + uncommented(f.Content)
			}
		}
		text = redirections.ReplaceAllString(text, "")
		if found := awaitsNodes.FindString(text); found != "" {
			return c, found
		}
		if found := ofMembers.FindString(text); found != "" && twoOrMore.MatchString(text) {
			return c, found
		}
		if found := ofNodes.FindString(text); found != "" && oneOrMore.MatchString(text) {
			return c, found
		}
	}
	return nil, ""
}
