package evidence

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Search is what the pods of a workload that formed no mesh were seen to do to find each other.
type Search struct {
	Says string      `json:"says"` // one short paragraph, for all pods
	Rows []SearchRow `json:"rows"` // a table, with a row for each pod
}

// SearchRow is what one pod was seen to do. Each line of Asked has its answer at the same place of Got, each of Dialled at the same
// place of Answered.
type SearchRow struct {
	Pod      string   `json:"pod"`
	Asked    []string `json:"asked,omitempty"`
	Got      []string `json:"got,omitempty"`
	Dialled  []string `json:"dialled,omitempty"`
	Answered []string `json:"answered,omitempty"`
	Unheard  string   `json:"unheard,omitempty"` // why not all of it was heard
}

// SearchOf tells how the nodes looked for each other, nil where they have found each other, where they need not, and where nobody
// captured it. A pod without a node cannot look for anybody.
func SearchOf(v *view.View) *Search {
	pods := check.Members(v)
	if _, formed := v.FirstFull(0); formed || len(pods) < 2 || v.MeansNoMesh() || foundAll(v) {
		return nil
	}
	var s Search
	kinds := map[string][]*view.Pod{} // the pods of each story
	var order []string
	for _, p := range pods {
		t := v.Trail(p)
		if t.Over == 0 || p.Node() == "" {
			continue
		}
		s.Rows = append(s.Rows, searchRow(v, p, t))
		story := search(v, p, t)
		if len(kinds[story]) == 0 {
			order = append(order, story)
		}
		kinds[story] = append(kinds[story], p)
	}
	if len(s.Rows) == 0 {
		return nil
	}
	slices.SortStableFunc(order, func(a, b string) int { return len(kinds[b]) - len(kinds[a]) })
	s.Says = paragraph(v, order, kinds, len(pods))
	return &s
}

// foundAll reports whether each of the nodes that exist sees all others: then it is no search that the mesh lacks, but pods.
func foundAll(v *view.View) bool {
	m := check.MeshSnapshot(v)
	for i, look := range m.Views {
		for j := range m.Pods {
			if i != j && (look.Nodes == nil || !look.Seen[j]) {
				return false
			}
		}
	}
	return true
}

// mostStories is how many kinds of pods the paragraph tells of.
const mostStories = 3

func paragraph(v *view.View, order []string, kinds map[string][]*view.Pod, pods int) string {
	var lines []string
	for i, story := range order {
		who := kinds[story]
		if i == mostStories {
			lines = append(lines, fmt.Sprintf("The report has the others, %d kinds of pods.", len(order)-i))
			break
		}
		subject := ""
		switch n := len(who); {
		case n == 2 && pods == 2:
			subject = "Both pods"
		case n == pods:
			subject = fmt.Sprintf("All %d pods", pods)
		case n > 2:
			subject = fmt.Sprintf("%d pods (%s, …)", n, who[0].Name)
		case n == 2:
			subject = who[0].Name + " and " + who[1].Name
		default:
			subject = who[0].Name
		}
		lines = append(lines, subject+" "+story+dialled(v, who)+".")
	}
	return strings.Join(lines, " ")
}

// search is what the pod did in one sentence without its subject and without what differs from pod to pod: names and addresses of
// peers, how often, and how dials ended.
func search(v *view.View, p *view.Pod, t view.Trail) string {
	var did []string
	if asked := askedFor(v, p, t); asked != "" {
		did = append(did, asked)
	}
	if t.API {
		did = append(did, "asked the API server")
	}
	if len(did) == 0 {
		did = append(did, "asked neither DNS nor the API server for peers")
	}
	switch {
	case !t.Dials:
		did = append(did, "whom they dialled was not heard")
	case len(t.Peers()) == 0:
		did = append(did, "dialled no peer")
	}
	if t.Unheard != "" {
		did = append(did, "not all of it was heard")
	}
	return strings.Join(did, "; ")
}

// dialled says whom the pods dialled, by port, and how that ended.
func dialled(v *view.View, pods []*view.Pod) string {
	var all []view.Target
	for _, p := range pods {
		if t := v.Trail(p); t.Dials {
			all = append(all, t.Peers()...)
		}
	}
	says := ""
	for _, port := range portsOf(all) {
		to := slices.DeleteFunc(slices.Clone(all), func(d view.Target) bool { return portOf(d) != port })
		what := fmt.Sprintf("port %d of peers", port)
		if toEPMD(v, to[0]) {
			what = "epmd of peers"
		}
		says += "; dialled " + what + ": " + dialEnds(v, to)
	}
	return says
}

// askedFor says what the pod asked DNS for and got: the same names with all their types once, and all names of peers as one.
func askedFor(v *view.View, p *view.Pod, t view.Trail) string {
	var order []string
	types, answers := map[string][]string{}, map[string][]string{}
	add := func(all map[string][]string, name, x string) {
		if !slices.Contains(all[name], x) {
			all[name] = append(all[name], x)
		}
	}
	for _, q := range v.Seeks(p, t) {
		name := q.Name
		first, _, _ := strings.Cut(name, ".")
		if slices.ContainsFunc(v.Pods(), func(o *view.Pod) bool { return o.Name == first }) {
			name = "the names of peers"
		}
		if len(types[name]) == 0 {
			order = append(order, name)
		}
		add(types, name, q.Type)
		add(answers, name, gotInShort(v, p, q))
	}
	const most = 2
	var all []string
	for _, name := range order[:min(most, len(order))] {
		all = append(all, fmt.Sprintf("%s (%s) and got %s", name, strings.Join(types[name], ", "), check.List(answers[name])))
	}
	if len(order) > most {
		all = append(all, fmt.Sprintf("%d more names", len(order)-most))
	}
	if len(all) == 0 {
		return ""
	}
	return "asked DNS for " + strings.Join(all, ", for ")
}

// gotInShort is what DNS answered, without the addresses of peers.
func gotInShort(v *view.View, p *view.Pod, q recording.Question) string {
	if q.Type == "SRV" && len(q.Got) > 0 {
		return fmt.Sprintf("%d records", len(q.Got))
	}
	peers, self := v.Resolved(p, view.Trail{Asked: []recording.Question{q}}), slices.Contains(q.Got, p.IP())
	switch n := len(peers); {
	case n > 1:
		return fmt.Sprintf("the addresses of %d peers", n)
	case n == 1:
		return "the address of a peer"
	case self && len(q.Got) == 1:
		return "its own address only"
	}
	return got(v, q)
}

// portsOf are the ports of these addresses, each once.
func portsOf(all []view.Target) []uint16 {
	var ports []uint16
	for _, d := range all {
		if !slices.Contains(ports, portOf(d)) {
			ports = append(ports, portOf(d))
		}
	}
	slices.Sort(ports)
	return ports
}

func portOf(d view.Target) uint16 {
	a, _ := netip.ParseAddrPort(d.Addr)
	return a.Port()
}

func searchRow(v *view.View, p *view.Pod, t view.Trail) SearchRow {
	r := SearchRow{Pod: p.Name, Unheard: t.Unheard}
	for _, q := range v.Seeks(p, t) {
		r.Asked = append(r.Asked, fmt.Sprintf("DNS: %s (%s), %s", q.Name, q.Type, Times(q.Count)))
		r.Got = append(r.Got, got(v, q))
	}
	if t.API {
		asked := "the API server"
		if t.ToAPI > 0 {
			asked += ", " + Times(t.ToAPI)
		}
		r.Asked, r.Got = append(r.Asked, asked), append(r.Got, "not known: it is encrypted")
	}
	for _, d := range t.Peers() {
		r.Dialled = append(r.Dialled, fmt.Sprintf("%s of %s, %s", d.Addr, d.Pod.Name, Times(d.Count)))
		r.Answered = append(r.Answered, dialEnd(v, d))
	}
	return r
}
