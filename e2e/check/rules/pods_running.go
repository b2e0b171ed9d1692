package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func podsRunning() check.Check {
	return check.Check{
		ID: "pods/running", Title: "runs every replica without restarts", Rung: check.Pods, Level: check.Required, Scenario: "formation", Settles: true,
		Reads:  []recording.Kind{recording.KindPod},
		Why:    "A node that crashes or never starts cannot be a member. One that restarts is a new node for its peers (a new creation).",
		Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/",
		Causes: stopped(),
		Judge: func(v *view.View) []check.Finding {
			var all []check.Finding
			pods := check.Members(v)
			if len(pods) == 0 && !v.KubeSeen() {
				return check.NothingSeen(v, "the API server was not watched, so it is not known whether there are pods")
			}
			if evidence.NotDeployed(v, pods) {
				return check.NothingSeen(v, "the workload was not deployed")
			}
			var o *evidence.Ordered
			if want := v.Replicas(v.End()); len(pods) < want {
				why, remedy := evidence.Refused(v)
				f := check.Finding{Subject: check.OnWorkload(v), Of: check.Images(v), Outcome: check.Fail, Code: "not-created",
					Message: fmt.Sprintf("%d of %d pods were created%s", len(pods), want, why), Remedy: remedy, Seen: evidence.Warnings(v, evidence.WorkloadObjects(v)...)}
				if why == "" {
					o = evidence.WaitsInOrder(v)
				}
				if o != nil {
					inOrder(v, o, &f)
				}
				all = append(all, f)
			}
			for _, p := range pods {
				f := running(v, p)
				if f.Outcome == check.Pass && o != nil && o.For == p {
					f.Outcome = check.Fail // nothing is seen of its node from peers, either
					f.Message = p.Name + " runs"
					inOrder(v, o, &f)
				}
				all = append(all, f)
			}
			if o != nil && !o.Runs { // the cause first: pods are missing because that one does not run
				all = append(all[1:], all[0])
			}
			return all
		},
	}
}

// inOrder explains pods that are missing because a StatefulSet waits for the one before them. What keeps a container of that pod from
// running is a finding of its own, before this one.
func inOrder(v *view.View, o *evidence.Ordered, f *check.Finding) {
	f.Message += ": " + o.Says()
	if !o.Runs {
		f.Remedy = "mend what keeps " + o.For.Name + " from running"
		return
	}
	f.Code, f.Remedy = "waits-in-order", o.Remedy(v)
	f.Seen = append(f.Seen, evidence.Warnings(v, "Pod/"+o.For.Name)...)
	f.Try = fmt.Sprintf("kubectl -n %s describe pod %s", v.Header.Namespace, o.For.Name)
}

// stopped gives every way of not running the same consequences: nothing can be seen of a VM that does not run.
func stopped() map[string][]string {
	all := check.From(check.DNS, "pods/ready", "vm/*")
	m := map[string][]string{"not-created": all, "waits-in-order": all, "not-running": all, "out-of-memory": all, "restarting": all, "restarted": check.NeedsMesh("pods/ready", "dns/a-records-match-pods")}
	for _, c := range crashes {
		m[c.code] = all
	}
	return m
}

func running(v *view.View, p *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Of: check.Images(v), Outcome: check.Pass}
	s := p.Last()
	for _, c := range s.Containers {
		switch {
		case c.State != "running":
			f.Outcome, f.Code = check.Fail, "not-running"
			f.Message = fmt.Sprintf("container %s of %s is %s%s%s", c.Name, p.Name, c.State, evidence.Because(c), evidence.LastEnd(c))
		case c.Restarts > 0 && !p.Ready(v.End()):
			f.Outcome, f.Code = check.Fail, "restarting"
			f.Message = fmt.Sprintf("container %s of %s has restarted %d times and is not ready%s", c.Name, p.Name, c.Restarts, evidence.LastEnd(c))
		case c.Restarts > 0:
			f.Outcome, f.Code = check.Fail, "restarted"
			f.Message = fmt.Sprintf("container %s of %s has restarted %d times%s", c.Name, p.Name, c.Restarts, evidence.LastEnd(c))
		default:
			continue
		}
		if what, is := evidence.OutOfMemory(c); is {
			f.Code, f.Message = "out-of-memory", fmt.Sprintf("container %s of %s %s", c.Name, p.Name, what)
			if c.Restarts > 0 {
				f.Message += fmt.Sprintf(", %s so far", evidence.Times(int(c.Restarts)))
			}
			f.Remedy = "raise resources.limits.memory of container " + c.Name + "; erlang:memory() in a console shows what a node uses"
		}
		f.Seen = append(evidence.LastLog(c), evidence.Warnings(v, "Pod/"+p.Name)...)
		f.Try = fmt.Sprintf("kubectl -n %s logs %s -c %s --previous", v.Header.Namespace, p.Name, c.Name)
		if c.Restarts == 0 && c.State == "waiting" {
			f.Try = fmt.Sprintf("kubectl -n %s describe pod %s", v.Header.Namespace, p.Name) // it never ran, so there is no log
		}
		if line, why, found := crashReason(append([]string{c.Message}, c.Log...)); found && f.Code != "out-of-memory" {
			f.Code, f.Remedy = why.code, why.remedy
			f.Message += fmt.Sprintf("; its log says %q", strings.TrimSpace(line))
		}
		return f
	}
	if at, ended := p.VMEnded(); ended && s.Phase == "Running" && !p.Ready(v.End()) && !p.Leaving(v.End()) && v.End()-at > vmGrace {
		withoutVM(v, p, at, &f)
		return f
	}
	if len(s.Containers) == 0 || s.Phase != "Running" {
		f.Outcome, f.Code = check.Fail, "not-running"
		f.Message = fmt.Sprintf("%s is %s", p.Name, s.Phase)
		if s.NotReady != "" {
			f.Message += ": " + s.NotReady
		}
		claims := evidence.Claims(v, p)
		if len(claims) > 0 {
			f.Message += "; " + claims[0]
			f.Remedy = evidence.ClaimRemedy(claims[0])
		}
		f.Seen = slices.Concat(claims, evidence.Warnings(v, "Pod/"+p.Name))
		f.Try = fmt.Sprintf("kubectl -n %s describe pod %s", v.Header.Namespace, p.Name)
	}
	return f
}

// vmGrace is how long a start script may take to start the next VM in the same container.
const vmGrace = 5 * time.Second

// withoutVM fails the finding: the node has ended, and its container, with a start script that waits for it or tries to reach it, runs on.
func withoutVM(v *view.View, p *view.Pod, at time.Duration, f *check.Finding) {
	f.Outcome, f.Code, f.At = check.Fail, "not-running", at
	f.Message = fmt.Sprintf("the VM of %s ended at %.1f s, and its container runs on without it", p.Name, at.Seconds())
	f.Remedy = "let the start script end when the VM ends, so that Kubernetes starts the container again"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
	for _, c := range p.Last().Containers {
		f.Seen = append(f.Seen, evidence.LastLog(c)...)
		if line, why, found := crashReason(c.Log); found {
			f.Code, f.Remedy = why.code, why.remedy
			f.Message += fmt.Sprintf("; its log says %q", strings.TrimSpace(line))
			return
		}
	}
}

// crash is a known reason why a VM or its start script stops, and how to find it in the log.
type crash struct {
	code   string
	words  []string // lower case; the line contains one of them
	remedy string
}

// crashes are tried in this order: the first that matches a line of the log is the diagnosis.
var crashes = []crash{
	{"cookie-file", []string{"must be accessible by owner only"}, "mount the cookie file with mode 0400 and without fsGroup, or pass the cookie with -setcookie instead of a file"},
	{"name-taken", []string{"seems to be in use by another erlang node"}, "give each pod a unique node name (NAME@$(POD_IP)), and do not start a second VM with the name of the node"},
	{"bad-name", []string{"can't set long node name", "invalid node name", "invalid_node_name"}, "start the VM with a complete name, for example -name NAME@${POD_IP} with env {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}"},
	{"bad-name", []string{"can't set short node name"}, "if the host in the name has dots or is an address, use long names: -name instead of -sname, RELEASE_DISTRIBUTION=name for mix release, RABBITMQ_USE_LONGNAME=true for RabbitMQ"},
	{"port-taken", []string{"eaddrinuse", "address already in use"}, "find what else listens on that port in the pod's network namespace (hostNetwork, a second VM, inet_dist_listen_min in ERL_FLAGS)"},
	{"epmd-unreachable", []string{"register/listen error: econnrefused", "no_reg_reply_from_epmd", "error_connecting_to_epmd", "[\"inet_tcp\",econnrefused]", "[\"inet6_tcp\",econnrefused]"}, "check that epmd can start in the container and is not bound to another address (ERL_EPMD_ADDRESS), or run without epmd (ERL_DIST_PORT)"},
	{"unknown-protocol", []string{"': not supported"}, "correct the value of -proto_dist: inet_tcp, inet6_tcp, inet_tls or inet6_tls, with a space behind it"},
	{"bad-interface", []string{"register/listen error: badarg"}, "leave inet_dist_use_interface out, or write a tuple of the protocol's family: {0,0,0,0} with inet_tcp, {0,0,0,0,0,0,0,0} with inet6_tcp"},
	{"host-unknown", []string{"\",nxdomain}", ": nxdomain (non-existing domain)"}, "check that the host in the node's name resolves in the pod; where pods have IPv6 addresses, the VM has to look those up: a file with {inet6, true}. that -kernel inetrc names"},
	{"wrong-architecture", []string{"exec format error"}, "build the image for the architecture of the Kubernetes nodes (docker buildx build --platform …)"},
	{"read-only", []string{"read-only file system", ": cannot create "}, "mount an emptyDir at /tmp and set RELX_OUT_FILE_PATH=/tmp (RELEASE_TMP=/tmp): the start script writes vm.args and sys.config"},
}

// crashReason finds the line of a log that says why the VM did not start.
func crashReason(log []string) (line string, why crash, found bool) {
	for _, c := range crashes {
		for _, l := range log {
			for _, w := range c.words {
				if strings.Contains(strings.ToLower(l), w) {
					return l, c, true
				}
			}
		}
	}
	return "", crash{}, false
}
