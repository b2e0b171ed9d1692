package view

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// stableFor is how long a mesh that has recovered must stay full before the scenario ends.
const stableFor = 2 * time.Second

// Starting reports whether the cluster is still creating the pods' containers, and which: until then the application cannot do
// anything. A container that waits for another reason (an image that cannot be pulled, a crash) is not starting.
func (v *View) Starting() (bool, string) {
	var pods []*Pod
	for _, p := range v.Pods() {
		if !p.Leaving(v.end) {
			pods = append(pods, p)
		}
	}
	if want := v.Profile.Replicas(); len(pods) < want && v.refused() == "" {
		return true, fmt.Sprintf("%d of %d pods exist", len(pods), want)
	}
	for _, p := range pods {
		s := p.Last()
		if len(s.Containers) == 0 && s.Phase == "Pending" {
			return true, p.Name + " is " + s.Phase + ": " + s.NotReady
		}
		for _, c := range s.Containers {
			if c.State == "waiting" && (c.Reason == "" || c.Reason == "ContainerCreating" || c.Reason == "PodInitializing") {
				return true, fmt.Sprintf("container %s of %s is being created", c.Name, p.Name)
			}
			if c.State != "running" {
				break // it has failed; where it is an init container, those after it wait for it
			}
		}
	}
	return false, ""
}

// Booted reports whether the pods have started: their containers run, and all are Ready or one has failed already. If not, it
// says what is missing.
func (v *View) Booted() (bool, string) {
	if starting, what := v.Starting(); starting {
		return false, what
	}
	for _, p := range v.Pods() {
		s := p.Last()
		if p.Leaving(v.end) || p.Ready(v.end) {
			continue
		}
		for _, c := range s.Containers {
			if c.State != "running" || c.Restarts > 0 {
				return true, ""
			}
		}
		return false, p.Name + " is not Ready: " + s.NotReady
	}
	return true, ""
}

// Formed reports whether formation is complete: the mesh has held for the profile's time, and every probe has reported about
// every member. If not, it says what is missing.
func (v *View) Formed() (bool, string) {
	held, m := v.Held(v.Profile.Hold.D())
	switch {
	case held:
		why := v.unprobed(m.Since)
		return why == "", why
	case m.Full:
		return false, fmt.Sprintf("full mesh for %.0f of %s", (v.end - m.Since).Seconds(), v.Profile.Hold)
	default:
		return false, m.String()
	}
}

// unprobed names the first probe that has not yet reported since the mesh was full. Where it takes long to dial each pair, a
// successful dial of the last round is enough.
func (v *View) unprobed(since time.Duration) string {
	must := v.Expected(v.end)
	for _, p := range must {
		switch {
		case !tried(p, "A"):
			return "no handshake with the cookie was tried with " + p.Name
		case !tried(p, "wrong"):
			return "no handshake with a wrong cookie was tried with " + p.Name
		case v.Profile.Service != "" && !v.unseen(recording.KindDNS) && len(Between(p.DNS, since, v.end)) == 0:
			return "no DNS query was sent from " + p.Name
		}
	}
	epmd, itself := !v.EPMDLess(), v.Unseen(recording.PeerDials) != "" // without an agent each pod is dialled from itself only
	for _, q := range must {
		asked, dialled := v.dialledBy(q.ToEPMD, since), v.dialledBy(q.ToDist, since)
		for _, p := range must {
			switch {
			case (p == q) != itself:
			case epmd && !asked[p.number]:
				return fmt.Sprintf("epmd of %s was not queried from %s", q.Name, p.Name)
			case !dialled[p.number]:
				return fmt.Sprintf("%s was not dialled from %s", q.Name, p.Name)
			}
		}
	}
	return ""
}

// dialledBy says of which pods, by their numbers, a dial of the list has succeeded since then or in the last round, or two have failed
// since then: one that fails is tried again, and where there are many pairs nobody else would.
func (v *View) dialledBy(list []Dial, since time.Duration) []bool {
	round := max(0, v.end-v.Round())
	by, failed := make([]bool, v.Numbers()), make([]bool, v.Numbers())
	for _, d := range During(list, min(since, round), v.end) {
		switch {
		case d.Good:
			by[d.From] = true
		case d.T >= since && d.Outcome() != recording.ProbeError:
			by[d.From] = by[d.From] || failed[d.From]
			failed[d.From] = true
		}
	}
	return by
}

func tried(p *Pod, cookie string) bool {
	for _, e := range p.Cookies {
		if e.Cookie.Cookie == cookie && e.Cookie.Outcome != recording.ProbeError {
			return true
		}
	}
	return false
}

// Recovered reports whether the recovery from the deletion of a pod is complete: its VM has ended, it is out of every
// survivor's view and DNS, a full mesh has held since, and nodes that discover peers went on doing so. If not, it says what is
// missing.
func (v *View) Recovered() (bool, string) {
	act, ok := v.Act(recording.DeletePod)
	if !ok {
		return false, "no pod was deleted yet"
	}
	victim, ok := v.Pod(act.Act.Pod)
	if !ok {
		return false, "the deleted pod was never seen"
	}
	exit, gone := victim.Exited()
	if !gone {
		return false, victim.Name + " has not ended yet"
	}
	if !victim.Leaving(v.end) {
		return false, victim.Name + " is not reported as deleted yet"
	}
	if s := victim.Last(); !s.Gone && !ended(s) {
		return false, "how the containers of " + victim.Name + " ended is not reported yet"
	}
	if ok, lacks := v.fullAgain(act.T); !ok {
		return false, lacks
	}
	for _, p := range v.Expected(v.end) {
		if why := v.stillListed(p, victim, exit); why != "" {
			return false, why
		}
	}
	if p := v.silentMember(act.T, exit); p != "" {
		return false, fmt.Sprintf("%s sent no DNS query for its peers since %s ended", p, victim.Name)
	}
	return true, ""
}

// fullAgain reports whether the mesh has been full for long enough since an injection at that time, or what is missing.
func (v *View) fullAgain(injected time.Duration) (bool, string) {
	held, m := v.Held(stableFor)
	switch {
	case !m.Full:
		return false, m.String()
	case !held || v.end-max(m.Since, injected) < stableFor:
		return false, fmt.Sprintf("full mesh again for %.1f of %s", (v.end - m.Since).Seconds(), stableFor)
	}
	return true, ""
}

// stillListed says why p's youngest DNS answer since exit does not show that the victim's address is gone.
func (v *View) stillListed(p, victim *Pod, exit time.Duration) string {
	if v.Profile.Service == "" || v.unseen(recording.KindDNS) {
		return ""
	}
	asked := Between(p.DNS, exit, v.end)
	if len(asked) == 0 {
		return "no DNS query was sent from " + p.Name + " since " + victim.Name + " ended"
	}
	d := asked[len(asked)-1].DNS
	if d.Outcome != recording.OK {
		return fmt.Sprintf("DNS did not answer %s: %s", p.Name, d.Outcome)
	}
	for _, a := range d.Addrs {
		if a == victim.IP() {
			return fmt.Sprintf("DNS still lists %s of %s for queries from %s", a, victim.Name, p.Name)
		}
	}
	return ""
}
