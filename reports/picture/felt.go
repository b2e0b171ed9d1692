package picture

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Felt is what applications lost of their peers: one thing, between nodes that stayed or with those that ended.
type Felt struct {
	What     string        `json:"what"`            // "message", "global", "pg", or "node" for nodeup and nodedown
	Ended    bool          `json:"ended,omitempty"` // with a node that ended meanwhile, so that it had to be lost
	Pairs    int           `json:"pairs"`           // ordered pairs of nodes on which it was seen
	Lost     int           `json:"lost"`            // of them: those that lost it
	NotBack  int           `json:"notBack,omitempty"`
	Messages int           `json:"messages,omitempty"` // that got no answer in time
	Longest  time.Duration `json:"longest,omitempty"`  // ns
	From     string        `json:"from,omitempty"`     // of the longest: the pod whose application lost it …
	To       string        `json:"to,omitempty"`       // … and the node of which it did
	Open     bool          `json:"open,omitempty"`     // of the longest: it was not back at the end
}

func (p *Picture) felt(v *view.View) {
	for _, l := range v.Felt() {
		f := Felt{What: l.What, Ended: l.Ended, Pairs: l.Pairs, Lost: l.Lost, NotBack: l.NotBack, Messages: l.Messages}
		if o := l.Longest; o.Pod != nil {
			f.Longest, f.From, f.To, f.Open = o.For, o.Pod.Name, o.Peer, !o.Over
		}
		p.Felt = append(p.Felt, f)
	}
}

// Name is what was lost, for people.
func (f Felt) Name() string {
	switch f.What {
	case recording.FeltMessage:
		return "answers to messages"
	case recording.FeltGlobal:
		return "names in global"
	case recording.FeltPg:
		return "members of a pg group"
	default:
		return "nodes, by nodeup and nodedown"
	}
}
