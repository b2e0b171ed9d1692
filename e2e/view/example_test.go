package view_test

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// A view answers questions about any time of the recording that it was made of. view.Load makes one of a file.
func ExampleView_Mesh() {
	recorded := rt.Formation(2)
	v, err := view.New(recorded.Header())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range recorded.Events {
		v.Apply(e)
	}
	for _, t := range []time.Duration{time.Second, 4 * time.Second} {
		fmt.Printf("%s: %s\n", t, v.Mesh(t))
	}
	// Output:
	// 1s: 0 of 2 pods ready
	// 4s: full mesh
}

// What happened while an observer was blind is unknown.
func ExampleView_Covered() {
	v, err := view.New(rt.Formation(2).Header())
	if err != nil {
		fmt.Println(err)
		return
	}
	v.Apply(recording.Event{T: 9 * time.Second, By: recording.ByKube, Gap: &recording.Gap{
		From: 4 * time.Second, To: 9 * time.Second, Of: recording.KindPod, Why: "the connection was lost",
	}})
	fmt.Println(v.Covered(recording.ByKube, 0, 3*time.Second), v.Covered(recording.ByKube, 0, 5*time.Second))
	fmt.Println(v.Blind(recording.ByKube, 0, 5*time.Second)[0])
	// Output:
	// true false
	// the watch of the API server saw no pod from 4.0 s to 9.0 s: the connection was lost
}
