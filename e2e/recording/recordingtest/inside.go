package recordingtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// DNSName is what the recordings' discovery asks for, as it is on the wire.
const DNSName = Service + "." + Namespace + ".svc.cluster.local"

// objects are the manifests, as they are applied.
func (w *world) objects() {
	for _, m := range []string{
		fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":%q},"stringData":{"cookie":""}}`, Service),
		fmt.Sprintf(`{"apiVersion":"v1","kind":"Service","metadata":{"name":%q},"spec":{"clusterIP":"None","selector":{"app":"derl"},`+
			`"ports":[{"name":"epmd","port":%d},{"name":"dist","port":%d}]}}`, Service, EPMDPort, DistPort),
		fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"derl"},"spec":{"replicas":%d,"selector":{"matchLabels":{"app":"derl"}},`+
			`"template":{"metadata":{"labels":{"app":"derl"}},"spec":{"terminationGracePeriodSeconds":15,"containers":[{"name":"derl","image":%q,`+
			`"ports":[{"name":"epmd","containerPort":%d},{"name":"dist","containerPort":%d},{"name":"ready","containerPort":8080}],`+
			`"env":[{"name":"POD_IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},{"name":"NAMESPACE","valueFrom":{"fieldRef":{"fieldPath":"metadata.namespace"}}},`+
			`{"name":"DISCOVERY_NAME","value":"derl.$(NAMESPACE).svc.cluster.local"},{"name":"COOKIE","valueFrom":{"secretKeyRef":{"name":%q,"key":"cookie"}}}],`+
			`"readinessProbe":{"tcpSocket":{"port":"ready"},"periodSeconds":1}}]}}}}`, w.n, Image, EPMDPort, DistPort, Service),
	} {
		var o struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := json.Unmarshal([]byte(m), &o); err != nil {
			panic(err)
		}
		object := &recording.Object{Kind: o.Kind, Name: o.Metadata.Name, Manifest: json.RawMessage(m)}
		if o.Kind == "Secret" {
			object.Cookies = map[string]string{"cookie": "strong"}
		}
		w.add(Applied-10*time.Millisecond, "run", recording.Event{Object: object})
	}
}

// inside is what the agent reads in a pod beside the matrix.
func (w *world) inside(p life, begin, end time.Duration) {
	if begin >= end {
		return
	}
	uid := UID(p.i)
	w.add(begin+20*time.Millisecond, Agent, recording.Event{VM: &recording.VM{
		Pod: uid, PID: p.pid(), NSPID: 1,
		Args:       []string{"-K", "true", "-sbwt", "none", "--", "-root", "/opt/derl", "-name", Node(p.i), "-setcookie", "(cookie)", "-config", "/tmp/sys.config"},
		Names:      []string{"COOKIE", "DISCOVERY_NAME", "HOME", "NAMESPACE", "PATH", "POD_IP", "VMARGS_PATH"},
		VMArgsPath: "/tmp/vm.args", VMArgs: []string{"-name " + Node(p.i), "-setcookie (cookie)", "+sbwt none"},
	}})
	w.add(begin+20*time.Millisecond, Agent, recording.Event{Resolver: &recording.Resolver{
		Pod: uid, Servers: []string{"10.96.0.10"}, Search: []string{Namespace + ".svc.cluster.local", "svc.cluster.local", "cluster.local"}, Options: []string{"ndots:5"},
		Hosts: []string{"127.0.0.1 localhost", IP(p.i) + " " + Name(p.i)},
	}})
	each(begin+250*time.Millisecond, end, 10*time.Second, func(t time.Duration) {
		w.add(t, Agent, recording.Event{Kernel: &recording.Kernel{
			Pod: uid, Outcome: recording.OK, Node: Node(p.i), Creation: p.creation(), TickTime: cmp.Or(w.ticktime, time.Minute), TickIntensity: 4, SetupTime: 7 * time.Second,
			ConnectAll: "true", Prevents: "true", ListenMin: DistPort, ListenMax: DistPort, Names: "longnames", Schedulers: 2,
		}})
		w.add(t, Agent, recording.Event{Registration: &recording.Registration{Pod: uid, Name: "derl", Outcome: recording.OK, Port: DistPort, Type: "normal", Highest: 6, Lowest: 6}})
	})
	each(begin+time.Second, end, time.Second, func(t time.Duration) {
		w.add(t, Agent, recording.Event{Asked: &recording.Asked{Pod: uid, Over: time.Second, Questions: []recording.Question{
			{Name: DNSName, Type: "A", Count: 1, RCodes: map[string]int{"NOERROR": 1}, Got: w.got(p, t), TTL: 30 * time.Second},
		}, Dialled: w.dialled(p, t-time.Second, t)}})
	})
}

// What an agent records at most of an interval: addresses of an answer, and addresses that were dialled.
const (
	maxGot     = 16
	maxDialled = 64
)

// got are the first addresses of the answer.
func (w *world) got(p life, t time.Duration) []string {
	all := w.dns(p, t).Addrs
	return slices.Clone(all[:min(len(all), maxGot)])
}

// dialled are the connections that the pod opened in an interval: to the epmd and then to the node of each pod of a lower number.
func (w *world) dialled(p life, from, to time.Duration) []recording.Dialled {
	var all []recording.Dialled
	for _, q := range w.pods {
		if at := max(p.joined, q.joined); q.i >= p.i || at <= from || at > to || !linked(p, q, at) {
			continue
		}
		for _, port := range []int{EPMDPort, DistPort} {
			if len(all) == maxDialled {
				return all
			}
			all = append(all, recording.Dialled{Addr: fmt.Sprintf("%s:%d", IP(q.i), port), Count: 1, Accepted: 1})
		}
	}
	return all
}
