package recording_test

import (
	"bytes"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// A recording is written event by event, and read the same way: here is what pod a could not reach.
func ExampleReader() {
	var file bytes.Buffer
	w := recording.NewWriter(&file, recording.Header{Scenario: "formation", Namespace: "shop"})
	w.Write(recording.Event{By: recording.ByKube, Start: &recording.Start{}})
	w.Write(recording.Event{T: 2 * time.Second, By: recording.ByAgent("worker"), Dist: &recording.Dist{
		From: "a", To: "b", Addr: "10.0.0.2:10000", Outcome: recording.Refused,
	}})
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}

	events, err := recording.NewReader(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(events.Header.Scenario)
	for {
		e, err := events.Next()
		if err != nil {
			fmt.Println(err) // EOF; of a recording whose writer was killed it is ErrTruncated
			return
		}
		if e.Kind() == recording.KindDist {
			fmt.Printf("after %s pod %s dialled pod %s: %s\n", e.T, e.FromUID(), e.PodUID(), e.Dist.Outcome)
		}
	}
	// Output:
	// formation
	// after 2s pod a dialled pod b: refused
	// EOF
}

// Kinds says what each kind of event is for.
func ExampleKinds() {
	for _, use := range recording.Kinds() {
		if use.Kind == recording.KindGap {
			fmt.Println(use.For)
		}
	}
	// Output: when an observer was blind: what happened then is unknown
}
