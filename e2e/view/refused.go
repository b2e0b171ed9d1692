package view

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// refusedGrace is how long Kubernetes must have refused to create pods, and created none, until that counts as lasting: controllers try
// again, and a quota may have room when another pod has ended.
const refusedGrace = 15 * time.Second

// lasting are the refusals that another attempt does not change as long as nobody changes an object: a quota, a limit, Pod Security, a
// webhook that says no, an account that is not there. A webhook that cannot be reached is none: it may be starting.
var lasting = regexp.MustCompile(`exceeded quota|failed quota|violates PodSecurity|(maximum|minimum) [a-z- ]+ usage|denied the request|serviceaccounts? "[^"]*" not found`)

// refused says what Kubernetes says of pods that it does not create, where that lasts; "" if they may still come.
func (v *View) refused() string {
	have, youngest := 0, time.Duration(0)
	for _, p := range v.Pods() {
		youngest = max(youngest, p.First)
		if !p.Leaving(v.end) {
			have++
		}
	}
	want := v.Replicas(v.end)
	if have >= want {
		return ""
	}
	first, why := time.Duration(0), ""
	for _, e := range v.notices {
		if n := e.Notice; n.Reason == "FailedCreate" && v.makes(n.Object) {
			if why == "" {
				first = e.T
			}
			if why = n.Message; !lasting.MatchString(why) {
				why = ""
			}
		}
	}
	if why == "" || v.end-max(first, youngest) < refusedGrace {
		return ""
	}
	return fmt.Sprintf("%d of %d pods were created, and for %.0f s Kubernetes has refused the others: %s", have, want, (v.end - max(first, youngest)).Seconds(), why)
}

// makes reports whether an object, as events name it, creates pods of the workload: itself, or the ReplicaSet of a Deployment.
func (v *View) makes(object string) bool {
	for _, w := range v.Profile.Workloads {
		if object == w.Kind+"/"+w.Name || w.Kind == "Deployment" && strings.HasPrefix(object, "ReplicaSet/"+w.Name+"-") {
			return true
		}
	}
	return false
}
