package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshLinksMatchViews() check.Check {
	return check.Check{
		ID: "mesh/links-match-views", Title: "has a TCP connection for every peer in nodes(), and no other", Rung: check.Mesh, Level: check.Required, Scenario: "formation", Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes, recording.KindSockets},
		Why:    "nodes() is what the VM assumes; the kernel's socket table shows the connections that exist. A name without a connection is a peer that receives nothing.",
		Source: "https://man7.org/linux/man-pages/man7/sock_diag.7.html",
		Causes: check.Alike(check.NeedsMesh(), "name-without-link", "link-without-name"),
		Judge:  evidence.UnlessProbeVisible(linksMatchViews),
	}
}

// A node and its kernel may differ for a moment: they are not read at the same instant. A connection without a name may
// also be a dial of another node's agent, which gives up after 2 s.
const differs = 2 * time.Second

func linksMatchViews(v *view.View) []check.Finding {
	from, to := check.Settled(v)
	from = max(from, to-max(v.Profile.Hold.D(), check.Recent))
	pods := check.Members(v)
	w := &comparison{v: v, pods: pods, peers: v.Peers(pods), membership: v.Membership(pods, to), from: from, to: to, read: map[tableKey]*table{}}
	for _, p := range pods {
		var samples []recording.Event
		for _, e := range view.Between(p.Sockets, from, to) {
			if e.Sockets.Outcome == recording.OK {
				samples = append(samples, e)
			}
		}
		w.samples = append(w.samples, samples)
	}
	var all []check.Finding
	for i, p := range pods {
		all = append(all, w.judge(i, p)...)
	}
	if len(all) == 0 {
		return check.NothingSeen(v, "there was no pod to check")
	}
	return all
}

// comparison compares the socket tables of all members with the views of their nodes.
type comparison struct {
	v          *view.View
	pods       []*view.Pod
	peers      *view.Peers
	membership *view.Membership
	from, to   time.Duration

	samples [][]recording.Event // the tables, by the index of the pod
	read    map[tableKey]*table // the tables evaluated so far: if all is well, only the last of each pod
}

type tableKey struct{ pod, look int }

// table is what one socket table contains, and the view of the node at that time.
type table struct {
	linked   []bool            // whether there is a link to the pod with that index
	named    []bool            // whether the node had it in its view, nil if its view was not seen
	nameless map[view.Link]int // the links without a name, with the index of the pod at the other end
}

func (w *comparison) table(i, look int) *table {
	if t := w.read[tableKey{i, look}]; t != nil {
		return t
	}
	e, p := w.samples[i][look], w.pods[i]
	t := &table{linked: make([]bool, len(w.pods))}
	if n, _, _ := check.ViewAt(p, e.T); n != nil {
		names := n.Visible
		if len(n.Hidden) > 0 {
			names = slices.Concat(n.Visible, n.Hidden)
		}
		t.named, _, _ = w.membership.Look(names)
	}
	w.peers.Each(e, p, func(j int, l *recording.Link) {
		t.linked[j] = true
		if t.named != nil && !t.named[j] {
			if t.nameless == nil {
				t.nameless = map[view.Link]int{}
			}
			t.nameless[view.Link{Local: l.Local, Remote: l.Remote}] = j
		}
	})
	w.read[tableKey{i, look}] = t
	return t
}

func (w *comparison) judge(i int, p *view.Pod) []check.Finding {
	samples := w.samples[i]
	last := len(samples) - 1
	unseen := check.Finding{Subject: check.OnPod(p), Outcome: check.Unseen}
	switch {
	case last < 0 || w.to-samples[last].T > check.Fresh(p):
		unseen.Message = fmt.Sprintf("the socket table of %s was not read in the last %.1f s", p.Name, check.Fresh(p).Seconds())
	case w.table(i, last).named == nil:
		_, _, unseen.Message = check.ViewAt(p, samples[last].T)
	case w.to-w.from <= differs:
		unseen.Message = fmt.Sprintf("%s was observed for %.1f s only; a difference counts if it lasts %.0f s", p.Name, (w.to - w.from).Seconds(), differs.Seconds())
	default:
		all := append(w.withoutLink(i, p), w.withoutName(i, p)...)
		if len(all) == 0 {
			all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: samples[last].T})
		}
		return all
	}
	unseen.Of = check.PairsTo(w.v, p)
	return []check.Finding{unseen}
}

// withoutLink finds names for which the kernel of neither end has a connection: behind a sidecar, only the end that dialled has
// the peer's address.
func (w *comparison) withoutLink(i int, p *view.Pod) []check.Finding {
	var all []check.Finding
	samples := w.samples[i]
	last := len(samples) - 1
	lacks := func(look, j int) bool {
		t := w.table(i, look)
		return t.named != nil && t.named[j] && !t.linked[j]
	}
	for j, q := range w.pods {
		if i == j || !lacks(last, j) {
			continue
		}
		k := last
		for k > 0 && lacks(k-1, j) {
			k--
		}
		since := samples[last].T - samples[k].T
		if since <= differs || w.linkedSince(samples[k].T, j, i) {
			continue
		}
		all = append(all, check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnPair(q, p)}, Outcome: check.Fail, Code: "name-without-link", From: samples[k].T, At: samples[last].T,
			Message: fmt.Sprintf("%s is in nodes() of %s, but there has been no connection between %s and %s in the socket tables for %.1f s", q.Node(), evidence.NodeOrPod(p), p.Name, q.Name, since.Seconds()),
			Remedy:  "the VM has not noticed that the connection ended: check net_ticktime, and whether something else (a sidecar proxy) answers in place of the peer",
			Try:     fmt.Sprintf("kubectl -n %s exec %s -- cat /proc/net/tcp /proc/net/tcp6", w.v.Header.Namespace, p.Name)})
	}
	return all
}

// linkedSince reports whether a table of pod j has shown a link to pod i since then, or there is no table
// to know it from.
func (w *comparison) linkedSince(since time.Duration, j, i int) bool {
	known := false
	for k, e := range w.samples[j] {
		if e.T < since {
			continue
		}
		if known = true; w.table(j, k).linked[i] {
			return true
		}
	}
	return !known
}

func (w *comparison) withoutName(i int, p *view.Pod) []check.Finding {
	var all []check.Finding
	samples := w.samples[i]
	last := len(samples) - 1
	for l, j := range w.table(i, last).nameless {
		k := last
		for k > 0 {
			if _, there := w.table(i, k-1).nameless[l]; !there {
				break
			}
			k--
		}
		since := samples[last].T - samples[k].T
		if since <= differs+p.MaxGap() || i == j {
			continue
		}
		q := w.pods[j]
		all = append(all, check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnPair(q, p)}, Outcome: check.Fail, Code: "link-without-name", From: samples[k].T, At: samples[last].T,
			Message: fmt.Sprintf("the connection %s - %s between %s and %s has existed for %.1f s, but %s is not in nodes() of %s", l.Local, l.Remote, p.Name, q.Name, since.Seconds(), evidence.NodeOrPod(q), evidence.NodeOrPod(p)),
			Remedy:  "the handshake was not completed, or one side dropped the peer: search the logs of both nodes for the name of the other",
			Try:     fmt.Sprintf("kubectl -n %s logs %s", w.v.Header.Namespace, p.Name)})
	}
	slices.SortFunc(all, func(a, b check.Finding) int {
		return strings.Compare(a.Subject.Peer+a.Message, b.Subject.Peer+b.Message)
	})
	return all
}
