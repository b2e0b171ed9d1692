package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestServiceSelectsPods(t *testing.T) {
	isService := func(e recording.Event) bool { return e.Service != nil }
	try(t, "service/selects-pods", []trial{
		{"one letter", mistyped, []want{{"service (none)", check.Fail, "selects-nothing", []string{"Service derl", "app: drl", "app: derl", "app: drl vs derl", "endpointslices"}}}},
		{"a label more", all(rewrite("Service", `"selector":{"app":"derl"}`, `"selector":{"app":"derl","tier":"web"}`), func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Service = "" }) }),
			[]want{{"service (none)", check.Fail, "selects-nothing", []string{"tier: web vs nothing"}}}},
		{"the one that is asked for, beside one that fits", all(mistyped, object("Service", "web", `{"metadata":{"name":"web"},"spec":{"selector":{"app":"derl"}}}`),
			func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Service = "web" }) }),
			[]want{{"service derl", check.Fail, "selects-nothing", []string{"Service derl"}}}},
		{"none at all", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Service" })
			edit(s, func(p *profile.Resolved) { p.Service = "" })
		}, []want{{"service (none)", check.Fail, "no-service", []string{"app: derl", "clusterIP: None"}}}},
		{"a database's own", all(object("Service", "db", `{"metadata":{"name":"db"},"spec":{"selector":{"app":"db"}}}`),
			object("StatefulSet", "db", `{"spec":{"template":{"metadata":{"labels":{"app":"db"}}}}}`)), nil},
		{"one for something that is not among the manifests", object("Service", "db", `{"metadata":{"name":"db"},"spec":{"selector":{"app":"db"}}}`), nil},
		{"one without a selector", object("Service", "db", `{"metadata":{"name":"db"},"spec":{"type":"ExternalName"}}`), nil},
		{"no selector, and discovery asks for it", all(rewrite("Service", `"selector":{"app":"derl"},`, ``), noService), []want{{"service (none)", check.Fail, "no-selector", []string{"Service derl has no selector", "env DISCOVERY_NAME of container derl", "selector: {app: derl}"}}}},
		{"no selector, and it governs", all(rewrite("Service", `"selector":{"app":"derl"},`, ``), asksBy("X", "y"), stateful("derl"), noService), []want{{"service (none)", check.Fail, "no-selector", []string{"serviceName of StatefulSet derl"}}}},
		{"no selector, and somebody writes its addresses", all(rewrite("Service", `"selector":{"app":"derl"},`, ``), object("EndpointSlice", "derl-1", `{"apiVersion":"discovery.k8s.io/v1","metadata":{"name":"derl-1","labels":{"kubernetes.io/service-name":"derl"}}}`),
			object("Service", "web", `{"metadata":{"name":"web"},"spec":{"selector":{"app":"derl"}}}`)), nil},
		{"other pods, and discovery asks for it", all(rewrite("Service", `"selector":{"app":"derl"}`, `"selector":{"app":"db"}`), object("Service", "web", `{"metadata":{"name":"web"},"spec":{"selector":{"app":"derl"}}}`),
			object("StatefulSet", "db", `{"spec":{"template":{"metadata":{"labels":{"app":"db"}}}}}`)), []want{{svc, check.Fail, "selects-nothing", []string{"selects other pods", "app: db vs derl"}}}},
		{"seen at the running pods only", func(s *rt.Recording) {
			s.Drop(isObject)
			s.Change(isService, func(e *recording.Event) { e.Service.Selector = map[string]string{"app": "drl"} })
		}, []want{{svc, check.Fail, "selects-nothing", []string{"app: drl vs derl", "--show-labels"}}}},
		{"well, and seen at the running pods only", func(s *rt.Recording) { s.Drop(isObject) }, nil},
		{"neither", func(s *rt.Recording) { s.Drop(func(e recording.Event) bool { return isObject(e) || isService(e) }) }, []want{{svc, check.Unseen, "", []string{"neither"}}}},
		{"cannot be read", rewrite("Service", `"selector":{"app":"derl"}`, `"selector":"derl"`), []want{{whole, check.Unseen, "", []string{"Service/derl"}}}},
	})
}
