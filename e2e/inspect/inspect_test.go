package inspect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/inspect"
	"meshproof.dev/meshproof/e2e/inspect/inspecttest"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/observe/remote/remotetest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/reports"
)

// look inspects it.
func look(t *testing.T, w *inspecttest.World, target inspect.Target, cookie ...inspect.CookieSource) ([]inspect.Cluster, error) {
	t.Helper()
	cfg, client := w.Access(t)
	return inspect.Run(t.Context(), inspect.Options{Rest: cfg, Client: client, Namespace: inspecttest.Namespace, Target: target, Cookie: append(cookie, inspect.CookieSource{})[0], Caught: func(err error) { t.Error(err) }})
}

// forbid is the API server's sentence that refuses requests to a resource.
func forbid(resource string) string {
	return fmt.Sprintf("%s is forbidden: User \"ops\" cannot use resource %q", resource, resource)
}

// judged inspects the world and judges what was recorded.
func judged(t *testing.T, w *inspecttest.World, cookie ...inspect.CookieSource) (reports.Profile, inspect.Cluster) {
	t.Helper()
	all, err := look(t, w, inspect.Target{}, cookie...)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d clusters, %v", len(all), err)
	}
	v, err := view.New(all[0].Header)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all[0].Events {
		v.Apply(e)
	}
	p := judge.Judge(all[0].Name, []judge.Scenario{{Name: recording.Inspect, View: v}}, rules.All())
	return reports.Profile{Profile: p, Namespace: inspecttest.Namespace, Notes: all[0].Notes}, all[0]
}

func printed(p reports.Profile) string {
	var b bytes.Buffer
	out := reports.Console{W: &b}
	out.Inspection(p)
	return b.String()
}

func result(p reports.Profile, id string) judge.Result {
	at := slices.IndexFunc(p.Results, func(r judge.Result) bool { return r.ID == id })
	if at < 0 {
		return judge.Result{}
	}
	return p.Results[at]
}

func TestAWholeCluster(t *testing.T) {
	w := inspecttest.New(t, []int{0, 1, 2})
	began := time.Now()
	p, c := judged(t, w)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, r := range p.Results {
		if r.Verdict == judge.Fail && r.Level == "required" || r.Verdict == judge.Unknown && r.Unseen == "" {
			t.Errorf("%s: %s %s", r.ID, r.Verdict, r.Message)
		}
	}
	for _, id := range []string{"mesh/linked", "handshake/nobody-rejected", "handshake/names-unique", "vm/distributed", "epmd/name-registered", "service/headless"} {
		if v := result(p, id).Verdict; v != judge.Pass {
			t.Errorf("%s: %s %s%s", id, v, result(p, id).Message, result(p, id).Reason)
		}
	}
	text := printed(p)
	if !strings.HasPrefix(text, "WHOLE") || !strings.Contains(text, "3 Ready pods · seen ") || strings.Count(text, "\n") > 15 {
		t.Error(text)
	}
	// What was asked of the cluster changes nothing, and is what the Role has.
	role := inspect.PrintRole(inspecttest.Namespace)
	for _, r := range w.Requests() {
		verb, path, _ := strings.Cut(r, " ")
		resource := path[strings.LastIndexByte(path, '/')+1:]
		if verb != http.MethodGet && resource != "exec" && resource != "portforward" || !strings.Contains(role, resource) {
			t.Errorf("it asked for %s, which is not in\n%s", r, role)
		}
	}
	for _, command := range w.Commands() {
		if !strings.HasPrefix(command, "cat /proc/") {
			t.Errorf("it ran %s", command)
		}
	}
	if most := w.Most(); most != 1 {
		t.Errorf("%d commands ran in a pod at the same time", most)
	}
	b, err := json.Marshal(c)
	if err != nil || bytes.Contains(b, []byte(inspecttest.Cookie)) {
		t.Errorf("the cookie is in the recording (%v)", err)
	}
	for _, e := range c.Events {
		if e.Nodes != nil || e.Cookie != nil || e.Kernel != nil {
			t.Errorf("without a cookie there is a %s", e.Kind())
		}
	}
}

func TestASplitCluster(t *testing.T) {
	w := inspecttest.New(t, []int{0, 1}, []int{2})
	of := w.Pods[inspecttest.Name(2)]
	of.Log = "2026-01-01T00:00:00Z ** Connection attempt from node 'shop@" + inspecttest.IP(1) + "' rejected. Invalid challenge reply. **\n" +
		time.Now().Add(-19*time.Minute).UTC().Format(time.RFC3339Nano) + " ** Connection attempt from node 'shop@" + inspecttest.IP(0) + "' rejected. Invalid challenge reply. **\n" +
		"2026-01-01T00:00:00Z the password of the database is in this line\n"
	w.Pods[inspecttest.Name(2)] = of
	p, c := judged(t, w)
	if r := result(p, "mesh/linked"); r.Verdict != judge.Blocked || r.Code != "alone" {
		t.Errorf("mesh/linked is %s %s: %s", r.Verdict, r.Code, r.Message)
	}
	if r := result(p, "handshake/nobody-rejected"); r.Verdict != judge.Fail || r.Code != "cookie-refused" {
		t.Errorf("handshake/nobody-rejected is %s %s: %s", r.Verdict, r.Code, r.Message)
	}
	text := printed(p)
	for _, part := range []string{"SPLIT", "2 groups, for at least 19 min", "A  shop-a shop-b  (rev 42)", "B  shop-c  (rev 43)", "first broken: handshake/nobody-rejected · shop-c's log rejects shop-a: invalid challenge reply",
		"changed last: ConfigMap/shop-config changed by kubectl-edit at ", "(30 min ago)", "Deployment/shop revision 43", "see for yourself: kubectl -n prod logs shop-c"} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
	if strings.Count(text, "\n") > 15 {
		t.Error(text)
	}
	b, err := json.Marshal(c)
	if err != nil || bytes.Contains(b, []byte("password")) {
		t.Errorf("a line that does not speak of the distribution is in the recording (%v)", err)
	}
}

func TestEachNodeAlone(t *testing.T) {
	p, _ := judged(t, inspecttest.New(t, []int{0}, []int{1}, []int{2}))
	if text := printed(p); !strings.HasPrefix(text, "ALONE") || result(p, "mesh/linked").Verdict != judge.Fail {
		t.Error(text)
	}
}

func TestInMotion(t *testing.T) {
	w := inspecttest.New(t, []int{0, 1}, []int{2})
	now := metav1.NewTime(time.Now().Add(-5 * time.Second))
	w.Running[2].CreationTimestamp = now
	w.Running[2].Status.ContainerStatuses[0].State.Running.StartedAt = now
	w.List()
	p, _ := judged(t, w)
	if r := result(p, "mesh/linked"); r.Verdict != judge.Unknown || !strings.Contains(r.Message, "in motion: shop-c was created") {
		t.Errorf("%s: %s", r.Verdict, r.Message)
	}
	if text := printed(p); !strings.HasPrefix(text, "IN MOTION") {
		t.Error(text)
	}
}

// A right that is missing makes unknown what needs it, says so in the API server's words, and turns nothing green.
func TestEachRightTakenAway(t *testing.T) {
	whole, _ := judged(t, inspecttest.New(t, []int{0, 1, 2}))
	for resource, unknown := range map[string][]string{
		"pods":                {"mesh/linked", "pods/ready", "vm/distributed"},
		"services":            {"service/headless", "manifest/discovery-finds-peers"},
		"networkpolicies":     {"manifest/network-policy-admits-peers"},
		"configmaps":          {"manifest/name-form"},
		"endpointslices":      nil,
		"replicasets":         nil,
		"controllerrevisions": nil,
		"events":              nil,
		"statefulsets":        nil,
		"daemonsets":          nil,
		"log":                 {"handshake/nobody-rejected"},
		"exec":                {"mesh/linked", "vm/distributed"},
		"portforward":         {"epmd/name-registered", "handshake/names-unique"},
	} {
		t.Run(resource, func(t *testing.T) {
			t.Parallel()
			w := inspecttest.New(t, []int{0, 1, 2})
			w.Deny = func(r *http.Request) string {
				if strings.HasSuffix(r.URL.Path, "/"+resource) {
					return forbid(resource)
				}
				return ""
			}
			p, c := judged(t, w)
			for _, id := range unknown {
				if r := result(p, id); r.Verdict != judge.Unknown || !strings.Contains(r.Unseen, "is forbidden") {
					t.Errorf("%s is %s: %s %s", id, r.Verdict, r.Message, r.Reason)
				}
			}
			for i, r := range p.Results {
				if was := whole.Results[i]; r.Verdict == judge.Pass && was.Verdict != judge.Pass || r.Verdict == judge.Fail && was.Verdict != judge.Fail {
					t.Errorf("%s was %s and is %s: %s", r.ID, was.Verdict, r.Verdict, r.Message)
				}
			}
			said := slices.ContainsFunc(c.Events, func(e recording.Event) bool {
				return e.Start != nil && slices.ContainsFunc(e.Start.Cannot, func(s string) bool { return strings.Contains(s, "is forbidden") })
			})
			if !said {
				t.Error("it does not say what is forbidden")
			}
		})
	}
}

// With a cookie the nodes are asked what they see. The form that one of them accepts goes to all; one that it refuses goes to no other.
func TestCookie(t *testing.T) {
	count := func(c inspect.Cluster, is func(e recording.Event) bool) (n int) {
		for _, e := range c.Events {
			if is(e) {
				n++
			}
		}
		return n
	}
	accepted := func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Outcome == recording.OK }
	refused := func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Outcome == recording.Denied }
	viewed := func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Outcome == recording.OK }

	p, c := judged(t, inspecttest.New(t, []int{0, 1, 2}), inspect.CookieSource{Secret: "shop", Key: "cookie"}) // it ends in a newline
	if a, r, n := count(c, accepted), count(c, refused), count(c, viewed); a != 3 || r != 1 || n != 6 {
		t.Errorf("%d accepted, %d refused, %d views", a, r, n)
	}
	for _, id := range []string{"mesh/full", "mesh/one-component", "mesh/linked"} {
		if r := result(p, id); r.Verdict != judge.Pass {
			t.Errorf("%s: %s %s", id, r.Verdict, r.Message)
		}
	}
	p, c = judged(t, inspecttest.New(t, []int{0, 1, 2}), inspect.CookieSource{Secret: "shop", Key: "wrong"})
	if a, r, n := count(c, accepted), count(c, refused), count(c, viewed); a != 0 || r != 2 || n != 0 {
		t.Errorf("of a wrong one: %d accepted, %d refused, %d views", a, r, n)
	}
	if r := result(p, "mesh/full"); r.Verdict != judge.Unknown || !strings.Contains(r.Message, "does not accept the cookie, which was offered to no other") {
		t.Errorf("mesh/full: %s %s", r.Verdict, r.Message)
	}
	b, err := json.Marshal(c)
	if err != nil || bytes.Contains(b, []byte(inspecttest.Cookie)) || bytes.Contains(b, []byte("another-cookie")) {
		t.Errorf("a cookie is in the recording (%v)", err)
	}

	for text, says := range map[string]string{"swordfish": "it must be one of", "secret/a": "it must be one of", "file:": "it must be one of", "secret/shop:none": "has no key none", "secret/none:a": "the test has no", "file:/nonexistent": "no such file"} {
		source, err := inspect.ParseCookieSource(text, nil)
		if err == nil {
			_, err = look(t, inspecttest.New(t, []int{0, 1}), inspect.Target{}, source)
		}
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A remote console in a pod is no node of the cluster: it is not dialled, and nothing is wrong because of it.
func TestARemoteConsole(t *testing.T) {
	w := inspecttest.New(t, []int{0, 1, 2})
	epmd := erldisttest.EPMD{Nodes: []erldisttest.Registered{{Name: "rem-1f0e-shop", Port: 40001}, {Name: "shop", Port: 10000}}}.Start(t) // the newest first
	w.Pods[inspecttest.Name(1)].Ports["4369"] = epmd.Addr
	p, c := judged(t, w)
	for _, id := range []string{"epmd/one-name", "mesh/linked", "handshake/names-unique"} {
		if r := result(p, id); r.Verdict != judge.Pass {
			t.Errorf("%s: %s %s", id, r.Verdict, r.Message)
		}
	}
	for _, e := range c.Events {
		if e.Dist != nil && !strings.HasSuffix(e.Dist.Addr, ":10000") {
			t.Errorf("it dialled %s", e.Dist.Addr)
		}
	}
}

// A node that speaks TLS is not dialled: it would log the plain connection. Neither is one of which that is not known.
func TestTLSNodesAreNotDialled(t *testing.T) {
	for name, change := range map[string]func(p *remotetest.Pod){
		"it speaks TLS":    func(p *remotetest.Pod) { p.Files["/proc/1/cmdline"] += "-proto_dist\x00inet_tls\x00" },
		"it is not known":  func(p *remotetest.Pod) { p.Files["/proc/1/status"] = "Name:\tsleep\nNSpid:\t1\n" },
		"there is no cat":  func(p *remotetest.Pod) { p.Cat = `exec: "cat": executable file not found in $PATH` },
		"exec is refused":  func(p *remotetest.Pod) { p.Cat = "pods \"shop-a\" is forbidden: no exec" },
		"it is not listed": func(p *remotetest.Pod) { p.Files["/proc/1/cmdline"] = "" },
	} {
		w := inspecttest.New(t, []int{0, 1})
		for n, p := range w.Pods {
			change(&p)
			p.Ports["10000"] = "127.0.0.1:1" // nothing listens there: a dial ends in an error, which is recorded
			w.Pods[n] = p
		}
		p, c := judged(t, w)
		for _, e := range c.Events {
			if e.Dist != nil && !strings.Contains(e.Dist.Detail, "not dialled") {
				t.Errorf("%s: it was dialled: %+v", name, e.Dist)
			}
		}
		for _, r := range p.Results {
			if r.Verdict == judge.Fail && r.Level == "required" {
				t.Errorf("%s: %s: %s", name, r.ID, r.Message)
			}
		}
	}
}

// An image without cat, a node that listens on the pod's address alone: not seen, and nothing else.
func TestWhatCannotBeSeen(t *testing.T) {
	w := inspecttest.New(t, []int{0, 1, 2})
	for n, p := range w.Pods {
		p.Cat = `OCI runtime exec failed: exec: "cat": executable file not found in $PATH: unknown`
		p.Refuse = "error forwarding port 4369 to pod 4f: dial tcp4 127.0.0.1:4369: connect: connection refused"
		w.Pods[n] = p
	}
	p, _ := judged(t, w)
	for _, r := range p.Results {
		if r.Verdict == judge.Fail && r.Level == "required" {
			t.Errorf("%s: %s", r.ID, r.Message)
		}
	}
	if text := printed(p); !strings.HasPrefix(text, "UNKNOWN") || !strings.Contains(text, "has the program cat") {
		t.Error(text)
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		name, selector, says string
		code                 int
	}{
		{"deploy/shop", "", "", exitcode.OK},
		{"deployments/shop", "", "", exitcode.OK},
		{"", "app=shop", "", exitcode.OK},
		{"", "", "", exitcode.OK},
		{"deploy/other", "", "Deployment/other: it is not in namespace prod, which has Deployment shop", exitcode.Usage},
		{"sts/shop", "", "StatefulSet/shop: it is not in namespace prod", exitcode.Usage},
		{"", "app=other", "-l app=other: it is not in", exitcode.Usage},
		{"shop", "", "names no workload: use deploy/NAME", exitcode.Usage},
		{"job/shop", "", "names no workload", exitcode.Usage},
		{"deploy/", "", "names no workload", exitcode.Usage},
		{"deploy/shop", "app=shop", "leave out one of the two", exitcode.Usage},
		{"", "app in", "is no label selector", exitcode.Usage},
	} {
		target, err := inspect.ParseTarget(c.name, c.selector)
		var all []inspect.Cluster
		if err == nil {
			all, err = look(t, inspecttest.New(t, []int{0, 1}), target)
		}
		if exitcode.Of(err) != c.code || err == nil && len(all) != 1 || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q -l %q: %d %v, %d clusters", c.name, c.selector, exitcode.Of(err), err, len(all))
		}
	}
}

// Where not even the workloads may be listed, nothing is inspected.
func TestNoRights(t *testing.T) {
	w := inspecttest.New(t, []int{0, 1})
	w.Deny = func(*http.Request) string { return forbid("deployments") }
	if _, err := look(t, w, inspect.Target{}); exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), forbid("deployments")) || !strings.Contains(err.Error(), "--print-rbac") {
		t.Errorf("%d %v", exitcode.Of(err), err)
	}
	empty := inspecttest.New(t, []int{0})
	empty.Lists["/apis/apps/v1/namespaces/"+inspecttest.Namespace+"/deployments"] = corev1.PodList{}
	if _, err := look(t, empty, inspect.Target{}); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "has no Deployment") {
		t.Errorf("%d %v", exitcode.Of(err), err)
	}
}
