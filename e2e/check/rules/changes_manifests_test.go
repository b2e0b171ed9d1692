package rules_test

import (
	"encoding/json"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// The changes of manifests that trials are made of. The text to be replaced must be there: a trial that changes nothing
// proves nothing.

const deployment = "object Deployment/derl"

func isObject(e recording.Event) bool { return e.Object != nil }

// rewrite replaces a piece of the manifests of that kind.
func rewrite(kind, before, after string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool {
			return e.Object != nil && e.Object.Kind == kind && strings.Contains(string(e.Object.Manifest), before)
		}, func(e *recording.Event) {
			o := *e.Object
			o.Manifest = json.RawMessage(strings.Replace(string(o.Manifest), before, after, 1))
			e.Object = &o
		})
	}
}

// env gives the container one variable more; value is JSON after the name.
func env(name, value string) func(s *rt.Recording) {
	return rewrite("Deployment", `"env":[`, `"env":[{"name":"`+name+`",`+value+`},`)
}

// later gives the container one variable more, behind all that it has: Kubernetes replaces in it what stands above.
func later(name, value string) func(s *rt.Recording) {
	return rewrite("Deployment", `}],"readinessProbe"`, `},{"name":"`+name+`","value":`+quoted(value)+`}],"readinessProbe"`)
}

func literal(name, value string) func(s *rt.Recording) { return env(name, `"value":`+quoted(value)) }

// field gives the container one field more, podField the pod and specField the workload.
func field(text string) func(s *rt.Recording) {
	return rewrite("Deployment", `"env":[`, text+`,"env":[`)
}
func podField(text string) func(s *rt.Recording) {
	return rewrite("Deployment", `"containers":[`, text+`,"containers":[`)
}
func specField(text string) func(s *rt.Recording) {
	return rewrite("Deployment", `"replicas":`, text+`,"replicas":`)
}

func args(words ...string) func(s *rt.Recording) {
	b, err := json.Marshal(words)
	if err != nil {
		panic(err)
	}
	return field(`"args":` + string(b))
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// object adds one to the manifests; what every object has is put into the JSON where it does not have it.
func object(kind, name, manifest string) func(s *rt.Recording) {
	var o map[string]any
	if err := json.Unmarshal([]byte(manifest), &o); err != nil {
		panic(err)
	}
	o["kind"] = kind
	if o["metadata"] == nil {
		o["metadata"] = map[string]any{"name": name}
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return func(s *rt.Recording) {
		s.Add(recording.Event{T: rt.Applied - 5*time.Millisecond, By: "run", Object: &recording.Object{Kind: kind, Name: name, Manifest: b}})
	}
}

// config mounts a file from a ConfigMap into the container.
func config(file, text string) func(s *rt.Recording) {
	return all(object("ConfigMap", "derl-config", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"derl-config"},"data":{`+quoted(file)+`:`+quoted(text)+`}}`),
		podField(`"volumes":[{"name":"config","configMap":{"name":"derl-config"}}]`), field(`"volumeMounts":[{"name":"config","mountPath":"/etc/derl"}]`))
}

// job is a Job whose pods have these labels, as JSON.
func job(labels string) func(s *rt.Recording) {
	return object("Job", "migrate", `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"migrate"},"spec":{"template":{"metadata":{"labels":`+labels+
		`},"spec":{"containers":[{"name":"migrate","image":"meshproof/derl"}]}}}}`)
}

// second is one more Deployment behind the same Service, which the profile counts as nodes.
func second(image string) func(s *rt.Recording) {
	return all(object("Deployment", "derl-worker", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"derl-worker"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"derl","part":"worker"}},`+
		`"template":{"metadata":{"labels":{"app":"derl","part":"worker"}},"spec":{"containers":[{"name":"derl","image":"`+image+`",`+
		`"env":[{"name":"NAMESPACE","valueFrom":{"fieldRef":{"fieldPath":"metadata.namespace"}}},{"name":"DISCOVERY_NAME","value":"derl.$(NAMESPACE).svc.cluster.local"},`+
		`{"name":"COOKIE","valueFrom":{"secretKeyRef":{"name":"`+rt.Service+`","key":"cookie"}}}],"readinessProbe":{"tcpSocket":{"port":8080}}}]}}}}`), func(s *rt.Recording) {
		edit(s, func(p *profile.Resolved) {
			p.Workloads[0].Replicas--
			p.Workloads = append(p.Workloads, profile.Workload{Kind: "Deployment", Name: "derl-worker", Replicas: 1, Labels: map[string]string{"app": "derl", "part": "worker"}})
		})
	})
}

// stateful makes a StatefulSet of the Deployment, governed by that Service.
func stateful(serviceName string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		specField(`"serviceName":"` + serviceName + `"`)(s)
		kinds("StatefulSet")(s)
	}
}

// all are several changes, one after the other.
func all(changes ...func(s *rt.Recording)) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		for _, c := range changes {
			c(s)
		}
	}
}

// noService is a recording in which the manifests have no Service.
func noService(s *rt.Recording) {
	edit(s, func(p *profile.Resolved) { p.Service, p.Services = "", nil })
}

// fails is what a manifest check finds at the recordings' one Deployment.
func fails(code string, says ...string) []want {
	return []want{{deployment, check.Fail, code, append(says, "-n "+rt.Namespace)}}
}

// thePass is what a manifest check finds at that Deployment where it saw what it needs, and notSeen where it did not.
var thePass = []want{{deployment, check.Pass, "", nil}}

func notSeen(says ...string) []want { return []want{{deployment, check.NotApplicable, "", says}} }

// unreadable are the manifests that say nothing of the profile's workload.
func unreadable() []trial {
	return []trial{manifestsNotRecorded(),
		{"cannot be read", rewrite("Deployment", `"replicas":3`, `"replicas":"three"`), []want{{whole, check.Unseen, "", []string{"Deployment/derl"}}}},
		{"others only", func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Workloads[0].Name = "other" }) }, []want{{whole, check.Unseen, "", []string{"do not contain the workloads"}}}}}
}

// noCookie takes the cookie out of the container's variables.
func noCookie(s *rt.Recording) {
	rewrite("Deployment", `,{"name":"COOKIE","valueFrom":{"secretKeyRef":{"name":"derl","key":"cookie"}}}`, "")(s)
}

// refused is a recording in which no node takes the profile's cookie.
func refused(s *rt.Recording) {
	s.Change(func(e recording.Event) bool { return e.Cookie != nil }, func(e *recording.Event) { e.Cookie.Outcome = recording.Denied })
}

// kinds makes another kind of workload of the Deployment.
func kinds(kind string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Deployment" }, func(e *recording.Event) {
			o := *e.Object
			o.Kind = kind
			o.Manifest = json.RawMessage(strings.Replace(string(o.Manifest), `"kind":"Deployment"`, `"kind":"`+kind+`"`, 1))
			e.Object = &o
		})
		edit(s, func(p *profile.Resolved) { p.Workloads[0].Kind = kind })
	}
}

// networkPolicy selects the nodes; rules is the rest of its spec.
func networkPolicy(rules string) func(s *rt.Recording) {
	return object("NetworkPolicy", "guard", `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"guard"},"spec":{"podSelector":{"matchLabels":{"app":"derl"}},`+rules+`}}`)
}

// mistyped is a Service whose selector has one letter too few, as the profile then understands it.
func mistyped(s *rt.Recording) {
	rewrite("Service", `"selector":{"app":"derl"}`, `"selector":{"app":"drl"}`)(s)
	noService(s)
}

const statefulSet = "object StatefulSet/derl"

// onStatefulSet is what a check finds at it.
func onStatefulSet(o check.Outcome, code string, says ...string) []want {
	return []want{{statefulSet, o, code, says}}
}

// manifestsNotRecorded is a recording without manifests.
func manifestsNotRecorded() trial {
	return trial{"not recorded", func(s *rt.Recording) { s.Drop(isObject) }, []want{{whole, check.Unseen, "", []string{"not recorded"}}}}
}
