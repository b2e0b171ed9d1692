package remote

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/recording"
)

// What cat shows of a node at 10.244.0.5 with one link, which it accepted over IPv6's socket, and one that it closes.
const tables = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:2710 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 4242 1 0000000000000000 100 0 0 10 0
   1: 0500F40A:8B3E 0600F40A:2710 01 00000000:00000000 02:00000AF1 00000000   999        0 4243 2 0000000000000000 20 4 30 10 -1
   2: 0100007F:8B40 0100007F:1111 06 00000000:00000000 03:00000AF1 00000000     0        0 0 3 0000000000000000
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1111 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000500F40A:2710 0000000000000000FFFF00000700F40A:C001 01 00000000:00000000 02:00000AF1 00000000   999        0 4245 2 0000000000000000 20 4 30 10 -1
`

func TestParseTable(t *testing.T) {
	var e recording.Sockets
	if err := parseTable(tables, &e); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0.0.0.0:10000", "[::]:4369"}; !slices.Equal(e.Listen, want) {
		t.Errorf("listeners %v, want %v", e.Listen, want)
	}
	want := []recording.Link{{Local: "10.244.0.5:35646", Remote: "10.244.0.6:10000"}, {Local: "10.244.0.5:10000", Remote: "10.244.0.7:49153"}}
	if !slices.Equal(e.Links, want) {
		t.Errorf("links %v, want %v", e.Links, want)
	}
}

func TestTablesThatAreNone(t *testing.T) {
	for text, says := range map[string]string{
		"":                                        "shows no socket",
		strings.SplitAfterN(tables, "\n", 2)[0]:   "shows no socket",
		"   0: 000000:2710 00000000:0000 0A x\n":  "no address",
		"   0: zz000000:2710 00000000:0000 0A\n":  "no address",
		"   0: 00000000:127100 00000000:00 0A\n":  "no port",
		"   0: 00000000:2710 00000000 0A 0 0 0\n": "no port",
	} {
		if err := parseTable(text, &recording.Sockets{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add(tables)
	f.Fuzz(func(t *testing.T, text string) {
		var e recording.Sockets
		if err := parseTable(text, &e); err == nil && len(e.Links)+len(e.Listen) == 0 {
			t.Error("an empty table was taken for one")
		}
	})
}
