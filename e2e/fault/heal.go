package fault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// healing is a rule that is no longer wanted, until its agent has confirmed that it is gone.
type healing struct {
	rule agent.Rule
	ends time.Time // when its lease has ended it, even if nobody can be asked
	told bool      // it is recorded that it may still be there
}

// Expiry is after what time an agent has certainly removed a rule that it was not asked to keep: the lease, and more than enough
// for a request whose answer was lost to be carried out.
const Expiry = agent.Lease + 5*time.Second

// giveUp makes rules ones that are to be healed.
func (i *Injector) giveUp(n *node, rules []agent.Rule) {
	for _, r := range rules {
		n.healing = append(n.healing, healing{rule: r, ends: i.now().Add(Expiry)})
		delete(n.since, r)
	}
}

// Heal ends all faults. It returns when each agent has confirmed, for each pod, that its faults are gone, or when the lease of
// those whose agent cannot say so has certainly ended, which takes [Expiry]. An error says which may still be there when ctx ends:
// they stay to be healed, by Run or by another Heal.
func (i *Injector) Heal(ctx context.Context) error {
	names := i.names()
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for k, name := range names {
		guard.Go(&wg, func(err error) { errs[k] = err }, func() { errs[k] = i.heal(ctx, name) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (i *Injector) heal(ctx context.Context, on string) error {
	n := i.node(on)
	n.mu.Lock()
	defer n.mu.Unlock()
	i.giveUp(n, n.rules)
	n.rules = nil
	for len(n.healing) > 0 {
		_, err := i.set(ctx, on, n)
		if len(n.healing) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("fault: node %s: %s may still be in place: %w", on, n.healing[0].rule, errors.Join(err, context.Cause(ctx)))
		case <-time.After(i.again):
		}
	}
	return nil
}

// confirm takes an agent's answer about the rules that are to be healed, or the reason why there is none. A pod is healed when
// none of its rules is left.
func (i *Injector) confirm(n *node, answer []agent.RuleStatus, failed error) {
	left := map[string]bool{}
	why := make([]string, len(n.healing)) // of each rule: how it ended, or why it may still be there
	status := make([]agent.RuleStatus, len(n.healing))
	for k, h := range n.healing {
		s := agent.RuleStatus{}
		if failed != nil {
			s.Message = failed.Error()
		} else {
			s = answer[k]
		}
		why[k], status[k] = s.Message, s
		switch expired := !i.now().Before(h.ends); {
		case s.Gone:
		case expired && s.Since == 0:
			why[k] = "its lease has ended; its agent cannot confirm it: " + s.Message
		default:
			left[h.rule.Pod] = true
		}
	}
	var rest []healing
	for k, h := range n.healing {
		switch {
		case !left[h.rule.Pod]:
			i.healed(h, status[k], why[k])
			continue
		case !h.told:
			h.told = true
			what := fmt.Sprintf("%s could not be healed yet and may still be in place: %s", h.rule, why[k])
			i.record(recording.Event{ObserverError: &recording.ObserverError{Pod: h.rule.Pod, What: what}})
			i.act(Unhealed, h.rule, 0, what)
		}
		rest = append(rest, h)
	}
	n.healing = rest
}

// healed records that a fault is gone. One between two pods that has met no packet of their open link, while it lasted, has only kept
// them from making a new one: then the scenario did not take its course.
func (i *Injector) healed(h healing, s agent.RuleStatus, why string) {
	if s.Counts.Known {
		why += "; " + s.Counts.String()
	}
	ago := time.Duration(0)
	if s.Gone {
		ago = s.Age
	}
	if c := s.Counts; c.Known && c.Links != "" && c.OfLinks == 0 && h.rule.Do != agent.DropLarge {
		i.void(h.rule.Pod, fmt.Sprintf("%s does not bite: only new connections were stopped; %s", h.rule, c))
	}
	i.act(Heal, h.rule, ago, fmt.Sprintf("%s: %s", h.rule, why))
}
