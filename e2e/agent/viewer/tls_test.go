package viewer

import (
	"testing"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// Of a chain that is too long only the first certificate is recorded.
func TestLongChain(t *testing.T) {
	s := erldist.TLSPeer{Version: "TLS 1.3", Chain: [][]byte{make([]byte, 100), make([]byte, maxChain)}}
	var recorded []recording.Event
	v := New(Source{Pod: agent.Pod{UID: "a"}, Identity: func() Identity { return Identity{} }, Emit: func(e recording.Event) { recorded = append(recorded, e) }})
	for range 2 {
		v.recordCertificate("127.0.0.1:1", s)
	}
	if len(recorded) != 1 || len(recorded[0].Certificate.Chain) != 1 || len(recorded[0].Certificate.Chain[0]) != 100 {
		t.Errorf("%d events: %+v", len(recorded), recorded)
	}
}
