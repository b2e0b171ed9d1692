package injection

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// healBudget is how long to try to heal: until no lease can be left, and one more attempt.
const healBudget = fault.Expiry + 10*time.Second

// Start prepares what keeps network faults in place. end heals them: it returns when they are gone, or when their lease has ended.
// An error says which are still in place.
func (i *Injections) Start(ctx context.Context) (end func() error) {
	ctx, stop := context.WithCancel(ctx)
	agents := &nodeAgents{find: func(ctx context.Context, node string) (*agentclient.Client, error) {
		pod, err := agentclient.Find(ctx, i.Client, i.Agents, node)
		if err != nil {
			return nil, err
		}
		return agentclient.New(i.Config, i.Client, pod.Namespace, pod.Name, i.Namespace, i.Token), nil
	}, clients: map[string]*agentclient.Client{}}
	i.faults = fault.New(i.Namespace, func(_ context.Context, node string) (fault.Agent, error) {
		return nodeAgent{agents, node}, nil
	}, func(e recording.Event) {
		e.T, e.By = max(0, i.Recorder.Now()+e.T), "run"
		i.Recorder.Sink(e)
	})
	i.faults.Caught = i.Caught
	renewed := make(chan struct{})
	guard.Go(nil, i.Caught, func() {
		defer close(renewed)
		i.faults.Run(ctx)
	})
	return func() error {
		stop()
		<-renewed
		healing, cancel := context.WithTimeoutCause(context.Background(), healBudget, fmt.Errorf("not healed within %s", healBudget))
		defer cancel()
		defer agents.close()
		return i.faults.Heal(healing)
	}
}

// do does an injection to pods. What cannot be done makes the scenario void.
func (i *Injections) do(ctx context.Context, d profile.Injection, pods ...*view.Pod) {
	switch {
	case len(pods) == 0:
		i.void("", "no pod was there for "+d.Do)
	case d.Brief():
		i.brief(ctx, d, pods[0])
	case d.Packets():
		i.injectFaults(ctx, d, pods)
		if d.For > 0 {
			i.healAfter(ctx, d)
		}
	case d.Do == profile.Exec:
		i.command(ctx, d, pods[0])
	case d.Do == profile.RotateSecret:
		i.rotate(ctx)
	case d.Do == profile.Delete:
		i.remove(ctx, d)
	}
}

// injectFaults puts a network fault into the pods, all of a node at once: to see that it bites takes a second.
func (i *Injections) injectFaults(ctx context.Context, d profile.Injection, pods []*view.Pod) {
	rules := map[string][]agent.Rule{}
	for _, p := range pods {
		rule, err := i.rule(d, p)
		if err != nil {
			i.void(p.UID, err.Error())
			return
		}
		rules[p.Last().Node] = append(rules[p.Last().Node], rule)
	}
	for node, list := range rules {
		if err := i.faults.Inject(ctx, node, list...); err != nil {
			i.Log(err.Error())
			if guard.Bug(err) != nil && i.Caught != nil {
				i.Caught(err)
			}
		}
	}
}

// healAfter heals the fault when its time has passed. One that cannot be healed is recorded as such, which makes the scenario void.
func (i *Injections) healAfter(ctx context.Context, d profile.Injection) {
	if wait(ctx, d.For.D()) != nil {
		return // the end of the scenario heals it
	}
	healing, cancel := context.WithTimeoutCause(ctx, healBudget, fmt.Errorf("not healed within %s", healBudget))
	defer cancel()
	if err := i.faults.Heal(healing); err != nil {
		i.Log(err.Error())
	}
}

// rule makes the agent's rule of an injection. One that must be toothless is put into this pod and is about another pod's
// address.
func (i *Injections) rule(d profile.Injection, p *view.Pod) (agent.Rule, error) {
	r := agent.Rule{Pod: p.UID, IP: p.IP(), Do: d.Do, Port: d.Port}
	toothless := i.spec.Harness == profile.Toothless
	if d.Do != profile.Cut && !toothless {
		return r, nil
	}
	other := ""
	for _, q := range i.runningPods() {
		if q != p {
			other = q.IP()
		}
	}
	if other == "" {
		return r, fmt.Errorf("there is no second pod beside %s", p.Name)
	}
	if r.Peer = other; toothless {
		r.IP, r.Peer = other, ""
	}
	return r, nil
}

func (i *Injections) command(ctx context.Context, d profile.Injection, p *view.Pod) {
	c := profile.Command{Name: d.Do, Run: d.Run, TTY: d.TTY, Input: d.Input, Expect: d.Expect}
	i.commandRan(d, p, workload.Exec(ctx, i.Config, i.Client, i.Namespace, p.Name, p.UID, c, i.Redactor.Text))
}

// commandRan records a command that did what it should; anything else makes the scenario void.
func (i *Injections) commandRan(d profile.Injection, p *view.Pod, e recording.Exec) {
	what := fmt.Sprintf("%s in %s ends with %d", strings.Join(d.Run, " "), p.Name, e.Code)
	switch {
	case e.Outcome == recording.ProbeError || e.Code != 0:
		i.void(p.UID, i.Redactor.Text(strings.TrimSpace(what+": "+e.Detail+" "+e.Output)))
	case !strings.Contains(e.Output, d.Expect):
		i.void(p.UID, i.Redactor.Text(fmt.Sprintf("%s and its output lacks %q: %s", what, d.Expect, e.Output)))
	default:
		i.Recorder.Did(recording.Act{Do: d.Do, Pod: p.UID, Detail: i.Redactor.Text(what)})
	}
}

// rotate gives the cookie's Secret another value, as a rotation does: pods that run keep theirs, new ones get the new.
func (i *Injections) rotate(ctx context.Context) {
	ref := i.Workload.Profile.Spec.Cookie.SecretKeyRef
	cookie := []byte(fmt.Sprintf("rotated-%016x%016x", rand.Uint64(), rand.Uint64()))
	i.Redactor.Guard(cookie)
	if err := workload.SetSecret(ctx, i.Client, i.Namespace, ref.Name, ref.Key, cookie); err != nil {
		i.void("", err.Error())
		return
	}
	i.Recorder.Did(recording.Act{Do: profile.RotateSecret, Detail: "Secret " + ref.Name})
}

// remove deletes an object of the manifests, as somebody who tidies up does.
func (i *Injections) remove(ctx context.Context, d profile.Injection) {
	kind, name, _ := strings.Cut(d.Object, "/")
	if err := i.Delete(ctx, kind, name); err != nil {
		i.void("", err.Error())
		return
	}
	i.Recorder.Did(recording.Act{Do: profile.Delete, Detail: kind + " " + name})
}
