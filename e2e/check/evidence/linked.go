package evidence

import (
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Tie is what the socket tables of two pods say about a link between their nodes.
type Tie int

// What they can say. OneEnd is a connection that the table of the other end does not have: a proxy or an address translation is in
// between, or one end has not noticed that the other is gone.
const (
	TieUnknown Tie = iota
	TieNone
	TieOneEnd
	TieBoth
)

// Linked is who is linked to whom at the end, as the kernels show it.
type Linked struct {
	Pods   []*view.Pod // that are Ready
	Tables []*recording.Event
	ties   [][]Tie
	Groups [][]*view.Pod // between which there is certainly no link, the largest first
}

// LinkedOf reads the last socket table of each Ready pod.
func LinkedOf(v *view.View) *Linked {
	l, _ := v.Once("linked", func() any { return linkedOf(v) }).(*Linked)
	return l
}

func linkedOf(v *view.View) *Linked {
	l := &Linked{}
	for _, p := range v.Pods() {
		if p.Ready(v.End()) {
			l.Pods = append(l.Pods, p)
			l.Tables = append(l.Tables, LastTable(p))
		}
	}
	maybe := make([][]bool, len(l.Pods))
	l.ties = make([][]Tie, len(l.Pods))
	for i := range l.Pods {
		l.ties[i], maybe[i] = make([]Tie, len(l.Pods)), make([]bool, len(l.Pods))
		for j := range i {
			l.ties[i][j] = l.tie(i, j)
			l.ties[j][i] = l.ties[i][j]
			maybe[i][j] = l.ties[i][j] != TieNone
		}
	}
	l.Groups = view.Groups(l.Pods, maybe)
	return l
}

// LastTable is the last socket table of the pod that was read, nil if none was.
func LastTable(p *view.Pod) *recording.Event {
	for _, e := range slices.Backward(p.Sockets) {
		if e.Sockets.Outcome == recording.OK {
			return &e
		}
	}
	return nil
}

// Tie is what is known about a link between two of the pods.
func (l *Linked) Tie(i, j int) Tie { return l.ties[i][j] }

func (l *Linked) tie(i, j int) Tie {
	p, q, a, b := l.Pods[i], l.Pods[j], l.Tables[i], l.Tables[j]
	if p.IP() == "" || q.IP() == "" || p.IP() == q.IP() {
		return TieUnknown // pods of one host network cannot be told apart
	}
	here, there := a != nil && len(view.Links(*a, p, q)) > 0, b != nil && len(view.Links(*b, q, p)) > 0
	switch {
	case here && there:
		return TieBoth
	case here && b != nil || there && a != nil:
		return TieOneEnd
	case here || there || a == nil && b == nil:
		return TieUnknown
	}
	// One table without a connection is enough: the link would be in it. But a connection to an unknown port may be one.
	met := a != nil && view.Meets(*a, p, q) || b != nil && view.Meets(*b, q, p)
	if met && (!p.KnowsPort() || !q.KnowsPort()) {
		return TieUnknown
	}
	return TieNone
}

// MeantPartial reports whether the command line of one of the two nodes says that it need not be linked to the other.
func MeantPartial(pods ...*view.Pod) bool {
	for _, p := range pods {
		vm := p.VM()
		if vm == nil {
			continue
		}
		if _, hidden := recording.Flag(vm.Args, "-hidden"); hidden {
			return true
		}
		for i, a := range vm.Args[:max(0, len(vm.Args)-1)] {
			if (a == "connect_all" || a == "-connect_all") && vm.Args[i+1] == "false" {
				return true
			}
		}
	}
	return false
}

// OfPods are the subjects of a group of pods and of all pairs of it with the others, in both directions.
func OfPods(group []*view.Pod, all []*view.Pod) (of []check.Subject) {
	for _, p := range group {
		of = append(of, check.OnPod(p))
		for _, q := range all {
			if p != q {
				of = append(of, check.OnPair(p, q), check.OnPair(q, p))
			}
		}
	}
	return of
}
