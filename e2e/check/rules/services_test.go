package rules_test

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// mistyped is a Service whose selector has one letter too few, as the profile then understands it.
func mistyped(s *rt.Story) {
	rewrite("Service", `"selector":{"app":"derl"}`, `"selector":{"app":"drl"}`)(s)
	edit(s, func(p *profile.Resolved) { p.Service, p.Services = "", nil })
}

func serviceTrials() map[string][]trial {
	isService := func(e recording.Event) bool { return e.Service != nil }
	sts := "object StatefulSet/derl"
	one := func(o check.Outcome, code string, says ...string) []want { return []want{{sts, o, code, says}} }
	fqdn := args("foreground", "-name", "derl@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local")
	asks := rewrite("Deployment", `"readinessProbe":{"tcpSocket":{"port":"ready"}`, `"readinessProbe":{"httpGet":{"path":"/ready"}`)
	blind := trial{"not recorded", func(s *rt.Story) { s.Drop(isObject) }, []want{{whole, check.Unseen, "", []string{"not recorded"}}}}
	return map[string][]trial{
		"manifest/governing-service": {
			blind,
			{"a Deployment", func(*rt.Story) {}, []want{{deployment, check.NotApplicable, "", []string{"no StatefulSet"}}}},
			{"headless", stateful("derl"), one(check.Pass, "")},
			{"no name", stateful(""), one(check.Fail, "no-name", "no serviceName")},
			{"no name, and nobody to be found", all(stateful(""), func(s *rt.Story) { means(s, profile.NoMesh) }), one(check.NotApplicable, "", "alone")},
			{"no such Service", stateful("drl"), one(check.Fail, "names-nothing", "drl", "there is derl")},
			{"no Service at all", all(stateful("drl"), func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Service" })
			}), one(check.Fail, "names-nothing", "drl")},
			{"with a cluster IP", all(stateful("derl"), rewrite("Service", `"clusterIP":"None",`, ``)), one(check.Pass, "")},
		},
		"service/selects-pods": {
			{"one letter", mistyped, []want{{"service (none)", check.Fail, "selects-nothing", []string{"Service derl", "app: drl", "app: derl", "app: drl vs derl", "endpointslices"}}}},
			{"a label more", all(rewrite("Service", `"selector":{"app":"derl"}`, `"selector":{"app":"derl","tier":"web"}`), func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.Service = "" }) }),
				[]want{{"service (none)", check.Fail, "selects-nothing", []string{"tier: web vs nothing"}}}},
			{"the one that is asked for, beside one that fits", all(mistyped, object("Service", "web", `{"metadata":{"name":"web"},"spec":{"selector":{"app":"derl"}}}`),
				func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.Service = "web" }) }),
				[]want{{"service derl", check.Fail, "selects-nothing", []string{"Service derl"}}}},
			{"none at all", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Service" })
				edit(s, func(p *profile.Resolved) { p.Service = "" })
			}, []want{{"service (none)", check.Fail, "no-service", []string{"app: derl", "clusterIP: None"}}}},
			{"a database's own", all(object("Service", "db", `{"metadata":{"name":"db"},"spec":{"selector":{"app":"db"}}}`),
				object("StatefulSet", "db", `{"spec":{"template":{"metadata":{"labels":{"app":"db"}}}}}`)), nil},
			{"one for something that is not among the manifests", object("Service", "db", `{"metadata":{"name":"db"},"spec":{"selector":{"app":"db"}}}`), nil},
			{"one without a selector", object("Service", "db", `{"metadata":{"name":"db"},"spec":{"type":"ExternalName"}}`), nil},
			{"seen at the running pods only", func(s *rt.Story) {
				s.Drop(isObject)
				s.Change(isService, func(e *recording.Event) { e.Service.Selector = map[string]string{"app": "drl"} })
			}, []want{{svc, check.Fail, "selects-nothing", []string{"app: drl vs derl", "--show-labels"}}}},
			{"well, and seen at the running pods only", func(s *rt.Story) { s.Drop(isObject) }, nil},
			{"neither", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return isObject(e) || isService(e) }) }, []want{{svc, check.Unseen, "", []string{"neither"}}}},
			{"cannot be read", rewrite("Service", `"selector":{"app":"derl"}`, `"selector":"derl"`), []want{{whole, check.Unseen, "", []string{"Service/derl"}}}},
		},
		"service/one-application": {
			blind,
			{"a Job's pods too", job(`{"app":"derl"}`), []want{{svc, check.Fail, "job", []string{"Job migrate", "app: derl", "get pods -l app=derl"}}}},
			{"a CronJob's pods too", object("CronJob", "nightly", `{"metadata":{"name":"nightly"},"spec":{"jobTemplate":{"spec":{"template":{"metadata":{"labels":{"app":"derl"}}}}}}}`), []want{{svc, check.Fail, "job", []string{"CronJob nightly"}}}},
			{"another application", second("shop/front:1"), []want{{svc, check.Fail, "two-applications", []string{"Deployment derl", "Deployment derl-worker", "meshproof/derl", "shop/front"}}}},
			{"a Job with other labels", job(`{"app":"migrate"}`), nil},
			{"web and worker, one image", second(rt.Image), nil},
			{"a canary of another tag", second(rt.Image + ":2"), nil},
			{"no Service for them", mistyped, []want{{whole, check.NotApplicable, "", []string{"no Service"}}}},
		},
		"service/publishes-not-ready": {
			blind,
			{"named after addresses", func(*rt.Story) {}, []want{{deployment, check.NotApplicable, "", []string{"not named after DNS"}}}},
			{"hidden until peers are there", all(fqdn, asks, stateful("derl")), one(check.Fail, "hidden-until-ready", "Service derl", "publishNotReadyAddresses: true")},
			{"in a variable", all(literal("RELEASE_NODE", "derl@$(POD_NAME).derl.$(NAMESPACE).svc.cluster.local"), asks, stateful("derl")), one(check.Fail, "hidden-until-ready")},
			{"published", all(fqdn, asks, stateful("derl"), rewrite("Service", `"clusterIP":"None",`, `"clusterIP":"None","publishNotReadyAddresses":true,`)), one(check.Pass, "")},
			{"ready by itself", all(fqdn, stateful("derl")), one(check.Pass, "")},
			{"no Service", all(fqdn, asks, stateful("drl")), one(check.NotApplicable, "", "no Service governs")},
		},
	}
}
