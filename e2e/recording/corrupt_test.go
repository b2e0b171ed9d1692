package recording

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// few are events of a small recording.
func few() []Event {
	_, events := sample()
	return append(events, Event{T: 7, By: "kube", Pod: &Pod{UID: "u", Name: "derl-0", Labels: map[string]string{"app": "derl"}}})
}

// A file that is cut anywhere gives the whole events before the cut, and says so, also if it was cut between two lines.
func TestCutAtEveryByte(t *testing.T) {
	want := few()
	all := text(t, want)
	header := strings.Index(all, "\n")
	for cut := range len(all) {
		var got []Event
		_, err := Read(strings.NewReader(all[:cut]), func(e Event) { got = append(got, e) })
		if cut < header {
			if err == nil || len(got) > 0 {
				t.Fatalf("cut at %d, in the header: %d events, error %v", cut, len(got), err)
			}
			continue
		}
		whole := strings.Count(all[:cut], "\n")
		if all[cut] == '\n' { // only the newline is missing
			whole++
		}
		ended := whole == len(want)+2 // with the header and the end
		if ended {
			whole--
		}
		if len(got) != whole-1 || len(got) > 0 && !reflect.DeepEqual(got, want[:len(got)]) {
			t.Fatalf("cut at %d: %d events, want the first %d", cut, len(got), whole-1)
		}
		if ended && err != nil || !ended && !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut at %d: error %v", cut, err)
		}
	}
}

// A byte that was turned is an error that names the line, or makes another whole event; nothing else changes.
func TestTurnedBytes(t *testing.T) {
	want := few()
	all := text(t, want)
	errs := 0
	for at := range len(all) {
		for _, bit := range []byte{0x01, 0x20, 0x80} {
			b := []byte(all)
			b[at] ^= bit
			line := strings.Count(all[:at], "\n") // of the header 0, of the first event 1
			var got []Event
			_, err := Read(strings.NewReader(string(b)), func(e Event) { got = append(got, e) })
			if err != nil {
				errs++
				if !errors.Is(err, ErrTruncated) && !strings.HasPrefix(err.Error(), "line ") {
					t.Fatalf("byte %d: the error names no line: %v", at, err)
				}
			}
			for i, e := range got {
				if i+1 != line && !reflect.DeepEqual(e, want[i]) {
					t.Fatalf("byte %d of line %d was turned, and event %d became %+v", at, line, i, e)
				}
				if len(e.Kinds()) != 1 {
					t.Fatalf("byte %d: an event of the kinds %v", at, e.Kinds())
				}
			}
		}
	}
	if errs < len(all) {
		t.Errorf("only %d of %d turned bytes were noticed", errs, 3*len(all))
	}
}

func TestBrokenLines(t *testing.T) {
	all := text(t, few())
	lines := strings.SplitAfter(all, "\n")
	for name, c := range map[string]struct{ text, says string }{
		"another version":   {strings.Replace(all, Format, "meshproof.dev/recording/v2", 1), `format "meshproof.dev/recording/v2", this program reads "` + Format + `"`},
		"no format":         {`{"scenario":"x"}` + "\n", `format ""`},
		"too long a line":   {lines[0] + `{"t":1,"by":"` + strings.Repeat("x", maxLine) + `","beat":{}}` + "\n", "line 2: longer than 8388608 bytes"},
		"unknown event":     {lines[0] + `{"t":1,"by":"x","weather":{}}` + "\n", `line 2: json: unknown field "weather"`},
		"unknown field":     {lines[0] + `{"t":1,"by":"x","beat":{"early":1}}` + "\n", `line 2: json: unknown field "early"`},
		"no kind":           {lines[0] + lines[1] + `{"t":1,"by":"x"}` + "\n", "line 3: an event must be of one kind, this one has 0"},
		"two kinds":         {lines[0] + `{"t":1,"by":"x","beat":{},"act":{"do":"apply"}}` + "\n", "line 2: an event must be of one kind, this one has 2: beat, act"},
		"an empty line":     {lines[0] + "\n" + lines[1], "line 2: "},
		"not even JSON":     {lines[0] + "\x00\xff\n", "line 2: "},
		"a number as text":  {lines[0] + `{"t":"1","by":"x","beat":{}}` + "\n", "line 2: "},
		"more than a ns":    {lines[0] + `{"t":1e40,"by":"x","beat":{}}` + "\n", "line 2: "},
		"after the end":     {all + lines[1], "line 7: something follows the end of the recording"},
		"half a line after": {all + "{", "line 7: something follows the end of the recording"},
		"a space after":     {all + "\n", "line 7: something follows the end of the recording"},
		"an event as first": {lines[1], "line 1 is not the header of a recording"},
	} {
		n := 0
		if _, err := Read(strings.NewReader(c.text), func(Event) { n++ }); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d events, error %v, want one that says %q", name, n, err, c.says)
		}
	}
}

// Whatever a file holds, reading it ends with events of one kind each, and with an error where there is something else.
func FuzzRead(f *testing.F) {
	// Small ones: the fuzzer spends its time on making each smaller.
	header := `{"format":"` + Format + `","profile":{},"scenario":"e","namespace":"n","start":"2026-01-02T03:04:05Z"}` + "\n"
	for _, e := range full() {
		line, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(header + string(line) + "\n")
	}
	f.Add(header + `{"t":1,"by":"x","object":{"kind":"A","name":"b","manifest":[1,{"a":null}]}}` + "\n{")
	f.Add("")
	f.Fuzz(func(t *testing.T, data string) {
		var got []Event
		_, err := Read(strings.NewReader(data), func(e Event) { got = append(got, e) })
		if lines := strings.Count(data, "\n") + 1; len(got) >= lines && len(got) > 0 {
			t.Errorf("%d events of %d lines", len(got), lines)
		}
		for _, e := range got {
			if len(e.Kinds()) != 1 {
				t.Errorf("an event of the kinds %v", e.Kinds())
			}
		}
		if err != nil {
			return
		}
		// What was read whole is written and read as the same.
		var again []Event
		if _, err = Read(strings.NewReader(text(t, got)), func(e Event) { again = append(again, e) }); err != nil || len(again) != len(got) {
			t.Errorf("%d events, written and read again %d: %v", len(got), len(again), err)
		}
	})
}
