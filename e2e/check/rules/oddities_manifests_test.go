package rules_test

import (
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// manifestOddities are ways of writing and of starting an application that are no fault.
func manifestOddities() []oddity {
	return []oddity{
		{"a Job with other labels", "formation", job(`{"app":"migrate"}`)},
		{"web and worker as one cluster", "formation", second(rt.Image)},
		{"a policy that admits all", "formation", networkPolicy(`"policyTypes":["Ingress","Egress"],"ingress":[{}],"egress":[{}]`)},
		{"a policy for somebody else", "formation", object("NetworkPolicy", "guard", `{"spec":{"podSelector":{"matchLabels":{"app":"postgres"}},"ingress":[]}}`)},
		{"no name of a cookie among the variables", "formation", all(rewrite("Deployment", `"name":"COOKIE"`, `"name":"SHARED_WORD"`), everyVM(drop("-setcookie")))},
		{"a database beside it", "formation", all(object("Service", "db", `{"metadata":{"name":"db"},"spec":{"selector":{"app":"db"}}}`),
			object("StatefulSet", "db", `{"spec":{"template":{"metadata":{"labels":{"app":"db"}},"spec":{"containers":[{"name":"db","image":"postgres:17"}]}}}}`))},
		{"a front for the web", "formation", object("Service", "front", `{"metadata":{"name":"front"},"spec":{"type":"LoadBalancer","selector":{"app":"derl"},"ports":[{"port":80,"targetPort":"ready"}]}}`)},
		{"an init in front of the VM", "formation", everyVM(func(m *recording.VM) { m.NSPID, m.First = 7, "tini" })},
		{"kinds that nobody here knows", "formation", object("Certificate", "derl", `{"apiVersion":"cert-manager.io/v1","kind":"Certificate","spec":{"selector":"any"}}`)},
		{"a CPU limit and schedulers that sleep", "formation", field(`"resources":{"limits":{"cpu":2}}`)},
		{"an answer cut short, and asked for again", "formation", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) {
				e.Asked.Questions = append(e.Asked.Questions, recording.Question{Name: rt.Service + "." + rt.Namespace, Type: "AAAA", Count: 2, RCodes: map[string]int{"NXDOMAIN": 2}},
					recording.Question{Name: rt.DNSName, Type: "AAAA", Count: 2, RCodes: map[string]int{"NOERROR": 2}, Empty: 2})
			})
		}},
	}
}
