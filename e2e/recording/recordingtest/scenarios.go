package recordingtest

import (
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// The turns of a workload that is scaled from n to n+[More] and back.
const (
	More       = 2
	ScaledDown = 28 * time.Second
	ScaledEnd  = 33 * time.Second
)

// Scaled is how a mesh of n nodes gets More nodes and loses them again.
func Scaled(n int) *Recording {
	w := &world{n: n}
	for i := range n {
		w.pods = append(w.pods, formed(i))
	}
	for i := range More {
		p := replacement(n + i)
		p.deleted, p.exited, p.gone = ScaledDown+30*time.Millisecond, ScaledDown+time.Second, ScaledDown+1400*time.Millisecond
		w.pods = append(w.pods, p)
	}
	w.ground()
	w.add(Deleted, "run", recording.Event{Act: &recording.Act{Do: recording.Scale, Detail: "Deployment/derl", Replicas: n + More}})
	w.add(ScaledDown, "run", recording.Event{Act: &recording.Act{Do: recording.Scale, Detail: "Deployment/derl", Replicas: n}})
	for _, p := range w.pods {
		w.tell(p)
	}
	w.observe(Before, ScaledEnd)
	return w.recorded("scale")
}

// AllPods is how n nodes that are deleted at once are replaced by others, which form a mesh.
func AllPods(n int) *Recording {
	w := &world{n: n}
	for i := range n {
		p := formed(i)
		p.deleted, p.exited, p.gone = Deleted+30*time.Millisecond, Exited, Exited+400*time.Millisecond
		w.pods = append(w.pods, p, replacement(n+i))
		w.add(Deleted, "run", recording.Event{Act: &recording.Act{Do: recording.DeletePod, Pod: UID(i), Detail: Name(i)}})
	}
	w.ground()
	for _, p := range w.pods {
		w.tell(p)
	}
	w.observe(Before, Recovered)
	return w.recorded("all-pods")
}

// Rotated is Recovery of an application that gets by with a cookie that was changed just before.
func Rotated(n int) *Recording {
	s := Recovery(n)
	s.Scenario = "secret-rotated"
	s.Add(recording.Event{T: Deleted - 10*time.Millisecond, By: recording.ByRun, Act: &recording.Act{Do: recording.RotateSecret, Detail: "Secret derl"}})
	return s
}

// replacement is the life of a pod that is created after the disturbance.
func replacement(i int) life {
	return life{
		i: i, created: Deleted + 50*time.Millisecond, running: 23200 * time.Millisecond, started: 24 * time.Second,
		ready: 25 * time.Second, joined: Rejoined, deleted: never, exited: never, gone: never,
	}
}
