package evidence

import (
	"cmp"
	"fmt"
	"regexp"

	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/view"
)

// APIGaveNobody reports whether each of the pods asked the API server, and nothing else for peers, and dialled none. It is false where
// a pod was not heard all the time.
func APIGaveNobody(v *view.View, pods []*view.Pod) bool {
	for _, p := range pods {
		t := v.Trail(p)
		if !t.Complete() || !t.API || len(v.Seeks(p, t)) > 0 || len(t.Peers()) > 0 {
			return false
		}
	}
	return len(pods) > 0
}

// denied is how programs log that the API server refused to answer: the words of its Status and of HTTP, or the number beside a word
// for it.
var denied = regexp.MustCompile(`(?i)\bforbidden\b|\bunauthorized\b|\bcannot (?:get|list|watch) resource\b|\b(?:http|status|code|response)\w*\W{1,4}40[13]\b`)

// DeniedInLog is the first line of the pods' logs that says that the API server refused to answer, and the pod. It is nil where none
// does, or no log was read.
func DeniedInLog(pods []*view.Pod) (*view.Pod, string) {
	for _, p := range pods {
		for _, c := range p.Last().Containers {
			for _, l := range c.Log {
				if denied.MatchString(l) {
					return p, l
				}
			}
		}
	}
	return nil, ""
}

// tokenRefused are the words for a request without a token that the API server takes.
var tokenRefused = regexp.MustCompile(`(?i)\bunauthorized\b|\b401\b`)

// TokenRefused reports whether a line that says that the API server refused means the token itself, not a right.
func TokenRefused(line string) bool { return tokenRefused.MatchString(line) }

// APIRights says what the manifests let the pods' account read, as far as they show it: that it may not (allowed is false), or what it
// may. "" where it is not known what is asked for, or what the account may.
func APIRights(v *view.View, pods []*view.Pod) (says string, allowed bool) {
	m := objects.Read(v)
	for _, w := range m.Members {
		if w.Err != nil || len(pods) == 0 || !fits(w.Labels(), pods[0].Last().Labels) {
			continue
		}
		a := m.AsksAPI(w)
		if a == nil || a.Unsure != "" || a.Not != "" || a.Beside != "" {
			return "", false
		}
		ns := cmp.Or(w.Namespace, v.Header.Namespace)
		r := m.RightsOf(ns, w.Account())
		for _, need := range a.Needs {
			if !r.Allow(need, cmp.Or(a.Namespace, ns), a.Everywhere) {
				if r.Unknown != "" {
					return "", false
				}
				return fmt.Sprintf("no role in the manifests lets ServiceAccount %s %s", w.Account(), need[0]), false
			}
		}
		return fmt.Sprintf("the manifests let ServiceAccount %s %s", w.Account(), a.Needs[0][0]), true
	}
	return "", false
}
