package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"      //nolint:staticcheck // the client speaks SPDY
	"k8s.io/apimachinery/pkg/util/httpstream/spdy" //nolint:staticcheck // the client speaks SPDY
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/recording"
)

const (
	cookie = "the-cookie-of-the-test"
	uid    = "11111111-2222-3333-4444-555555555555"
)

// apiServer is the API server's side of port-forward and exec, with real SPDY. The pod behind it has files and ports.
type apiServer struct {
	files  map[string]string // that cat shows
	cat    string            // the runtime's error instead, "" where the container has cat
	refuse string            // the kubelet's error instead of a connection, "" to connect to 127.0.0.1
	deny   string            // the API server's own, to all requests

	mu       sync.Mutex
	commands []string
	running  int
	most     int // commands at a time
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.deny != "" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Message: a.deny, Code: http.StatusForbidden})
		return
	}
	exec := strings.HasSuffix(r.URL.Path, "/exec")
	protocol := "portforward.k8s.io"
	if exec {
		protocol = "v4.channel.k8s.io"
	}
	if _, err := httpstream.Handshake(r, w, []string{protocol}); err != nil {
		return
	}
	streams := make(chan httpstream.Stream, 20)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error { streams <- s; return nil })
	if conn == nil {
		return
	}
	defer conn.Close()
	if exec {
		a.exec(r.URL.Query()["command"], streams)
		return
	}
	errors := map[string]httpstream.Stream{}
	for {
		select {
		case <-conn.CloseChan():
			return
		case s := <-streams:
			id := s.Headers().Get(corev1.PortForwardRequestIDHeader)
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				errors[id] = s
				continue
			}
			go a.carry(s, errors[id])
		}
	}
}

func (a *apiServer) carry(data, trouble httpstream.Stream) {
	if a.refuse != "" {
		_, _ = io.WriteString(trouble, a.refuse)
		_ = trouble.Close()
		return
	}
	_ = trouble.Close()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", data.Headers().Get(corev1.PortHeader)))
	if err != nil {
		_ = data.Reset()
		return
	}
	go func() {
		_, _ = io.Copy(c, data)
		_ = c.Close()
	}()
	_, _ = io.Copy(data, c)
	_ = data.Close()
}

func (a *apiServer) exec(command []string, streams chan httpstream.Stream) {
	a.mu.Lock()
	a.commands = append(a.commands, strings.Join(command, " "))
	a.running++
	a.most = max(a.most, a.running)
	a.mu.Unlock()
	by := map[string]httpstream.Stream{}
	for len(by) < 3 {
		s := <-streams
		by[s.Headers().Get(corev1.StreamType)] = s
	}
	status := metav1.Status{Status: metav1.StatusSuccess}
	if a.cat != "" {
		status = metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonInternalError, Message: a.cat}
	} else {
		for _, f := range command[1:] {
			_, _ = io.WriteString(by[corev1.StreamTypeStdout], a.files[f])
		}
	}
	a.mu.Lock()
	a.running--
	a.mu.Unlock()
	_ = by[corev1.StreamTypeStdout].Close()
	_ = by[corev1.StreamTypeStderr].Close()
	_ = json.NewEncoder(by[corev1.StreamTypeError]).Encode(status)
	_ = by[corev1.StreamTypeError].Close()
	time.Sleep(50 * time.Millisecond) // the client reads before the connection ends
}

// observe observes one pod until every one of the wanted was seen, and gives all events.
func observe(t *testing.T, a *apiServer, wanted ...func(recording.Event) bool) []recording.Event {
	t.Helper()
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	cfg := &rest.Config{Host: s.URL}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	node, err := (erldisttest.Node{Name: "shop@10.1.2.3", Cookie: cookie, Creation: 7}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	epmd, err := (erldisttest.EPMD{Nodes: []erldisttest.Registered{{Name: "shop", Port: port(t, node.Addr)}}}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(epmd.Close)
	events := make(chan recording.Event, 1000)
	o := New(Options{Rest: cfg, Client: client, Namespace: "prod", NoAgent: "pods are forbidden", Emit: func(e recording.Event) { events <- e }})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	q := agent.Pod{UID: uid, IP: "10.1.2.3", Node: "n1"}
	o.SetPlan(agent.Plan{Pods: []agent.Pod{q}, Cookie: []byte(cookie), EPMDPort: port(t, epmd.Addr), DistPort: port(t, node.Addr), Control: true}, []Pod{{Pod: q, Name: "shop-0", Containers: "shop", Starts: 1}})
	var all []recording.Event
	for len(wanted) > 0 {
		select {
		case e := <-events:
			all = append(all, e)
			wanted = slices.DeleteFunc(wanted, func(want func(recording.Event) bool) bool { return want(e) })
		case <-ctx.Done():
			b, _ := json.Marshal(all)
			t.Fatalf("%d of the wanted events did not come; commands %v; events %s", len(wanted), a.commands, b)
		}
	}
	return all
}

func port(t *testing.T, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A pod whose process 1 is a shell, with a node that listens on all addresses.
func shop() *apiServer {
	return &apiServer{files: map[string]string{
		"/proc/1/status": "Name:\tsh\nNSpid:\t1\nSigBlk:\t0\nSigCgt:\t0\n", "/proc/1/task/1/children": "8 9 ",
		"/proc/8/status": "Name:\tepmd\nNSpid:\t8\n", "/proc/8/task/8/children": "",
		"/proc/9/status":  "Name:\tbeam.smp\nNSpid:\t9\n",
		"/proc/9/cmdline": "/opt/beam.smp\x00-name\x00shop@10.1.2.3\x00-setcookie\x00" + cookie + "\x00",
		"/proc/net/tcp":   tables,
	}}
}

func TestObserve(t *testing.T) {
	a := shop()
	all := observe(t, a,
		func(e recording.Event) bool {
			return e.Start != nil && slices.Contains(e.Start.Cannot, "agent: pods are forbidden") && slices.Contains(e.Start.Can, "nodes") && !slices.Contains(e.Start.Can, "dns")
		},
		func(e recording.Event) bool { return e.Beat != nil },
		func(e recording.Event) bool {
			return e.VM != nil && e.VM.NSPID == 9 && e.VM.First == "sh" && e.VM.FirstDeaf && slices.Equal(e.VM.Args, []string{"-name", "shop@10.1.2.3", "-setcookie", "(cookie)"})
		},
		func(e recording.Event) bool {
			return e.Nodes != nil && e.Nodes.Outcome == recording.OK && e.Nodes.Node == "shop@10.1.2.3" && e.Nodes.Creation == 7
		},
		func(e recording.Event) bool {
			return e.Cookie != nil && e.Cookie.Cookie == "A" && e.Cookie.Outcome == recording.OK
		},
		func(e recording.Event) bool {
			return e.Cookie != nil && e.Cookie.Cookie == "wrong" && e.Cookie.Outcome == recording.Denied
		},
		func(e recording.Event) bool { return e.Kernel != nil && e.Kernel.Outcome == recording.OK },
		func(e recording.Event) bool {
			return e.EPMD != nil && e.EPMD.Outcome == recording.OK && e.EPMD.From == uid && e.EPMD.To == uid && e.EPMD.Names[0].Name == "shop"
		},
		func(e recording.Event) bool { return e.Registration != nil && e.Registration.Outcome == recording.OK },
		func(e recording.Event) bool {
			return e.Dist != nil && e.Dist.Outcome == recording.OK && e.Dist.From == uid && e.Dist.Node == "shop@10.1.2.3" && e.Dist.Flags != 0
		},
		func(e recording.Event) bool {
			return e.Sockets != nil && e.Sockets.Outcome == recording.OK && len(e.Sockets.Links) == 2
		},
	)
	b, err := json.Marshal(all)
	if err != nil || bytes.Contains(b, []byte(cookie)) {
		t.Errorf("the cookie is in the events (%v)", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.IndexFunc(a.commands, func(c string) bool { return !strings.HasPrefix(c, "cat /proc/") }); i >= 0 || a.most > 1 {
		t.Errorf("%d commands at a time; commands %v", a.most, a.commands)
	}
}

// A container without cat makes unseen what is read with it, and nothing else.
func TestWithoutCat(t *testing.T) {
	observe(t, &apiServer{cat: `OCI runtime exec failed: exec: "cat": executable file not found in $PATH: unknown`},
		func(e recording.Event) bool {
			return e.Start != nil && cannot(e, "sockets: the socket table of shop-0: none of its containers has the program cat") && cannot(e, "vm: ") && !slices.Contains(e.Start.Can, "sockets")
		},
		func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Outcome == recording.OK },
	)
}

// A node that listens on the pod's address alone refuses a port-forward: nothing is learnt about it.
func TestALoopbackThatRefuses(t *testing.T) {
	a := shop()
	a.refuse = "error forwarding port 10000 to pod 4f: failed to connect to localhost:10000 inside namespace \"4f\", IPv4: dial tcp4 127.0.0.1:10000: connect: connection refused"
	all := observe(t, a, func(e recording.Event) bool {
		return e.Nodes != nil && strings.Contains(e.Nodes.Detail, "a node that listens on the pod's address alone cannot be reached so")
	}, func(e recording.Event) bool { return e.EPMD != nil }, func(e recording.Event) bool { return e.Dist != nil })
	for _, e := range all {
		if e.Nodes != nil && e.Nodes.Outcome != recording.ProbeError || e.EPMD != nil && e.EPMD.Outcome != recording.ProbeError || e.Dist != nil && e.Dist.Outcome != recording.ProbeError || e.Cookie != nil {
			b, _ := json.Marshal(e)
			t.Errorf("it says something about the node: %s", b)
		}
	}
}

// Without the rights nothing is seen, and the API server's sentence says why.
func TestWithoutRights(t *testing.T) {
	const says = `pods "shop-0" is forbidden: User "ci" cannot create resource "pods/portforward"`
	observe(t, &apiServer{deny: says},
		func(e recording.Event) bool { return e.Start != nil && cannot(e, "nodes: ") && cannot(e, says) },
		func(e recording.Event) bool { return e.Start != nil && cannot(e, "sockets: ") && cannot(e, "vm: ") },
	)
}

func cannot(e recording.Event, text string) bool {
	return slices.ContainsFunc(e.Start.Cannot, func(c string) bool { return strings.Contains(c, text) })
}
