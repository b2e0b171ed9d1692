package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/observe/remote/remotetest"
	"meshproof.dev/meshproof/e2e/recording"
)

const (
	cookie = "the-cookie-of-the-test"
	uid    = "11111111-2222-3333-4444-555555555555"
)

// observe observes one pod until every one of the wanted was seen, and gives all events.
func observe(t *testing.T, a *remotetest.Server, wanted ...func(recording.Event) bool) []recording.Event {
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
			t.Fatalf("%d of the wanted events did not come; commands %v; events %s", len(wanted), a.Commands(), b)
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
func shop() *remotetest.Server {
	return &remotetest.Server{Other: remotetest.Pod{Files: map[string]string{
		"/proc/1/status": "Name:\tsh\nNSpid:\t1\nSigBlk:\t0\nSigCgt:\t0\n", "/proc/1/task/1/children": "8 9 ",
		"/proc/8/status": "Name:\tepmd\nNSpid:\t8\n", "/proc/8/task/8/children": "",
		"/proc/9/status":  "Name:\tbeam.smp\nNSpid:\t9\n",
		"/proc/9/cmdline": "/opt/beam.smp\x00-name\x00shop@10.1.2.3\x00-setcookie\x00" + cookie + "\x00",
		"/proc/net/tcp":   tables,
	}}}
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
	if i := slices.IndexFunc(a.Commands(), func(c string) bool { return !strings.HasPrefix(c, "cat /proc/") }); i >= 0 || a.Most() > 1 {
		t.Errorf("%d commands at a time; commands %v", a.Most(), a.Commands())
	}
}

// A container without cat makes unseen what is read with it, and nothing else.
func TestWithoutCat(t *testing.T) {
	observe(t, &remotetest.Server{Other: remotetest.Pod{Cat: `OCI runtime exec failed: exec: "cat": executable file not found in $PATH: unknown`}},
		func(e recording.Event) bool {
			return e.Start != nil && cannot(e, "sockets: the socket table of shop-0: none of its containers has the program cat") && cannot(e, "vm: ") && !slices.Contains(e.Start.Can, "sockets")
		},
		func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Outcome == recording.OK },
	)
}

// A node that listens on the pod's address alone refuses a port-forward: nothing is learnt about it.
func TestALoopbackThatRefuses(t *testing.T) {
	a := shop()
	a.Other.Refuse = "error forwarding port 10000 to pod 4f: failed to connect to localhost:10000 inside namespace \"4f\", IPv4: dial tcp4 127.0.0.1:10000: connect: connection refused"
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
	observe(t, &remotetest.Server{Deny: func(*http.Request) string { return says }},
		func(e recording.Event) bool { return e.Start != nil && cannot(e, "nodes: ") && cannot(e, says) },
		func(e recording.Event) bool { return e.Start != nil && cannot(e, "sockets: ") && cannot(e, "vm: ") },
	)
}

func cannot(e recording.Event, text string) bool {
	return slices.ContainsFunc(e.Start.Cannot, func(c string) bool { return strings.Contains(c, text) })
}
