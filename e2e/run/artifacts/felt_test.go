package artifacts

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

var feltStart = time.UnixMicro(1764400000000000)

func TestParseFelt(t *testing.T) {
	for line, want := range map[string]recording.Felt{
		`felt {"what":"message","peer":"derl@10.244.0.7","is":"down","at_us":1764400001000000}`: {What: "message", Peer: "derl@10.244.0.7", At: time.Second},
		`2026-11-29T07:48:02Z info felt {"what":"message","peer":"derl@10.244.0.7","is":"up","at_us":1764400002500000,"for_us":1500000,"messages":15}`: {
			What: "message", Peer: "derl@10.244.0.7", Up: true, At: 2500 * time.Millisecond, For: 1500 * time.Millisecond, Messages: 15},
		`felt {"what":"pg","peer":"a@h","is":"up","at_us":1764399999000000,"more":[1]}`: {What: "pg", Peer: "a@h", Up: true, At: -time.Second},
	} {
		if got, is := parseFelt([]byte(line), feltStart); !is || got != want {
			t.Errorf("%s: %+v, %v; want %+v", line, got, is, want)
		}
	}
	for _, line := range []string{
		"", "felt", "felt {", "felt {}", "felt {]", "felt null", "felt [1]",
		`unfelt {"what":"pg","peer":"a@h","is":"up","at_us":1764400000000000}`,
		`felt {"what":"pg","peer":"a@h","is":"up","at_us":1764400000000000} and more`,
		`felt {"what":"weather","peer":"a@h","is":"up","at_us":1764400000000000}`,
		`felt {"what":"pg","peer":"a","is":"up","at_us":1764400000000000}`,
		`felt {"what":"pg","peer":"a@h\n","is":"up","at_us":1764400000000000}`,
		`felt {"what":"pg","peer":"a@h","is":"sideways","at_us":1764400000000000}`,
		`felt {"what":"pg","peer":"a@h","is":"up","at_us":"1764400000000000"}`,
		`felt {"what":"pg","peer":"a@h","is":"up"}`,
		`felt {"what":"pg","peer":"a@h","is":"up","at_us":9223372036854775807}`,
		`felt {"what":"pg","peer":"a@h","is":"up","at_us":1764400000000000,"for_us":-1}`,
		`felt {"what":"pg","peer":"a@h","is":"up","at_us":1764400000000000,"for_us":9223372036854775807}`,
		`felt {"what":"message","peer":"a@h","is":"up","at_us":1764400000000000,"for_us":1,"messages":1e12}`,
		`felt {"what":"message","peer":"a@h","is":"down","at_us":1764400000000000,"messages":1}`,
	} {
		if got, is := parseFelt([]byte(line), feltStart); is {
			t.Errorf("%s: is read as %+v", line, got)
		}
	}
}

func FuzzParseFelt(f *testing.F) {
	f.Add([]byte(`felt {"what":"message","peer":"derl@10.244.0.7","is":"up","at_us":1764400002500000,"for_us":1500000,"messages":15}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if one, is := parseFelt(line, feltStart); is && (one.For < 0 || one.Messages < 0 || !strings.Contains(one.Peer, "@")) {
			t.Errorf("%+v", one)
		}
	})
}

func feltLineOf(n int) string {
	return fmt.Sprintf(`felt {"what":"pg","peer":"a@h%d","is":"up","at_us":1764400000000000}`, n)
}

// Lines come in pieces, may be too long, and are bounded in number; one that is read twice is told once.
func TestFeltLines(t *testing.T) {
	var told []string
	many := 0
	f := &felt{pod: "uid", start: feltStart, many: func() { many++ }, tell: func(f recording.Felt) { told = append(told, f.Pod+" "+f.Peer) }}
	text := "starts\n" + feltLineOf(1) + "\n" + strings.Repeat("x", 3*feltLine) + " " + feltLineOf(2) + "\n" + feltLineOf(3) + "\n" + feltLineOf(3) + "\n" + feltLineOf(4)
	for i := 0; i < len(text); i += 7 {
		_, _ = io.WriteString(f, text[i:min(len(text), i+7)])
	}
	f.broke()
	_, _ = io.WriteString(f, feltLineOf(3)+"\n"+feltLineOf(5)+"\n")
	if want := []string{"uid a@h1", "uid a@h3", "uid a@h5"}; !reflect.DeepEqual(told, want) || many != 0 {
		t.Errorf("%v, %d; want %v", told, many, want)
	}
	for i := range 2 * feltLines {
		_, _ = io.WriteString(f, feltLineOf(i)+"\n")
	}
	if len(told) != feltLines || many != 1 {
		t.Errorf("%d told, %d times too many", len(told), many)
	}
}

// What the application writes is told while its pod runs.
func TestFeltIsReadFromTheLog(t *testing.T) {
	a, _, _ := collected(t, &secrets.Redactor{}, says("the node starts\n2026-11-29T07:48:02Z info "+feltLineOf(7)+"\n"))
	var got []recording.Felt
	a.Start, a.Felt = feltStart, func(f recording.Felt) { got = append(got, f) }
	a.seen(0, false, "running")
	a.wg.Wait()
	if want := []recording.Felt{{Pod: "11111111-a", What: "pg", Peer: "a@h7", Up: true}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
