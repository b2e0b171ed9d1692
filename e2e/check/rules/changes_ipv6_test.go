package rules_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// The addresses of the recordings, with a port and without.
var (
	withPort    = regexp.MustCompile(`\b10\.(?:244\.[0-9]+|96\.0)\.([0-9]+):([0-9]+)`)
	withoutPort = regexp.MustCompile(`\b10\.(244|96)\.[0-9]+\.([0-9]+)\b`)
	anyAddress  = regexp.MustCompile(`\b0\.0\.0\.0:([0-9]+)`)
	aRecords    = regexp.MustCompile(`"type":"A"`)
)

// overIPv6 is what the agents and the API server of an IPv6 cluster say instead: addresses, node names, and what DNS is asked for.
func overIPv6(s *rt.Recording) {
	for i, e := range s.Events {
		text, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		text = withPort.ReplaceAll(text, []byte(`[fd00:10:244::$1]:$2`))
		text = withoutPort.ReplaceAll(text, []byte(`fd00:10:$1::$2`))
		text = anyAddress.ReplaceAll(text, []byte(`[::]:$1`))
		text = aRecords.ReplaceAll(text, []byte(`"type":"AAAA"`))
		var six recording.Event
		if err := json.Unmarshal(text, &six); err != nil {
			panic(err)
		}
		s.Events[i] = six
	}
}

// No check takes an IPv6 address for anything else: where nothing is wrong, all pass that pass over IPv4.
func TestHealthyOverIPv6(t *testing.T) {
	for _, c := range rules.All() {
		four := healthy(c.Scenario, 3)
		six := healthy(c.Scenario, 3)
		overIPv6(six)
		if want, got := tallied(c.Judge(fold(t, four))), tallied(c.Judge(fold(t, six))); want != got {
			t.Errorf("%s over IPv6: %+v, over IPv4: %+v; %s", c.ID, got, want, firstWords(c.Judge(fold(t, six))))
		}
	}
}

type counts struct{ pass, fail, unseen, skip int }

func tallied(all []check.Finding) (n counts) {
	for _, f := range all {
		switch f.Outcome {
		case check.Pass:
			n.pass++
		case check.Fail:
			n.fail++
		case check.Unseen:
			n.unseen++
		default:
			n.skip++
		}
	}
	return n
}

func firstWords(all []check.Finding) string {
	for _, f := range all {
		if f.Outcome == check.Fail || f.Outcome == check.Unseen {
			return f.Message
		}
	}
	return ""
}
