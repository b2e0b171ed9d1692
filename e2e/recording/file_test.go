package recording

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() (Header, []Event) {
	h := Header{Format: Format, Scenario: "formation", Namespace: "ns", Profile: []byte(`{"name":"dns-a"}`), Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	return h, []Event{
		{T: 0, By: "kube", Start: &Start{}},
		{T: 5, By: "agent/n", Dist: &Dist{From: "a", To: "b", Addr: "10.0.0.2:10000", Outcome: Refused, Took: 3 * time.Millisecond}},
		{T: 6, By: "agent/n", Nodes: &Nodes{Pod: "a", Outcome: OK, Visible: []string{"derl@10.0.0.2"}}},
	}
}

func written(t *testing.T) *bytes.Buffer {
	t.Helper()
	h, events := sample()
	var b bytes.Buffer
	w := NewWriter(&b, h)
	for _, e := range events {
		w.Write(e)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestRoundTrip(t *testing.T) {
	wantH, want := sample()
	var got []Event
	h, err := Read(written(t), func(e Event) { got = append(got, e) })
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(h, wantH) || !reflect.DeepEqual(got, want) {
		t.Errorf("read back\n%+v\n%+v\nwant\n%+v\n%+v", h, got, wantH, want)
	}
}

func TestBrokenFiles(t *testing.T) {
	whole := written(t).String()
	for name, c := range map[string]struct{ text, says string }{
		"empty":         {"", "the file is empty"},
		"not JSON":      {"hello\n", "not the header of a recording"},
		"other format":  {`{"format":"x/v9"}` + "\n", `format "x/v9"`},
		"unknown field": {strings.Replace(whole, `"outcome"`, `"outcom"`, 1), "line 3"},
		"two values":    {strings.Replace(whole, "\n{\"t\":6", "{\"t\":6", 1), "line 3: more than one"},
	} {
		if _, err := Read(strings.NewReader(c.text), func(Event) {}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
		}
	}
}

func TestTornLastLineKeepsTheRest(t *testing.T) {
	text := written(t).String()
	n := 0
	lines := strings.SplitAfter(text, "\n")
	torn := strings.Join(lines[:len(lines)-2], "") // without the end
	_, err := Read(strings.NewReader(torn[:len(torn)-9]), func(Event) { n++ })
	if !errors.Is(err, ErrTruncated) || n != 2 {
		t.Errorf("%d events, error %v; want 2 and ErrTruncated", n, err)
	}
}

// A writer that is killed between two lines leaves whole lines only. One that could not write everything leaves no end either.
func TestARecordingWithoutAnEnd(t *testing.T) {
	text := written(t).String()
	if end := `{"t":6,"by":"run","end":{}}` + "\n"; !strings.HasSuffix(text, "\n"+end) {
		t.Errorf("the recording does not end with %s:\n%s", end, text)
	}
	lines := strings.SplitAfter(text, "\n")
	n := 0
	if _, err := Read(strings.NewReader(strings.Join(lines[:len(lines)-2], "")), func(Event) { n++ }); !errors.Is(err, ErrTruncated) || n != 3 {
		t.Errorf("%d events, error %v; want 3 and ErrTruncated", n, err)
	}
	h, events := sample()
	full := &disk{room: len(lines[0]) + len(lines[1]) + 5}
	w := NewWriter(full, h)
	for _, e := range events {
		w.Write(e)
	}
	if err := w.Close(); err == nil {
		t.Error("the disk was full, and nobody said so")
	}
	if _, err := Read(strings.NewReader(full.String()), func(Event) {}); !errors.Is(err, ErrTruncated) {
		t.Errorf("the disk was full: %v", err)
	}
}

// disk has only so much room: what does not fit is cut. Later there is room again.
type disk struct {
	strings.Builder
	room int
}

func (d *disk) Write(b []byte) (int, error) {
	if len(b) > d.room {
		n, _ := d.Builder.Write(b[:d.room])
		d.room = 1 << 20
		return n, errors.New("no space left on device")
	}
	d.room -= len(b)
	return d.Builder.Write(b)
}

// Two writers in one file make lines that nobody wrote.
func TestOneFileHasOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "formation.jsonl")
	h, _ := sample()
	w, err := Create(path, h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Create(path, h); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second writer: %v", err)
	}
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
}
