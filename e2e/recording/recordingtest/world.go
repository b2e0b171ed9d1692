package recordingtest

import (
	"bytes"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// never is later than any recording.
const never = time.Duration(1<<62 - 1)

// life is when what happened to one pod.
type life struct {
	i                                                               int
	created, running, started, ready, joined, deleted, exited, gone time.Duration
	again                                                           bool // the container was started a second time in the same pod
}

// pid and creation are those of the VM, another one in each life.
func (p life) pid() int {
	if p.again {
		return 2000 + p.i
	}
	return 1000 + p.i
}

func (p life) creation() uint32 {
	if p.again {
		return 1800000000 + uint32(p.i)
	}
	return 1700000000 + uint32(p.i)
}

// world is a cluster that behaves as the lives say, and records it.
type world struct {
	n        int
	pods     []life
	events   []recording.Event
	apart    []apart
	ticktime time.Duration // 0 for OTP's own
}

// Formation is how n nodes form a mesh that stays complete: it is full from [Full] to [Formed].
func Formation(n int) *Recording { return FormationUntil(n, Formed) }

// FormationUntil is Formation watched until end.
func FormationUntil(n int, end time.Duration) *Recording {
	w := &world{n: n}
	for i := range n {
		w.pods = append(w.pods, formed(i))
	}
	w.ground()
	w.add(0, "run", recording.Event{Image: &recording.Image{Name: Image, Outcome: "built", ID: "sha256:1f0e", Took: 40 * time.Second}})
	w.add(Applied, "run", recording.Event{Act: &recording.Act{Do: recording.Apply}})
	for _, p := range w.pods {
		w.tell(p)
		w.cookies(p)
	}
	w.objects()
	w.observe(0, end)
	return w.recorded("formation")
}

// Recovery is how a mesh of n nodes recovers from the deletion of pod 0, whose replacement is pod n.
func Recovery(n int) *Recording { return RecoveryUntil(n, Recovered) }

// RecoveryUntil is Recovery watched until end.
func RecoveryUntil(n int, end time.Duration) *Recording {
	w := &world{n: n}
	for i := range n {
		w.pods = append(w.pods, formed(i))
	}
	v := &w.pods[0]
	v.deleted, v.exited, v.gone = Deleted+30*time.Millisecond, Exited, Exited+400*time.Millisecond
	w.pods = append(w.pods, life{
		i: n, created: Deleted + 50*time.Millisecond, running: 23200 * time.Millisecond, started: 24 * time.Second,
		ready: 25 * time.Second, joined: Rejoined, deleted: never, exited: never, gone: never,
	})
	w.ground()
	w.add(0, "run", recording.Event{Image: &recording.Image{Name: Image, Outcome: "built", ID: "sha256:1f0e", Took: 40 * time.Second}})
	w.add(Deleted, "run", recording.Event{Act: &recording.Act{Do: recording.DeletePod, Pod: UID(0), Detail: Name(0)}})
	for _, p := range w.pods {
		w.tell(p)
	}
	w.observe(Before, end)
	return w.recorded("recovery")
}

// ContainerKill is how a mesh of n nodes recovers from the kill of pod 0's VM: its container is started again.
func ContainerKill(n int) *Recording {
	w := &world{n: n}
	for i := range n {
		w.pods = append(w.pods, formed(i))
	}
	first := &w.pods[0]
	first.exited = Deleted + 30*time.Millisecond
	second := life{
		i: 0, created: first.created, running: first.exited + 400*time.Millisecond, started: first.exited + 500*time.Millisecond,
		ready: 25 * time.Second, joined: Rejoined, deleted: never, exited: never, gone: never, again: true,
	}
	w.ground()
	w.add(Deleted, "run", recording.Event{Act: &recording.Act{Do: recording.KillContainer, Pod: UID(0), Detail: Name(0)}})
	for _, p := range w.pods {
		w.tell(p)
	}
	down := w.pod(*first, first.exited+50*time.Millisecond)
	down.Ready, down.NotReady = false, "containers with unready status: [derl]"
	down.Containers[0].State, down.Containers[0].Reason, down.Containers[0].ExitCode = "terminated", "Error", 137
	w.add(first.exited+50*time.Millisecond, "kube", recording.Event{Pod: down})
	w.pods = append(w.pods, second)
	for _, t := range []time.Duration{second.running, second.ready} {
		w.add(t, "kube", recording.Event{Pod: w.pod(second, t)})
	}
	w.add(second.started, Agent, recording.Event{Process: &recording.Process{Pod: UID(0), PID: second.pid(), Name: "beam.smp"}})
	w.observe(Before, Recovered)
	return w.recorded("container-kill")
}

// Rollout is how a mesh of n nodes is updated to its next version: pod n+i is created, joins, and then pod i is deleted.
func Rollout(n int) *Recording {
	w := &world{n: n}
	for i := range n {
		t := Began + time.Duration(i)*Turn
		p := formed(i)
		p.deleted, p.exited, p.gone = t+time.Second, t+1200*time.Millisecond, t+1400*time.Millisecond
		w.pods = append(w.pods, p, life{
			i: n + i, created: t + 50*time.Millisecond, running: t + 300*time.Millisecond, started: t + 500*time.Millisecond,
			ready: t + 700*time.Millisecond, joined: t + 900*time.Millisecond, deleted: never, exited: never, gone: never,
		})
	}
	w.ground()
	w.add(Began, "run", recording.Event{Act: &recording.Act{Do: recording.Rollout}})
	for _, p := range w.pods {
		w.tell(p)
	}
	w.observe(Before, RolledOut(n))
	s := w.recorded("rollout")
	s.Profile = bytes.Replace(s.Profile, []byte(`"console":`), []byte(`"rollout":["Deployment/derl"],"console":`), 1)
	return s
}

// formed is the life of a pod that the formation makes. The pods do not all do the same at the same instant.
func formed(i int) life {
	late := time.Duration(i%10) * 10 * time.Millisecond
	return life{
		i: i, created: 600*time.Millisecond + late, running: 1500*time.Millisecond + late, started: 2*time.Second + late,
		ready: Ready + late, joined: Full, deleted: never, exited: never, gone: never,
	}
}

func (w *world) add(t time.Duration, by string, e recording.Event) {
	e.T, e.By = t, by
	w.events = append(w.events, e)
}

func (w *world) recorded(scenario recording.Scenario) *Recording {
	s := &Recording{Scenario: scenario, Profile: profileOf(w.n, ""), Events: w.events}
	s.sort()
	return s
}

// ground is what is there before the pods: observers and the Service.
func (w *world) ground() {
	w.add(0, "kube", recording.Event{Start: &recording.Start{}})
	w.add(100*time.Millisecond, Agent, recording.Event{Start: &recording.Start{Version: "test", Node: Worker, Can: []string{"hostpid", "netns", "inet_diag", "af_packet", recording.Dials}, API: API}})
	w.add(100*time.Millisecond, Agent, recording.Event{Clock: &recording.Clock{Offset: -time.Hour, Bound: time.Millisecond}})
	w.add(400*time.Millisecond, "kube", recording.Event{Service: &recording.Service{
		Name: Service, ClusterIP: "None", Selector: labels(),
		Ports: []recording.ServicePort{{Name: "epmd", Port: EPMDPort}, {Name: "dist", Port: DistPort}},
	}})
}

// tell adds what the API server and the agent report about one pod's life.
func (w *world) tell(p life) {
	state := func(t time.Duration, change func(*recording.Pod)) {
		if t == never {
			return
		}
		r := w.pod(p, t)
		if change != nil {
			change(r)
		}
		w.add(t, "kube", recording.Event{Pod: r})
	}
	for _, t := range []time.Duration{p.created, p.running, p.ready, p.deleted} {
		state(t, nil)
	}
	state(p.gone, func(r *recording.Pod) {
		r.Gone, r.Ready, r.Phase = true, false, "Succeeded"
		r.Containers[0].State, r.Containers[0].Reason = "terminated", "Completed"
	})
	w.add(p.started, Agent, recording.Event{Process: &recording.Process{Pod: UID(p.i), PID: p.pid(), Name: "beam.smp"}})
	if p.exited != never {
		w.add(p.exited, Agent, recording.Event{Process: &recording.Process{Pod: UID(p.i), PID: p.pid(), Name: "beam.smp", Exited: true}})
	}
}

func (w *world) pod(p life, t time.Duration) *recording.Pod {
	r := &recording.Pod{
		UID: UID(p.i), Name: Name(p.i), Owner: "ReplicaSet/derl-6c9f", Labels: labels(), Node: Worker,
		Phase: "Pending", Created: Start().Add(p.created), Deleting: t >= p.deleted, Ready: t >= p.ready,
	}
	c := recording.Container{Name: "derl", Image: Image, State: "waiting", Reason: "ContainerCreating"}
	if t >= p.running {
		r.Phase, r.IP = "Running", IP(p.i)
		c.State, c.Reason, c.ImageID, c.Started = "running", "", "sha256:1f0e", Start().Add(p.running)
	}
	if p.again {
		c.Restarts = 1
	}
	if !r.Ready {
		r.NotReady = "containers with unready status: [derl]"
	}
	r.Containers = []recording.Container{c}
	return r
}

// cookies are the handshakes with the right cookie and with a wrong one.
func (w *world) cookies(p life) {
	addr := fmt.Sprintf("%s:%d", IP(p.i), DistPort)
	w.add(p.started+200*time.Millisecond, Agent, recording.Event{Cookie: &recording.Cookie{Pod: UID(p.i), Addr: addr, Cookie: "A", Outcome: recording.OK, Node: Node(p.i)}})
	w.add(p.started+210*time.Millisecond, Agent, recording.Event{Cookie: &recording.Cookie{Pod: UID(p.i), Addr: addr, Cookie: "wrong", Outcome: recording.Denied, Node: Node(p.i), Detail: addr + ": closed-after-reply while reading the challenge ack"}})
}

// Console is a formed mesh of n nodes in whose first pod the command "ping" of the profile is run.
func Console(n int) *Recording {
	w := &world{n: n}
	for i := range n {
		w.pods = append(w.pods, formed(i))
	}
	w.ground()
	for _, p := range w.pods {
		w.tell(p)
	}
	w.observe(Before, Before+2*time.Second)
	w.add(Before+time.Second, "run", recording.Event{Exec: &recording.Exec{
		Pod: UID(0), Name: "ping", Command: []string{"bin/derl", "ping"}, Expect: "pong", Outcome: recording.OK, Output: "pong\n", Took: 300 * time.Millisecond,
	}})
	s := w.recorded("console")
	s.Profile = profileOf(n, `{"name":"ping","run":["bin/derl","ping"],"expect":"pong"}`)
	return s
}
