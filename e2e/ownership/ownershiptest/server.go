// Package ownershiptest is an API server for tests: it keeps objects in memory, deletes them with preconditions, lists them by
// label, and removes what a deleted object owned, as Kubernetes does. It can lose the answers to creations.
package ownershiptest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
)

// kinds are those that the server has, by group and version.
var kinds = map[string][]metav1.APIResource{ //nolint:gochecknoglobals // a table that nothing changes
	"v1": {
		{Name: "namespaces", SingularName: "namespace", Kind: "Namespace"},
		{Name: "nodes", SingularName: "node", Kind: "Node"},
		{Name: "configmaps", SingularName: "configmap", Kind: "ConfigMap", Namespaced: true},
		{Name: "pods", SingularName: "pod", Kind: "Pod", Namespaced: true},
		{Name: "secrets", SingularName: "secret", Kind: "Secret", Namespaced: true},
		{Name: "services", SingularName: "service", Kind: "Service", Namespaced: true},
		{Name: "serviceaccounts", SingularName: "serviceaccount", Kind: "ServiceAccount", Namespaced: true},
	},
	"apps/v1": {
		{Name: "deployments", SingularName: "deployment", Kind: "Deployment", Namespaced: true},
		{Name: "daemonsets", SingularName: "daemonset", Kind: "DaemonSet", Namespaced: true},
	},
	"networking.k8s.io/v1":   {{Name: "networkpolicies", SingularName: "networkpolicy", Kind: "NetworkPolicy", Namespaced: true}},
	"coordination.k8s.io/v1": {{Name: "leases", SingularName: "lease", Kind: "Lease", Namespaced: true}},
	"rbac.authorization.k8s.io/v1": {
		{Name: "clusterroles", SingularName: "clusterrole", Kind: "ClusterRole"},
		{Name: "clusterrolebindings", SingularName: "clusterrolebinding", Kind: "ClusterRoleBinding"},
		{Name: "roles", SingularName: "role", Kind: "Role", Namespaced: true},
		{Name: "rolebindings", SingularName: "rolebinding", Kind: "RoleBinding", Namespaced: true},
	},
}

// Server is the API server. Its fields are set before it is used, and read after that.
type Server struct {
	Config *rest.Config
	// Refuse are resources that may not be created ("clusterroles"), or single rights ("list nodes", which are refused to who asks
	// whether they have them), Lose those whose creation is not answered, Broken those that cannot be listed.
	Refuse, Lose, Broken []string
	// Stuck are names of namespaces that are not removed.
	Stuck []string
	// Ahead is how far the server's clock is ahead of ours.
	Ahead time.Duration
	// Old is how long ago an object was created, for those that are created next.
	Old time.Duration

	mu      sync.Mutex
	t       testing.TB
	objects map[string]*unstructured.Unstructured // by path
	asked   []string
	uids    int
}

// Start starts the server; it ends with the test.
func Start(t testing.TB) *Server {
	s := &Server{t: t, objects: map[string]*unstructured.Unstructured{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.Config = &rest.Config{Host: h.URL, QPS: 1000, Burst: 1000, ContentConfig: rest.ContentConfig{ContentType: "application/json", AcceptContentTypes: "application/json"}}
	return s
}

// Kubeconfig writes a kubeconfig whose context "prod" is the server, and returns its path.
func (s *Server) Kubeconfig() string {
	path := filepath.Join(s.t.TempDir(), "config")
	text := `{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: "` + s.Config.Host + `"}}], contexts: [{name: prod, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// Left are the paths of all objects, sorted.
func (s *Server) Left() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for path := range s.objects {
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}

// Asked are the requests that changed something, or tried to: "DELETE /api/v1/namespaces/x".
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Get is the object at the path, nil if there is none.
func (s *Server) Get(path string) *unstructured.Unstructured {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.objects[path]; o != nil {
		return o.DeepCopy()
	}
	return nil
}

// Put adds an object, as JSON, as somebody else would.
func (s *Server) Put(collection, object string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(object), &o.Object); err != nil {
		s.t.Fatal(err)
	}
	s.add(collection, o)
}

func (s *Server) add(collection string, o *unstructured.Unstructured) {
	s.uids++
	if _, in, is := strings.Cut(collection, "/namespaces/"); is {
		ns, _, _ := strings.Cut(in, "/")
		o.SetNamespace(ns)
	}
	_ = unstructured.SetNestedField(o.Object, fmt.Sprintf("uid-%d", s.uids), "metadata", "uid")
	o.SetCreationTimestamp(metav1.NewTime(time.Now().Add(-s.Old)))
	s.objects[collection+"/"+o.GetName()] = o
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := r.URL.Path
	w.Header().Set("Date", time.Now().Add(s.Ahead).UTC().Format(http.TimeFormat))
	if r.Method != http.MethodGet && !strings.Contains(path, "selfsubject") {
		s.asked = append(s.asked, r.Method+" "+path)
	}
	resource := path[strings.LastIndex(path, "/")+1:]
	switch {
	case r.Method == http.MethodGet && s.discovery(w, path):
	case r.Method == http.MethodPost:
		s.create(w, r, path, resource)
	case s.objects[path] != nil:
		s.one(w, r, path)
	case slices.Contains(s.Broken, resource):
		fail(w, http.StatusInternalServerError, "InternalError")
	case known(resource):
		s.list(w, r, path)
	default:
		fail(w, http.StatusNotFound, "NotFound")
	}
}

func (s *Server) create(w http.ResponseWriter, r *http.Request, path, resource string) {
	o := &unstructured.Unstructured{}
	if err := json.NewDecoder(r.Body).Decode(&o.Object); err != nil {
		s.t.Error(err)
	}
	switch {
	case resource == "selfsubjectaccessreviews":
		attributes, _, _ := unstructured.NestedStringMap(o.Object, "spec", "resourceAttributes")
		asked := attributes["resource"]
		if sub := attributes["subresource"]; sub != "" {
			asked += "/" + sub
		}
		refused := slices.Contains(s.Refuse, asked) || slices.Contains(s.Refuse, attributes["verb"]+" "+asked)
		_ = unstructured.SetNestedField(o.Object, !refused, "status", "allowed")
		answer(w, http.StatusCreated, o.Object)
		return
	case slices.Contains(s.Refuse, resource):
		fail(w, http.StatusForbidden, "Forbidden")
		return
	case s.objects[path+"/"+o.GetName()] != nil:
		fail(w, http.StatusConflict, "AlreadyExists")
		return
	case r.URL.Query().Has("dryRun"):
		answer(w, http.StatusCreated, o.Object)
		return
	}
	s.add(path, o)
	if resource == "deployments" {
		s.add(strings.Replace(strings.Replace(path, "/apis/apps/v1", "/api/v1", 1), "deployments", "pods", 1), &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": o.GetName() + "-1", "labels": map[string]any{"app": o.GetName()}}, "status": map[string]any{"phase": "Running"},
		}})
	}
	if slices.Contains(s.Lose, resource) {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	answer(w, http.StatusCreated, o.Object)
}

// one is a request for one object that exists.
func (s *Server) one(w http.ResponseWriter, r *http.Request, path string) {
	o := s.objects[path]
	switch r.Method {
	case http.MethodDelete:
		var options metav1.DeleteOptions
		_ = json.NewDecoder(r.Body).Decode(&options)
		if p := options.Preconditions; p != nil && p.UID != nil && *p.UID != o.GetUID() {
			fail(w, http.StatusConflict, "Conflict")
			return
		}
		s.remove(path)
		answer(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
	case http.MethodPatch:
		var patch map[string]any
		_ = json.NewDecoder(r.Body).Decode(&patch)
		of, _ := patch["metadata"].(map[string]any)
		if uid, is := of["uid"].(string); is && uid != string(o.GetUID()) {
			fail(w, http.StatusConflict, "Conflict")
			return
		}
		spec, _ := patch["spec"].(map[string]any)
		for k, v := range spec {
			_ = unstructured.SetNestedField(o.Object, v, "spec", k)
		}
		answer(w, http.StatusOK, o.Object)
	default:
		if strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadata") {
			answer(w, http.StatusOK, partial(o))
			return
		}
		answer(w, http.StatusOK, o.Object)
	}
}

// remove removes an object, what is in it and what it owned.
func (s *Server) remove(path string) {
	o := s.objects[path]
	if o.GetKind() == "Namespace" && slices.Contains(s.Stuck, o.GetName()) {
		_ = unstructured.SetNestedField(o.Object, time.Now().UTC().Format(time.RFC3339), "metadata", "deletionTimestamp")
		_ = unstructured.SetNestedSlice(o.Object, []any{map[string]any{"type": "NamespaceFinalizersRemaining", "status": "True", "message": "Some content has finalizers remaining: example.org/stuck in 1 resource instances"}}, "status", "conditions")
		return
	}
	delete(s.objects, path)
	for other, p := range s.objects {
		inside := o.GetKind() == "Namespace" && strings.Contains(other, "/namespaces/"+o.GetName()+"/")
		owned := slices.ContainsFunc(p.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.UID == o.GetUID() })
		if (inside || owned) && s.objects[other] != nil {
			s.remove(other)
		}
	}
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, path string) {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		s.t.Error(err)
	}
	everywhere := path[:strings.LastIndex(path, "/")]
	resource := path[strings.LastIndex(path, "/"):]
	items, paths := []any{}, []string{}
	for at, o := range s.objects {
		collection := at[:strings.LastIndex(at, "/")]
		if (collection == path || strings.HasPrefix(at, everywhere+"/namespaces/") && strings.HasSuffix(collection, resource)) && selector.Matches(labels.Set(o.GetLabels())) {
			items, paths = append(items, o.Object), append(paths, at)
		}
	}
	if r.Method == http.MethodDelete {
		for _, at := range paths {
			if s.objects[at] != nil {
				s.remove(at)
			}
		}
		answer(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
		return
	}
	version, kind := listed(strings.TrimPrefix(resource, "/"))
	if strings.Contains(r.Header.Get("Accept"), "PartialObjectMetadata") {
		kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
		for i := range items {
			o, _ := items[i].(map[string]any)
			items[i] = partial(&unstructured.Unstructured{Object: o})
		}
	}
	answer(w, http.StatusOK, map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]any{}, "items": items})
}

func partial(o *unstructured.Unstructured) map[string]any {
	return map[string]any{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": o.Object["metadata"]}
}
