package recording

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Each field of an event is a kind, whose name is the field's own, and the table says what it is for.
func TestKindOfEvent(t *testing.T) {
	uses := Kinds()
	if k := (&Event{}).Kind(); k != "" {
		t.Errorf("an empty event is of the kind %q", k)
	}
	for i, e := range full() {
		if want := e.Kinds(); len(want) != 1 || string(e.Kind()) != want[0] {
			t.Errorf("the kind of %v is %q", want, e.Kind())
		}
		if i >= len(uses) || uses[i].Kind != e.Kind() || uses[i].For == "" {
			t.Errorf("the table does not say what %s is for, or has it in another order", e.Kind())
		}
	}
	for kind, by := range map[Kind]string{KindPod: ByKube, KindNodes: Agents, KindAct: ByRun, KindGap: "", "weather": ""} {
		if got := kind.WrittenBy(); got != by {
			t.Errorf("%s is written by %q, want %q", kind, got, by)
		}
	}
	if len(uses) != len(full()) {
		t.Errorf("%d kinds in the table, %d fields of an event", len(uses), len(full()))
	}
}

func TestPodOfEvent(t *testing.T) {
	for _, e := range []Event{
		{Pod: &Pod{UID: "a"}}, {Process: &Process{Pod: "a"}}, {DNS: &DNS{Pod: "a"}}, {EPMD: &EPMD{From: "b", To: "a"}}, {Dist: &Dist{From: "b", To: "a"}},
		{Cookie: &Cookie{Pod: "a"}}, {Nodes: &Nodes{Pod: "a"}}, {Sockets: &Sockets{Pod: "a"}}, {VM: &VM{Pod: "a"}}, {Resolver: &Resolver{Pod: "a"}},
		{Asked: &Asked{Pod: "a"}}, {Registration: &Registration{Pod: "a"}}, {Kernel: &Kernel{Pod: "a"}}, {Certificate: &Certificate{Pod: "a"}}, {Felt: &Felt{Pod: "a"}}, {Answer: &Answer{Pod: "a"}},
		{Act: &Act{Pod: "a"}}, {Exec: &Exec{Pod: "a"}}, {ObserverError: &ObserverError{Pod: "a"}},
	} {
		if e.PodUID() != "a" {
			t.Errorf("a %s is about pod %q", e.Kind(), e.PodUID())
		}
		if dial := e.EPMD != nil || e.Dist != nil; dial != (e.FromUID() == "b") || !dial && e.FromUID() != "" {
			t.Errorf("a %s was made from pod %q", e.Kind(), e.FromUID())
		}
	}
	for _, e := range []Event{{Start: &Start{}}, {Service: &Service{Name: "a"}}, {Notice: &Notice{Object: "Pod/a"}}, {Gap: &Gap{}}} {
		if e.PodUID() != "" {
			t.Errorf("a %s is about pod %q", e.Kind(), e.PodUID())
		}
	}
}

// What has a state is told apart by what it is the state of, and by nothing else.
func TestStateOfEvent(t *testing.T) {
	var stateful []Kind
	for _, e := range full() {
		if e.Kernel != nil {
			e.Kernel.Outcome = OK
		}
		if e.State() != "" {
			stateful = append(stateful, e.Kind())
		}
	}
	want := []Kind{KindStart, KindPace, KindGap, KindClock, KindImage, KindPod, KindService, KindSlice, KindProcess, KindChange, KindObject, KindVM, KindResolver, KindKernel, KindFelt}
	if !slices.Equal(stateful, want) {
		t.Errorf("a state have %v, want %v", stateful, want)
	}
	for _, same := range [][2]Event{
		{{By: ByKube, Gap: &Gap{From: 1, Why: "it broke"}}, {By: ByKube, Gap: &Gap{From: 1, To: 2, Why: "it had broken"}}},
		{{Pod: &Pod{UID: "a"}}, {Pod: &Pod{UID: "a", Ready: true}}},
	} {
		if same[0].State() != same[1].State() {
			t.Errorf("%s and %s are one thing", same[0].State(), same[1].State())
		}
	}
	for _, other := range [][2]Event{
		{{By: ByKube, Gap: &Gap{From: 1}}, {By: ByKube, Gap: &Gap{From: 2}}},
		{{By: ByKube, Gap: &Gap{From: 1}}, {By: ByAgent("n"), Gap: &Gap{From: 1}}},
		{{By: ByKube, Gap: &Gap{From: 1, Of: KindPod}}, {By: ByKube, Gap: &Gap{From: 1, Of: KindSlice}}},
		{{Process: &Process{Pod: "a"}}, {VM: &VM{Pod: "a"}}},
	} {
		if other[0].State() == other[1].State() {
			t.Errorf("%s is of two things", other[0].State())
		}
	}
	if s := (&Event{Kernel: &Kernel{Pod: "a", Outcome: Refused}}).State(); s != "" {
		t.Errorf("an attempt that failed is the state %s", s)
	}
}

// The document says of each kind what it is for, in the words of the table.
func TestDocumentOfKinds(t *testing.T) {
	text, err := os.ReadFile("../../docs/recording.md")
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{"": "each observer", ByRun: `"run"`, ByKube: `"kube"`, Agents: "an agent"}
	var rows strings.Builder
	for _, u := range Kinds() {
		unread := ""
		if u.Unread {
			unread = " (*unread*)"
		}
		fmt.Fprintf(&rows, "| [`%s`](#%s) | %s | %s%s |\n", u.Kind, strings.ToLower(string(u.Kind)), by[u.By], u.For, unread)
	}
	if !strings.Contains(string(text), "|---|---|---|\n"+rows.String()+"\n") {
		t.Errorf("docs/recording.md has to say what each event is for:\n%s", rows.String())
	}
}
