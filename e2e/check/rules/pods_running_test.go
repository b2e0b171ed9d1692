package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestPodsRunning(t *testing.T) {
	try(t, "pods/running", slices.Concat([]trial{
		{"the run ended before it was deployed", neverDeployed, []want{{whole, check.Unseen, "", []string{"the workload was not deployed"}}}},
		{"one pod was never created", func(s *rt.Recording) {
			s.Drop(isPod(2))
			s.Add(recording.Event{T: time.Second, By: "kube", Notice: &recording.Notice{Object: "Deployment/derl", Type: "Warning", Reason: "FailedCreate", Message: "exceeded quota"}})
		}, []want{{whole, check.Fail, "not-created", []string{"2 of 3 pods", "exceeded quota"}}}},
		{"Pod Security refuses the pods", func(s *rt.Recording) {
			s.Drop(isPod(0))
			s.Drop(isPod(1))
			s.Drop(isPod(2))
			s.Add(recording.Event{T: time.Second, By: "kube", Notice: &recording.Notice{Object: "ReplicaSet/derl-7f9c", Type: "Warning", Reason: "FailedCreate",
				Message: `Error creating: pods "derl-7f9c-abc" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or container "derl" must set securityContext.runAsNonRoot=true)`}})
		}, []want{{whole, check.Fail, "not-created", []string{"0 of 3 pods were created: the namespace enforces Pod Security restricted:latest, which refuses them: runAsNonRoot != true", "securityContext"}}}},
		{"a quota refuses the pods of a Deployment", func(s *rt.Recording) {
			s.Drop(isPod(2))
			s.Add(recording.Event{T: time.Second, By: "kube", Notice: &recording.Notice{Object: "ReplicaSet/derl-7f9c", Type: "Warning", Reason: "FailedCreate",
				Message: `Error creating: pods "derl-7f9c-abc" is forbidden: exceeded quota: small`}})
		}, []want{{whole, check.Fail, "not-created", []string{"2 of 3 pods were created: Kubernetes refuses them: exceeded quota: small"}}}},
		{"a quota tells what it counts", notCreated(`pods "derl-7f9c-abc" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2`), missing("raise ResourceQuota small, or ask for less: the controller tries again by itself")},
		{"a quota asks for limits", notCreated(`pods "derl-7f9c-abc" is forbidden: failed quota: small: must specify limits.memory for: derl`), missing("what ResourceQuota small counts")},
		{"a limit refuses the pods", notCreated(`pods "derl-7f9c-abc" is forbidden: maximum memory usage per Container is 64Mi, but limit is 256Mi`), missing("set the container's memory within the LimitRange")},
		{"their account is not there", notCreated(`pods "derl-7f9c-" is forbidden: error looking up service account shop/drel: serviceaccount "drel" not found`), missing("add ServiceAccount drel to the manifests")},
		{"a webhook says no", notCreated(`Error creating: admission webhook "policy.example" denied the request: no tag latest`), missing("a webhook of the cluster refuses them: no tag latest")},
		{"a claim waits for a class", waitsForClaim(`storageclass.storage.k8s.io "fast" not found`), []want{{pod(1), check.Fail, "not-running", []string{"claim data-" + rt.Name(1) + ": ProvisioningFailed", "kubectl get storageclass"}}}},
		{"a claim has no class", waitsForClaim("no persistent volumes available for this claim and no storage class is set"), []want{{pod(1), check.Fail, "not-running", []string{"set storageClassName of the claim"}}}},
		{"image cannot be pulled", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				e.Pod.Phase, e.Pod.Ready, e.Pod.IP = "Pending", false, ""
				e.Pod.Containers[0].State, e.Pod.Containers[0].Reason = "waiting", "ErrImagePull"
			})
		}, []want{{pod(1), check.Fail, "not-running", []string{rt.Name(1), "waiting (ErrImagePull)", "describe pod " + rt.Name(1)}}}},
		{"an init container fails", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				e.Pod.Phase, e.Pod.Ready = "Pending", false
				e.Pod.Containers = []recording.Container{{Name: "prepare", State: "waiting", Reason: "CrashLoopBackOff", Restarts: 3, Log: []string{"cp: cannot stat '/cookie/cookie'"}},
					{Name: "derl", State: "waiting", Reason: "PodInitializing"}}
			})
		}, []want{{pod(1), check.Fail, "not-running", []string{"container prepare", "CrashLoopBackOff", "cannot stat", "-c prepare"}}}},
		{"not scheduled", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				e.Pod.Phase, e.Pod.Ready, e.Pod.Containers, e.Pod.NotReady = "Pending", false, nil, "0/1 nodes are available: insufficient memory"
			})
		}, []want{{pod(1), check.Fail, "not-running", []string{rt.Name(1) + " is Pending", "insufficient memory"}}}},
		{"ended", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				e.Pod.Ready = false
				c := &e.Pod.Containers[0]
				c.State, c.Reason, c.ExitCode, c.Log = "terminated", "Error", 137, []string{"heart: killed"}
			})
		}, []want{{pod(1), check.Fail, "not-running", []string{"terminated (Error, exit code 137)", "log: heart: killed"}}}},
		{"killed for its memory limit, and waits", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				c := &e.Pod.Containers[0]
				e.Pod.Ready, c.State, c.Reason, c.Restarts, c.LastReason, c.LastExitCode, c.MemoryLimit = false, "waiting", "CrashLoopBackOff", 2, "OOMKilled", 137, "24Mi"
				c.Log = []string{"Cookie file must be accessible by owner only"} // what it said before is not why
			})
		}, []want{{pod(1), check.Fail, "out-of-memory", []string{"container derl of " + rt.Name(1) + " was killed by the kernel for its memory limit of 24Mi (OOMKilled, exit code 137), 2 times so far", "raise resources.limits.memory of container derl"}}}},
		{"killed for its memory limit just now", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				c := &e.Pod.Containers[0]
				e.Pod.Ready, c.State, c.Reason, c.ExitCode = false, "terminated", "OOMKilled", 137
			})
		}, []want{{pod(1), check.Fail, "out-of-memory", []string{"for its memory limit (OOMKilled, exit code 137)"}}}},
		{"killed once, and runs", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isPod(1)(e) && e.Pod.Ready }, func(e *recording.Event) {
				c := &e.Pod.Containers[0]
				c.Restarts, c.LastReason, c.LastExitCode, c.MemoryLimit = 1, "Error", 137, "64Mi"
			})
		}, []want{{pod(1), check.Fail, "restarted", []string{"has restarted 1 times; it ended last with exit code 137 (Error: by SIGKILL; its memory limit is 64Mi)"}}}},
		{"waits for its next start", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				c := &e.Pod.Containers[0]
				e.Pod.Ready, c.State, c.Reason, c.LastReason, c.LastExitCode = false, "waiting", "CrashLoopBackOff", "Error", 1
			})
		}, []want{{pod(1), check.Fail, "not-running", []string{"is waiting (CrashLoopBackOff); it ended last with exit code 1 (Error)"}}}},
		{"waits for its volume", func(s *rt.Recording) {
			s.Change(isPod(1), func(e *recording.Event) {
				e.Pod.Phase, e.Pod.Ready, e.Pod.Containers, e.Pod.NotReady = "Pending", false, nil, "pod has unbound immediate PersistentVolumeClaims"
			})
			for _, claim := range []string{"data-" + rt.Name(1), "of-another"} {
				s.Add(recording.Event{T: 3 * time.Second, By: "kube", Notice: &recording.Notice{Object: "PersistentVolumeClaim/" + claim, Type: "Normal", Reason: "FailedBinding", Message: "no storage class is set for " + claim}})
			}
		}, []want{{pod(1), check.Fail, "not-running", []string{"unbound immediate PersistentVolumeClaims; claim data-" + rt.Name(1) + ": FailedBinding: no storage class is set for data-" + rt.Name(1)}}}},
		{"the first pod waits for the second", ordered(""), []want{{whole, check.Fail, "waits-in-order", []string{
			"1 of 3 pods were created: StatefulSet derl makes derl-1 when " + rt.Name(0) + " is Ready (podManagementPolicy: OrderedReady), and " + rt.Name(0) + " is not Ready",
			"podManagementPolicy: Parallel", "publishNotReadyAddresses: true on Service derl", "only one node"}}, {pod(0), check.Fail, "waits-in-order", []string{rt.Name(0) + " runs: StatefulSet derl makes"}}}},
		{"the first pod waits, and pods are made in parallel", ordered("Parallel"), []want{{whole, check.Fail, "not-created", []string{"1 of 3 pods were created"}}}},
		{"the first pod of several does not run", all(ordered(""), func(s *rt.Recording) { dies(s, 0, "cannot say why") }),
			[]want{{whole, check.Fail, "not-created", []string{"and " + rt.Name(0) + " is not Ready", "mend what keeps " + rt.Name(0) + " from running"}}, {pod(0), check.Fail, "not-running", nil}}},
		{"says what it died of", func(s *rt.Recording) {
			dies(s, 1, "Restarting", "{error_logger,info_msg,\"Can't set long node name!\\nPlease check your configuration\"}")
		},
			[]want{{pod(1), check.Fail, "bad-name", []string{"its log says", "Can't set long node name", "-name NAME@${POD_IP}"}}}},
		{"short names", func(s *rt.Recording) { dies(s, 1, "Restarting", "Can't set short node name!") },
			[]want{{pod(1), check.Fail, "bad-name", []string{"Can't set short node name", "RELEASE_DISTRIBUTION=name"}}}},
		{"its start script runs on without the VM", withoutVM(1, "ejabberd is not running"), []want{{pod(1), check.Fail, "not-running", []string{"the VM of " + rt.Name(1) + " ended at 6.0 s, and its container runs on", "start script end when the VM ends"}}}},
		{"its start script runs on without the VM, and the log says why", withoutVM(1, "Cookie file /var/lib/ejabberd/.erlang.cookie must be accessible by owner only"),
			[]want{{pod(1), check.Fail, "cookie-file", []string{"its container runs on without it", "must be accessible by owner only", "0400"}}}},
		{"the VM has ended only now", all(withoutVM(1, ""), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Process != nil && e.Process.Exited }, func(e *recording.Event) { e.T = s.Events[len(s.Events)-1].T - time.Second })
		}), nil},
		{"the first pod waits, without its VM", all(ordered(""), withoutVM(0, "")), []want{{whole, check.Fail, "not-created", []string{"mend what keeps " + rt.Name(0) + " from running"}}, {pod(0), check.Fail, "not-running", nil}}},
		{"restarted", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isPod(0)(e) && e.Pod.Ready }, func(e *recording.Event) { e.Pod.Containers[0].Restarts = 3 })
		}, []want{{pod(0), check.Fail, "restarted", []string{rt.Name(0), "3 times", "--previous"}}}},
		{"starts again and again", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return isPod(0)(e) && e.Pod.Ready }, func(e *recording.Event) { e.Pod.Containers[0].Restarts, e.Pod.Ready = 3, false })
		}, []want{{pod(0), check.Fail, "restarting", []string{rt.Name(0), "3 times and is not ready", "--previous"}}}},
		{"the API server was not watched", func(s *rt.Recording) { s.Drop(byKube) }, []want{{whole, check.Unseen, "", []string{"API server"}}}},
		{"a pod too many that is not ready yet", surge, nil},
	}, crashes()))
}

// ordered makes the workload a StatefulSet whose first pod is never Ready, and whose other pods were not created.
func ordered(policy string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Drop(isPod(1))
		s.Drop(isPod(2))
		s.Change(isPod(0), func(e *recording.Event) { e.Pod.Ready, e.Pod.Owner = false, "StatefulSet/derl" })
		s.Add(recording.Event{T: 5 * time.Second, By: "kube", Notice: &recording.Notice{Object: "Pod/" + rt.Name(0), Type: "Warning", Reason: "Unhealthy", Message: "Readiness probe failed: only one node"}})
		rewrite("Deployment", `"kind":"Deployment"`, `"kind":"StatefulSet"`)(s)
		rewrite("Deployment", `"replicas":3,`, `"replicas":3,"serviceName":"derl","podManagementPolicy":"`+policy+`",`)(s)
		s.Change(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Deployment" }, func(e *recording.Event) { e.Object.Kind = "StatefulSet" })
		edit(s, func(p *profile.Resolved) { p.Workloads[0].Kind = "StatefulSet" })
	}
}

// withoutVM ends the VM of a pod; a start script in its container runs on, and starts VMs that ask for the node.
func withoutVM(i int, log string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isPod(i), func(e *recording.Event) { e.Pod.Ready, e.Pod.Containers[0].Log = false, []string{log} })
		pid := 0
		for _, e := range s.Events {
			if e.VM != nil && e.VM.Pod == rt.UID(i) {
				pid = e.VM.PID
			}
		}
		s.Add(recording.Event{T: 6 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(i), PID: pid, Exited: true}},
			recording.Event{T: 7 * time.Second, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(i), PID: 99}},
			recording.Event{T: 7 * time.Second, By: rt.Agent, VM: &recording.VM{Pod: rt.UID(i), PID: 99, Args: []string{"-name", "undefined@derl", "-hidden", "-s", "ejabberd_ctl"}}})
	}
}

// crashes are recordings of a VM that dies, by the diagnosis that its last words are: sentences of OTP, of shells and of kernels.
func crashes() []trial {
	var all []trial
	for code, words := range map[string]string{
		"cookie-file":        "Cookie file /home/derl/.erlang.cookie must be accessible by owner only",
		"name-taken":         "Protocol 'inet_tcp': the name derl@10.244.0.3 seems to be in use by another Erlang node",
		"port-taken":         "Protocol 'inet_tcp': register/listen error: eaddrinuse",
		"epmd-unreachable":   "Protocol 'inet_tcp': register/listen error: econnrefused",
		"unknown-protocol":   "Protocol 'inet6_tcp-eval': not supported",
		"bad-interface":      "Protocol 'inet_tcp': register/listen error: badarg",
		"host-unknown":       `Kernel pid terminated (application_controller) ("{application_start_failure,rabbitmq_prelaunch,{{shutdown,{failed_to_start_child,prelaunch,{epmd_error,\"rabbitmq-0.rabbitmq.x.svc.cluster.local\",nxdomain}}}}")`,
		"wrong-architecture": "exec /opt/derl/bin/derl: exec format error",
		"read-only":          "/opt/derl/bin/derl: 12: cannot create /opt/derl/releases/1/vm.args: Read-only file system",
	} {
		all = append(all, trial{"dies with " + code, func(s *rt.Recording) { dies(s, 1, "starting", words) },
			[]want{{pod(1), check.Fail, code, []string{"terminated (Error, exit code 1)", words}}}})
	}
	return all
}

// notCreated leaves one pod out, with what the ReplicaSet says of it.
func notCreated(message string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Drop(isPod(2))
		s.Add(recording.Event{T: time.Second, By: "kube", Notice: &recording.Notice{Object: "ReplicaSet/derl-7f9c", Type: "Warning", Reason: "FailedCreate", Message: message}})
	}
}

func missing(says ...string) []want {
	return []want{{whole, check.Fail, "not-created", append(says, "2 of 3 pods")}}
}

// waitsForClaim lets pod 1 wait for its claim, of which the event says why.
func waitsForClaim(message string) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isPod(1), func(e *recording.Event) {
			e.Pod.Phase, e.Pod.Ready, e.Pod.Containers, e.Pod.NotReady = "Pending", false, nil, "pod has unbound immediate PersistentVolumeClaims"
		})
		s.Add(recording.Event{T: time.Second, By: "kube", Notice: &recording.Notice{Object: "PersistentVolumeClaim/data-" + rt.Name(1), Type: "Warning", Reason: "ProvisioningFailed", Message: message}})
	}
}
