package evidence

import (
	"regexp"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

// violation is how Pod Security admission refuses a pod: the level of the namespace, and what of the pod is against it.
var violation = regexp.MustCompile(`violates PodSecurity "([^"]+)": (.*)`)

// Refused says why Kubernetes did not create pods of the workload, where that is known, and what to do about it. Both are "" where
// no event says it.
func Refused(v *view.View) (why, remedy string) {
	for _, o := range WorkloadObjects(v) {
		for _, n := range v.Notices(o) {
			if n.Reason != "FailedCreate" {
				continue
			}
			if m := violation.FindStringSubmatch(n.Message); m != nil {
				return ": the namespace enforces Pod Security " + m[1] + ", which refuses them: " + m[2],
					"set in the pod template's securityContext what is listed, or deploy to a namespace with another label pod-security.kubernetes.io/enforce"
			}
			if _, after, is := strings.Cut(n.Message, "is forbidden: "); is {
				why, remedy = ": Kubernetes refuses them: "+after, remedyFor(after)
			} else if _, after, is = strings.Cut(n.Message, "denied the request: "); is {
				why, remedy = ": a webhook of the cluster refuses them: "+after, "change the pod template so that the webhook takes it, or ask who runs the cluster"
			}
		}
	}
	return why, remedy
}

// refusals are reasons for which Kubernetes refuses a pod, and what to do; $1 is what the expression has found.
var refusals = []struct {
	says   *regexp.Regexp
	remedy string
}{
	{regexp.MustCompile(`exceeded quota: ([^,]+)`), "raise ResourceQuota $1, or ask for less: the controller tries again by itself, and creates the pods when there is room"},
	{regexp.MustCompile(`failed quota: ([^:]+): must specify`), "set in the container's resources what ResourceQuota $1 counts"},
	{regexp.MustCompile(`(?:maximum|minimum) ([a-z-]+) usage`), "set the container's $1 within the LimitRange of the namespace"},
	{regexp.MustCompile(`serviceaccount "([^"]*)" not found`), "add ServiceAccount $1 to the manifests, or correct serviceAccountName in the pod template"},
}

func remedyFor(refusal string) string {
	for _, r := range refusals {
		if m := r.says.FindStringSubmatch(refusal); m != nil {
			return strings.ReplaceAll(r.remedy, "$1", m[1])
		}
	}
	return ""
}

// WorkloadObjects are the workloads, and the ReplicaSets through which Deployments create their pods, as events name them.
func WorkloadObjects(v *view.View) []string {
	var all []string
	for _, w := range v.Profile.Workloads {
		all = append(all, w.Kind+"/"+w.Name)
		if w.Kind != "Deployment" {
			continue
		}
		for _, o := range v.NoticedObjects() {
			if strings.HasPrefix(o, "ReplicaSet/"+w.Name+"-") {
				all = append(all, o)
			}
		}
	}
	return all
}
