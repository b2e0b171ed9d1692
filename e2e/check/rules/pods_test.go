package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// neverDeployed is a recording that ended before the workload's objects were made.
func neverDeployed(s *rt.Story) {
	s.Drop(func(e recording.Event) bool { return e.Pod != nil || e.Act != nil && e.Act.Do == "apply" })
}

func podTrials() map[string][]trial {
	isImage := func(e recording.Event) bool { return e.Image != nil }
	unready := func(t time.Duration) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return isPod(1)(e) && e.Pod.Ready && e.T >= t }, func(e *recording.Event) {
				e.Pod.Ready, e.Pod.NotReady = false, "containers with unready status: [derl]"
				e.Pod.Containers[0].Log = []string{"cannot bind 4369"}
			})
		}
	}
	all := map[string][]trial{
		"image/available": {
			{"build failed", func(s *rt.Story) {
				s.Change(isImage, func(e *recording.Event) {
					e.Image.Outcome, e.Image.Detail = "failed", "STEP 4\nrebar3: no such file"
				})
			}, []want{{"image " + rt.Image, check.Fail, "image-failed", []string{rt.Image, "rebar3: no such file"}}}},
			{"a node cannot pull it", func(s *rt.Story) {
				s.Change(isPod(1), func(e *recording.Event) {
					e.Pod.Phase, e.Pod.Ready, e.Pod.IP = "Pending", false, ""
					c := &e.Pod.Containers[0]
					c.State, c.Reason, c.Message = "waiting", "ImagePullBackOff", "no such host"
				})
			}, []want{{"image " + rt.Image, check.Fail, "not-pulled", []string{rt.Image, rt.Name(1), "(ImagePullBackOff)", "no such host", "describe pod " + rt.Name(1)}},
				{pod(1), check.Fail, "not-pulled", []string{rt.Image, "(ImagePullBackOff)"}}}},
			{"not recorded", func(s *rt.Story) { s.Drop(isImage) }, []want{{whole, check.Unseen, "", []string{"no image"}}}},
			{"pulled", func(s *rt.Story) { s.Change(isImage, func(e *recording.Event) { e.Image.Outcome = "pulled" }) }, nil},
		},
		"pods/running": {
			{"the run ended before it was deployed", neverDeployed, []want{{whole, check.Unseen, "", []string{"the workload was not deployed"}}}},
			{"one pod was never created", func(s *rt.Story) {
				s.Drop(isPod(2))
				s.Add(recording.Event{T: time.Second, By: "kube", Notice: &recording.Notice{Object: "Deployment/derl", Type: "Warning", Reason: "FailedCreate", Message: "exceeded quota"}})
			}, []want{{whole, check.Fail, "not-created", []string{"2 of 3 pods", "exceeded quota"}}}},
			{"image cannot be pulled", func(s *rt.Story) {
				s.Change(isPod(1), func(e *recording.Event) {
					e.Pod.Phase, e.Pod.Ready, e.Pod.IP = "Pending", false, ""
					e.Pod.Containers[0].State, e.Pod.Containers[0].Reason = "waiting", "ErrImagePull"
				})
			}, []want{{pod(1), check.Fail, "not-running", []string{rt.Name(1), "waiting (ErrImagePull)", "describe pod " + rt.Name(1)}}}},
			{"an init container fails", func(s *rt.Story) {
				s.Change(isPod(1), func(e *recording.Event) {
					e.Pod.Phase, e.Pod.Ready = "Pending", false
					e.Pod.Containers = []recording.Container{{Name: "prepare", State: "waiting", Reason: "CrashLoopBackOff", Restarts: 3, Log: []string{"cp: cannot stat '/cookie/cookie'"}},
						{Name: "derl", State: "waiting", Reason: "PodInitializing"}}
				})
			}, []want{{pod(1), check.Fail, "not-running", []string{"container prepare", "CrashLoopBackOff", "cannot stat", "-c prepare"}}}},
			{"not scheduled", func(s *rt.Story) {
				s.Change(isPod(1), func(e *recording.Event) {
					e.Pod.Phase, e.Pod.Ready, e.Pod.Containers, e.Pod.NotReady = "Pending", false, nil, "0/1 nodes are available: insufficient memory"
				})
			}, []want{{pod(1), check.Fail, "not-running", []string{rt.Name(1) + " is Pending", "insufficient memory"}}}},
			{"ended", func(s *rt.Story) {
				s.Change(isPod(1), func(e *recording.Event) {
					e.Pod.Ready = false
					c := &e.Pod.Containers[0]
					c.State, c.Reason, c.ExitCode, c.Log = "terminated", "Error", 137, []string{"heart: killed"}
				})
			}, []want{{pod(1), check.Fail, "not-running", []string{"terminated (Error, exit code 137)", "log: heart: killed"}}}},
			{"says what it died of", func(s *rt.Story) {
				dies(s, 1, "Restarting", "{error_logger,info_msg,\"Can't set long node name!\\nPlease check your configuration\"}")
			},
				[]want{{pod(1), check.Fail, "bad-name", []string{"its log says", "Can't set long node name", "-name NAME@${POD_IP}"}}}},
			{"restarted", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return isPod(0)(e) && e.Pod.Ready }, func(e *recording.Event) { e.Pod.Containers[0].Restarts = 3 })
			}, []want{{pod(0), check.Fail, "restarted", []string{rt.Name(0), "3 times", "--previous"}}}},
			{"starts again and again", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return isPod(0)(e) && e.Pod.Ready }, func(e *recording.Event) { e.Pod.Containers[0].Restarts, e.Pod.Ready = 3, false })
			}, []want{{pod(0), check.Fail, "restarting", []string{rt.Name(0), "3 times and is not ready", "--previous"}}}},
			{"the API server was not watched", func(s *rt.Story) { s.Drop(byKube) }, []want{{whole, check.Unseen, "", []string{"API server"}}}},
			{"a pod too many that is not ready yet", surge, nil},
		},
		"pods/ready": {
			{"never ready", unready(0), []want{{pod(1), check.Fail, "not-ready", []string{rt.Name(1), "after 14 s", "unready status", "cannot bind 4369"}}}},
			{"no pod was reported", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.Pod != nil })
			}, []want{{whole, check.Unseen, "", []string{"no pod"}}}},
			{"readiness flips and comes back", func(s *rt.Story) {
				flip(s, 1, 6*time.Second, 7*time.Second)
			}, nil},
			{"a pod too many that is not ready yet", surge, nil},
			{"an old pod is on its way out", leaving, nil},
		},
	}
	for code, words := range lastWords {
		all["pods/running"] = append(all["pods/running"], trial{"dies with " + code, func(s *rt.Story) { dies(s, 1, "starting", words) },
			[]want{{pod(1), check.Fail, code, []string{"terminated (Error, exit code 1)", words}}}})
	}
	return all
}

// lastWords are sentences of OTP, of shells and of kernels, by the diagnosis that each is.
var lastWords = map[string]string{
	"cookie-file":        "Cookie file /home/derl/.erlang.cookie must be accessible by owner only",
	"name-taken":         "Protocol 'inet_tcp': the name derl@10.244.0.3 seems to be in use by another Erlang node",
	"port-taken":         "Protocol 'inet_tcp': register/listen error: eaddrinuse",
	"epmd-unreachable":   "Protocol 'inet_tcp': register/listen error: econnrefused",
	"wrong-architecture": "exec /opt/derl/bin/derl: exec format error",
	"read-only":          "/opt/derl/bin/derl: 12: cannot create /opt/derl/releases/1/vm.args: Read-only file system",
}

// dies is pod i's container having ended with these lines in its log.
func dies(s *rt.Story, i int, log ...string) {
	s.Change(isPod(i), func(e *recording.Event) {
		e.Pod.Ready = false
		c := &e.Pod.Containers[0]
		c.State, c.Reason, c.ExitCode, c.Log = "terminated", "Error", 1, log
	})
}

// surge is a fourth pod where three are asked for, not Ready at the end.
func surge(s *rt.Story) {
	four := rt.Formation(4)
	for _, e := range four.Events {
		if e.Pod != nil && e.Pod.UID == rt.UID(3) && !e.Pod.Ready {
			s.Add(e)
		}
	}
}

// leaving is a fourth pod where three are asked for, which is being deleted but still in the mesh and in DNS.
func leaving(s *rt.Story) {
	four := rt.Formation(4)
	s.Events = four.Events
	s.Change(func(e recording.Event) bool { return isPod(3)(e) && e.Pod.Ready }, func(e *recording.Event) { e.Pod.Deleting = true })
}

// flip makes pod i not Ready between two times.
func flip(s *rt.Story, i int, from, to time.Duration) {
	var ready recording.Pod
	for _, e := range s.Events {
		if isPod(i)(e) && e.Pod.Ready {
			ready = *e.Pod
		}
	}
	not := ready
	not.Ready = false
	s.Add(recording.Event{T: from, By: "kube", Pod: &not}, recording.Event{T: to, By: "kube", Pod: &ready})
}
