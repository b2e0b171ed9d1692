package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDNSARecordsMatchPods(t *testing.T) {
	answers := func(i int, change func(d *recording.DNS)) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(isDNS(i, 0), func(e *recording.Event) { change(e.DNS) })
		}
	}
	away := func(from, to time.Duration, change func(*rt.Recording)) func(*rt.Recording) {
		return func(s *rt.Recording) {
			change(s)
			s.Add(recording.Event{T: to, By: recording.ByKube, Gap: &recording.Gap{From: from, To: to, Why: "the API server did not answer"}})
		}
	}
	nxdomain := answers(1, func(d *recording.DNS) { d.Addrs, d.RCode = nil, "NXDOMAIN" })
	try(t, "dns/a-records-match-pods", []trial{
		{"NXDOMAIN after the API server was away", away(time.Second, 5*time.Second, nxdomain),
			[]want{{pod(1), check.Unseen, "", []string{"NXDOMAIN; but the API server was away until", "may need 1m30s"}}}},
		{"NXDOMAIN after the API server was away for a moment", away(time.Second, 3*time.Second, nxdomain),
			[]want{{pod(1), check.Fail, "dns-nxdomain", []string{"NXDOMAIN"}}}},
		{"a stranger's address after the API server was away", away(time.Second, 5*time.Second, answers(1, func(d *recording.DNS) { d.Addrs = append(d.Addrs, "10.244.9.9") })),
			[]want{{pod(1), check.Fail, "dns-foreign", []string{"10.244.9.9"}}}},
		{"no answer", answers(1, func(d *recording.DNS) {
			d.Outcome, d.Addrs, d.RCode, d.Detail = recording.Timeout, nil, "", "i/o timeout"
		}), []want{{pod(1), check.Unseen, "", []string{rt.Name(1), "no answer", "timeout"}}}},
		{"SERVFAIL", answers(1, func(d *recording.DNS) { d.Addrs, d.RCode = nil, "SERVFAIL" }),
			[]want{{pod(1), check.Unseen, "", []string{rt.Name(1), "SERVFAIL"}}}},
		{"NXDOMAIN", answers(1, func(d *recording.DNS) { d.Addrs, d.RCode = nil, "NXDOMAIN" }),
			[]want{{pod(1), check.Fail, "dns-nxdomain", []string{rt.Name(1), "derl." + rt.Namespace + ".svc", "NXDOMAIN"}}}},
		{"no address", answers(1, func(d *recording.DNS) { d.Addrs, d.RCode = nil, "NOERROR" }),
			[]want{{pod(1), check.Fail, "dns-empty", []string{rt.Name(1), "no address"}}}},
		{"a Service of the other family", all(answers(1, func(d *recording.DNS) { d.Addrs, d.RCode = nil, "NOERROR" }), rewrite("Service", `"clusterIP":"None",`, `"clusterIP":"None","ipFamilies":["IPv6"],`)),
			[]want{{pod(1), check.Fail, "dns-other-family", []string{"has no A record", "ipFamilies of Service derl is [IPv6]", "is " + rt.IP(1)}}}},
		{"one missing", answers(1, func(d *recording.DNS) { d.Addrs = without(d.Addrs, rt.IP(2)) }),
			[]want{{pod(1), check.Fail, "dns-missing", []string{rt.Name(1), "lacks " + rt.IP(2)}}}},
		{"a stranger's address", answers(1, func(d *recording.DNS) { d.Addrs = append(d.Addrs, "10.244.9.9") }),
			[]want{{pod(1), check.Fail, "dns-foreign", []string{rt.Name(1), "10.244.9.9"}}}},
		{"the address of a pod that is no node", func(s *rt.Recording) {
			s.Add(recording.Event{T: 3 * time.Second, By: "kube", Pod: &recording.Pod{UID: "db", Name: "db-0", Labels: map[string]string{"app": "db"}, IP: "10.244.9.9", Phase: "Running", Ready: true}})
			answers(1, func(d *recording.DNS) { d.Addrs = append(d.Addrs, "10.244.9.9") })(s)
		}, []want{{pod(1), check.Fail, "dns-foreign", []string{"10.244.9.9 (pod db-0), which is not a pod of the workload"}}}},
		{"a virtual address only", answers(1, func(d *recording.DNS) { d.Addrs = []string{"10.96.7.7"} }),
			[]want{{pod(1), check.Fail, "dns-foreign", []string{"10.96.7.7", "lacks " + rt.IP(0) + ", " + rt.IP(1)}}}},
		{"not asked", func(s *rt.Recording) { s.Drop(isDNS(1, 0)) },
			[]want{{pod(1), check.Unseen, "", []string{rt.Name(1), "between"}}}},
		{"only our own errors", answers(1, func(d *recording.DNS) { d.Outcome = recording.ProbeError }),
			[]want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
		{"no pod", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) },
			[]want{{whole, check.Unseen, "", []string{"no pod"}}}},
		{"no Service", noService, []want{{"service (none)", check.NotApplicable, "", []string{"no Service"}}}},
		{"one datagram lost at the end", func(s *rt.Recording) {
			s.Change(isDNS(1, rt.Formed-100*time.Millisecond), func(e *recording.Event) { e.DNS.Outcome, e.DNS.Addrs = recording.Timeout, nil })
		}, nil},
		{"an answer that our own side lost at the end", func(s *rt.Recording) {
			s.Change(isDNS(1, rt.Formed-100*time.Millisecond), func(e *recording.Event) { e.DNS.Outcome, e.DNS.Addrs = recording.ProbeError, nil })
		}, nil},
		{"a pod that is Ready by the API server's news only 30 ms later", func(s *rt.Recording) {
			s.Cut(4 * time.Second)
			// The youngest answers are of 3.50, 3.51 and 3.52 s.
			s.Change(func(e recording.Event) bool { return isPod(2)(e) && e.Pod.Ready }, func(e *recording.Event) { e.T = 3540 * time.Millisecond })
		}, nil},
		{"a pod that is new even to the API server's news, 30 ms later", func(s *rt.Recording) {
			s.Change(isPod(2), func(e *recording.Event) { e.T = rt.Formed - time.Millisecond + 30*time.Millisecond })
		}, nil},
		{"a pod that became Ready too short a time ago to be listed", func(s *rt.Recording) {
			for i := range 3 {
				s.Change(isDNS(i, 11*time.Second), func(e *recording.Event) { e.DNS.Addrs = without(e.DNS.Addrs, rt.IP(2)) })
			}
			s.Change(func(e recording.Event) bool { return isPod(2)(e) && e.Pod.Ready }, func(e *recording.Event) { e.T = 11 * time.Second })
		}, []want{{"pod *", check.Unseen, "", []string{"lacks " + rt.IP(2), "6s"}}}},
		{"readiness flips, and DNS follows late", func(s *rt.Recording) {
			flip(s, 2, 12*time.Second, 14900*time.Millisecond)
		}, nil},
		{"readiness flips, and the address has not come back", func(s *rt.Recording) {
			flip(s, 2, 10*time.Second, 12*time.Second)
			s.Change(isDNS(0, 12*time.Second), func(e *recording.Event) { e.DNS.Addrs = without(e.DNS.Addrs, rt.IP(2)) })
		}, []want{{pod(0), check.Unseen, "", []string{rt.IP(2)}}}},
		{"a pod that is not Ready is listed", func(s *rt.Recording) { flip(s, 2, 4*time.Second, time.Minute); s.Cut(rt.Formed) }, nil},
		{"a pod that left a moment ago is still listed", func(s *rt.Recording) {
			leaving(s)
			s.Change(func(e recording.Event) bool { return isPod(3)(e) && e.Pod.Deleting }, func(e *recording.Event) { e.Pod.Gone, e.T = true, 13*time.Second })
		}, nil},
		{"an old pod is on its way out", leaving, nil},
	})
}
