package rules_test

import (
	"encoding/json"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// The changes of manifests that trials are made of. The text to be replaced must be there: a trial that changes nothing
// proves nothing.

const deployment = "object Deployment/derl"

func isObject(e recording.Event) bool { return e.Object != nil }

// rewrite replaces a piece of the manifests of that kind.
func rewrite(kind, before, after string) func(s *rt.Story) {
	return func(s *rt.Story) {
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
func env(name, value string) func(s *rt.Story) {
	return rewrite("Deployment", `"env":[`, `"env":[{"name":"`+name+`",`+value+`},`)
}

func literal(name, value string) func(s *rt.Story) { return env(name, `"value":`+quoted(value)) }

// field gives the container one field more, podField the pod and specField the workload.
func field(text string) func(s *rt.Story) { return rewrite("Deployment", `"env":[`, text+`,"env":[`) }
func podField(text string) func(s *rt.Story) {
	return rewrite("Deployment", `"containers":[`, text+`,"containers":[`)
}
func specField(text string) func(s *rt.Story) {
	return rewrite("Deployment", `"replicas":`, text+`,"replicas":`)
}

func args(words ...string) func(s *rt.Story) {
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

// object adds one to the manifests.
func object(kind, name, manifest string) func(s *rt.Story) {
	return func(s *rt.Story) {
		s.Add(recording.Event{T: rt.Applied - 5*time.Millisecond, By: "run", Object: &recording.Object{Kind: kind, Name: name, Manifest: json.RawMessage(manifest)}})
	}
}

// config mounts a file from a ConfigMap into the container.
func config(file, text string) func(s *rt.Story) {
	return all(object("ConfigMap", "derl-config", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"derl-config"},"data":{`+quoted(file)+`:`+quoted(text)+`}}`),
		podField(`"volumes":[{"name":"config","configMap":{"name":"derl-config"}}]`), field(`"volumeMounts":[{"name":"config","mountPath":"/etc/derl"}]`))
}

// job is a Job whose pods have these labels, as JSON.
func job(labels string) func(s *rt.Story) {
	return object("Job", "migrate", `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"migrate"},"spec":{"template":{"metadata":{"labels":`+labels+
		`},"spec":{"containers":[{"name":"migrate","image":"meshproof/derl"}]}}}}`)
}

// second is one more Deployment behind the same Service, which the profile counts as nodes.
func second(image string) func(s *rt.Story) {
	return all(object("Deployment", "derl-worker", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"derl-worker"},"spec":{"replicas":1,`+
		`"template":{"metadata":{"labels":{"app":"derl","part":"worker"}},"spec":{"containers":[{"name":"derl","image":"`+image+`"}]}}}}`), func(s *rt.Story) {
		edit(s, func(p *profile.Resolved) {
			p.Workloads[0].Replicas--
			p.Workloads = append(p.Workloads, profile.Workload{Kind: "Deployment", Name: "derl-worker", Replicas: 1, Labels: map[string]string{"app": "derl", "part": "worker"}})
		})
	})
}

// stateful makes a StatefulSet of the Deployment, governed by that Service.
func stateful(serviceName string) func(s *rt.Story) {
	return func(s *rt.Story) {
		specField(`"serviceName":"` + serviceName + `"`)(s)
		kinds("StatefulSet")(s)
	}
}

// all are several changes, one after the other.
func all(changes ...func(s *rt.Story)) func(s *rt.Story) {
	return func(s *rt.Story) {
		for _, c := range changes {
			c(s)
		}
	}
}
