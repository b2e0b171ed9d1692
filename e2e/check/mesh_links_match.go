package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshLinksMatchViews() Check {
	return Check{
		ID: "mesh/links-match-views", Title: "holds a connection for every name in its views, and no other", Rung: Mesh, Level: Required, Episode: "formation",
		Why:    "nodes() is what the VM believes; the kernel's socket table is what there is. A name without a connection is a peer that hears nothing.",
		Source: "https://man7.org/linux/man-pages/man7/sock_diag.7.html",
		Causes: map[string][]string{"name-without-link": after("mesh/links-match-views"), "link-without-name": after("mesh/links-match-views")},
		Judge:  undisturbed(linksMatchViews),
	}
}

// A node and its kernel may differ for a moment: they are not read at the same instant. A connection without a name may
// also be a dial of another node's agent, which gives up after 2 s.
const (
	differs    = 2 * time.Second
	unfinished = differs + view.MaxGap
)

func linksMatchViews(v *view.View) []Finding {
	from, to := settled(v)
	from = max(from, to-max(v.Profile.Hold.D(), recent))
	pods := members(v)
	w := &wiring{v: v, pods: pods, peers: v.Peers(pods), call: v.Roll(pods, to), from: from, to: to}
	for i := range pods {
		w.read(i)
	}
	var all []Finding
	for i, p := range pods {
		all = append(all, w.judge(i, p)...)
	}
	if len(all) == 0 {
		return none(v, "there was no pod to look at")
	}
	return all
}

// wiring is what the socket tables of all members hold beside what their nodes believe.
type wiring struct {
	v        *view.View
	pods     []*view.Pod
	peers    *view.Peers
	call     *view.Roll
	from, to time.Duration

	tables []table // of the pod in the same place
}

// table is what was read of one pod, at each of its socket tables.
type table struct {
	times  []time.Duration
	linked [][]bool            // whether there is a link to the pod in that place
	links  []map[view.Link]int // the links without a name, with the place of the pod at their other end
	named  [][]bool            // whether the node believed to be connected to it, nil where its view was not seen
}

func (w *wiring) read(i int) {
	p := w.pods[i]
	var t table
	var visible, hidden []string
	var named []bool
	for _, e := range view.Between(p.Sockets, w.from, w.to) {
		if e.Sockets.Outcome != recording.OK {
			continue
		}
		linked, links := make([]bool, len(w.pods)), map[view.Link]int{}
		n, _, _ := belief(p, e.T)
		switch {
		case n == nil:
			named = nil
		case named == nil || !slices.Equal(n.Visible, visible) || !slices.Equal(n.Hidden, hidden):
			visible, hidden = n.Visible, n.Hidden
			named, _, _ = w.call.Look(slices.Concat(visible, hidden))
		}
		for _, l := range w.peers.Of(e, p) {
			linked[l.Pod] = true
			if named != nil && !named[l.Pod] {
				links[view.Link{Local: l.Link.Local, Remote: l.Link.Remote}] = l.Pod
			}
		}
		t.times, t.linked, t.links, t.named = append(t.times, e.T), append(t.linked, linked), append(t.links, links), append(t.named, named)
	}
	w.tables = append(w.tables, t)
}

func (w *wiring) judge(i int, p *view.Pod) []Finding {
	t := w.tables[i]
	unseen := Finding{Subject: onPod(p), Of: toward(w.v, p), Outcome: Unseen}
	switch k := len(t.times) - 1; {
	case k < 0 || w.to-t.times[k] > lately:
		unseen.Says = fmt.Sprintf("the sockets of %s were not watched in the last %.1f s", p.Name, lately.Seconds())
		return []Finding{unseen}
	case t.named[k] == nil:
		_, _, unseen.Says = belief(p, t.times[k])
		return []Finding{unseen}
	case w.to-w.from <= differs:
		unseen.Says = fmt.Sprintf("%s was watched for %.1f s, what differs for %.0f s counts", p.Name, (w.to - w.from).Seconds(), differs.Seconds())
		return []Finding{unseen}
	}
	all := append(w.withoutLink(i, p), w.withoutName(i, p)...)
	if len(all) == 0 {
		all = append(all, Finding{Subject: onPod(p), Outcome: Pass, At: t.times[len(t.times)-1]})
	}
	return all
}

// withoutLink finds names that neither end's kernel has a connection for: behind a sidecar only the end that dialled shows
// the peer's address.
func (w *wiring) withoutLink(i int, p *view.Pod) []Finding {
	t := w.tables[i]
	var all []Finding
	last := len(t.times) - 1
	for j, q := range w.pods {
		if i == j || !t.named[last][j] || t.linked[last][j] {
			continue
		}
		k := last
		for k > 0 && t.named[k-1] != nil && t.named[k-1][j] && !t.linked[k-1][j] {
			k--
		}
		if t.times[last]-t.times[k] <= differs || w.tables[j].linkedSince(t.times[k], i) {
			continue
		}
		all = append(all, Finding{Subject: onPair(p, q), Outcome: Fail, Code: "name-without-link", At: t.times[last],
			Says:   fmt.Sprintf("%s is in nodes() of %s, and no connection between %s and %s has been in the socket tables for %.1f s", q.Node(), orName(p), p.Name, q.Name, (t.times[last] - t.times[k]).Seconds()),
			Remedy: "the VM has not noticed the end of a connection: look for what answers in the peer's place, and at net_ticktime",
			Try:    fmt.Sprintf("kubectl -n %s exec %s -- cat /proc/net/tcp /proc/net/tcp6", w.v.Header.Namespace, p.Name)})
	}
	return all
}

// linkedSince tells whether a table from t on shows a link to the pod in place i, or there is none to tell.
func (t table) linkedSince(from time.Duration, i int) bool {
	known := false
	for k, at := range t.times {
		if at < from {
			continue
		}
		if known = true; t.linked[k][i] {
			return true
		}
	}
	return !known
}

func (w *wiring) withoutName(i int, p *view.Pod) []Finding {
	t := w.tables[i]
	var all []Finding
	last := len(t.times) - 1
	for l, j := range t.links[last] {
		k := last
		for k > 0 {
			if _, there := t.links[k-1][l]; !there {
				break
			}
			k--
		}
		if t.times[last]-t.times[k] <= unfinished || i == j {
			continue
		}
		q := w.pods[j]
		all = append(all, Finding{Subject: onPair(p, q), Outcome: Fail, Code: "link-without-name", At: t.times[last],
			Says:   fmt.Sprintf("the connection %s - %s between %s and %s has been there for %.1f s, and %s is not in nodes() of %s", l.Local, l.Remote, p.Name, q.Name, (t.times[last] - t.times[k]).Seconds(), orName(q), orName(p)),
			Remedy: "a handshake that never ended, or a peer that was dropped on one side: look for the other node's name in the logs of both",
			Try:    fmt.Sprintf("kubectl -n %s logs %s", w.v.Header.Namespace, p.Name)})
	}
	slices.SortFunc(all, func(a, b Finding) int { return strings.Compare(a.Subject.Peer+a.Says, b.Subject.Peer+b.Says) })
	return all
}
