package environment

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// apiServer takes note of what is asked of it. Namespaces are gone as soon as they are deleted.
type apiServer struct {
	t         *testing.T
	refuse    string // the resource that cannot be created
	mu        sync.Mutex
	asked     []string
	daemonSet appsv1.DaemonSet
	namespace corev1.Namespace
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	status := func(code int, reason string) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"` + reason + `","reason":"` + reason + `"}`))
	}
	switch {
	case a.refuse != "" && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, a.refuse):
		status(http.StatusForbidden, "Forbidden")
	case r.Method == http.MethodPost:
		var into any = &a.namespace
		if strings.HasSuffix(r.URL.Path, "/daemonsets") {
			into = &a.daemonSet
		}
		if err := json.NewDecoder(r.Body).Decode(into); err != nil {
			a.t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(into)
	case r.Method == http.MethodDelete:
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Success"}`))
	default:
		status(http.StatusNotFound, "NotFound")
	}
}

func TestAgentsOfARun(t *testing.T) {
	for _, c := range []struct {
		name        string
		owned, keep bool
		refuse      string
		removed     bool
	}{
		{"somebody else's cluster", false, false, "", true},
		{"somebody else's cluster, no daemon set", false, false, "/daemonsets", true},
		{"somebody else's cluster, no namespace", false, false, "/namespaces", true},
		{"a kept one of ours", true, true, "", true},
		{"one of ours that goes anyway", true, false, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &apiServer{t: t, refuse: c.refuse}
			s := httptest.NewServer(a)
			defer s.Close()
			cfg := &rest.Config{Host: s.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
			var said []string
			o := &Options{Log: func(s string) { said = append(said, s) }}
			e := &Environment{options: o, Cluster: &target.Cluster{Owned: c.owned, Config: cfg}, Agent: image.Image{Ref: "localhost/agent:1"}}
			e.Cluster.Keep(c.keep)
			err := e.DeployAgents(t.Context(), "run-1", agentclient.Rights{})
			if (err == nil) != (c.refuse == "") {
				t.Fatal(err)
			}
			if err == nil && (a.namespace.Name != e.Agents || a.namespace.Labels[workload.Label] != "run-1" || a.namespace.Labels["pod-security.kubernetes.io/enforce"] != "privileged" ||
				a.daemonSet.Namespace != e.Agents || a.daemonSet.Spec.Template.Spec.Containers[0].Image != "localhost/agent:1" || !strings.HasPrefix(e.Agents, "meshproof-agent-")) {
				t.Errorf("namespace %+v, daemon set %+v", a.namespace.ObjectMeta, a.daemonSet.ObjectMeta)
			}
			if err = e.RemoveAgents(); err != nil {
				t.Error(err)
			}
			removed := false
			for _, r := range a.asked {
				removed = removed || r == "DELETE /api/v1/namespaces/"+e.Agents
			}
			if removed != c.removed || len(said) > 0 {
				t.Errorf("removed %v, said %v: %v", removed, said, a.asked)
			}
		})
	}
	// A run that made no agents removes none.
	if err := (&Environment{options: &Options{Log: func(s string) { t.Error(s) }}}).RemoveAgents(); err != nil {
		t.Error(err)
	}
}
