package recording

import (
	"bytes"
	"io"
	"testing"
	"time"
	"unsafe"
)

// What many nodes see, and one node at many looks, is one text in memory: a recording of a thousand nodes had each name a thousand times.
func TestEqualTextsAreOne(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, Header{Profile: []byte("{}")})
	link := func(idle time.Duration) []Link {
		return []Link{{Local: "10.0.0.1:20000", Remote: "10.0.0.2:10000", Idle: idle}}
	}
	for i, pod := range []string{"a", "b", "a"} {
		at := time.Duration(i) * time.Second
		w.Write(Event{T: at, By: "agent/n", Nodes: &Nodes{Pod: pod, Outcome: OK, Visible: []string{"derl@10.0.0.2"}}})
		w.Write(Event{T: at, By: "agent/n", DNS: &DNS{Pod: pod, Outcome: OK, Addrs: []string{"10.0.0.2"}}})
		w.Write(Event{T: at, By: "agent/n", Sockets: &Sockets{Pod: pod, Outcome: OK, Links: link(time.Duration(i) * time.Millisecond)}})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]*byte{}
	count := 0
	is := func(text string) {
		count++
		if had := seen[text]; had != nil && had != unsafe.StringData(text) {
			t.Errorf("%s is there more than once", text)
		}
		seen[text] = unsafe.StringData(text)
	}
	r, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Nodes != nil:
			is(e.Nodes.Visible[0])
		case e.DNS != nil:
			is(e.DNS.Addrs[0])
		case e.Sockets != nil:
			is(e.Sockets.Links[0].Local)
			is(e.Sockets.Links[0].Remote)
		}
	}
	if count != 12 {
		t.Errorf("%d texts were read, want 12", count)
	}
}

// Beyond what is kept, a link that is named again still has the texts of the look before.
func TestALinkThatIsNamedAgainKeepsItsTexts(t *testing.T) {
	was := []Link{{Local: "10.0.0.1:20000", Remote: "10.0.0.2:10000"}}
	is := linksBack(was, &Again{Links: []Link{{Local: string([]byte("10.0.0.1:20000")), Remote: string([]byte("10.0.0.2:10000")), Backoff: 1}}}, 0)
	if len(is) != 1 || is[0].Backoff != 1 || unsafe.StringData(is[0].Local) != unsafe.StringData(was[0].Local) || unsafe.StringData(is[0].Remote) != unsafe.StringData(was[0].Remote) {
		t.Errorf("%+v", is)
	}
}
