package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
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
		{"says what it died of", func(s *rt.Recording) {
			dies(s, 1, "Restarting", "{error_logger,info_msg,\"Can't set long node name!\\nPlease check your configuration\"}")
		},
			[]want{{pod(1), check.Fail, "bad-name", []string{"its log says", "Can't set long node name", "-name NAME@${POD_IP}"}}}},
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

// crashes are recordings of a VM that dies, by the diagnosis that its last words are: sentences of OTP, of shells and of kernels.
func crashes() []trial {
	var all []trial
	for code, words := range map[string]string{
		"cookie-file":        "Cookie file /home/derl/.erlang.cookie must be accessible by owner only",
		"name-taken":         "Protocol 'inet_tcp': the name derl@10.244.0.3 seems to be in use by another Erlang node",
		"port-taken":         "Protocol 'inet_tcp': register/listen error: eaddrinuse",
		"epmd-unreachable":   "Protocol 'inet_tcp': register/listen error: econnrefused",
		"wrong-architecture": "exec /opt/derl/bin/derl: exec format error",
		"read-only":          "/opt/derl/bin/derl: 12: cannot create /opt/derl/releases/1/vm.args: Read-only file system",
	} {
		all = append(all, trial{"dies with " + code, func(s *rt.Recording) { dies(s, 1, "starting", words) },
			[]want{{pod(1), check.Fail, code, []string{"terminated (Error, exit code 1)", words}}}})
	}
	return all
}
