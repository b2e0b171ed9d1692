package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	authv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/guard"
)

// atOnce is how many questions are asked at the same time.
const atOnce = 8

// Missing are those of the rights that the user does not have, with the verbs that are missing only. It asks the API server and
// changes nothing. namespace is that of the rights that are in one.
func Missing(ctx context.Context, client kubernetes.Interface, namespace string, all []Right) (missing []Right, err error) {
	lacks := make([][]string, len(all))
	errs := make([]error, len(all))
	places := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, r := range all {
		places <- struct{}{}
		guard.Go(&wg, func(bug error) { errs[i] = bug }, func() {
			defer func() { <-places }()
			lacks[i], errs[i] = r.lacks(ctx, client, namespace)
		})
	}
	wg.Wait()
	for i, r := range all {
		if r.Verbs = lacks[i]; len(r.Verbs) > 0 {
			missing = append(missing, r)
		}
	}
	return missing, errors.Join(errs...)
}

// lacks are the verbs that the user is not allowed.
func (r Right) lacks(ctx context.Context, client kubernetes.Interface, namespace string) (verbs []string, err error) {
	if r.Cluster {
		namespace = ""
	}
	names := r.Names
	if len(names) == 0 {
		names = []string{""}
	}
	main, sub, _ := strings.Cut(r.Resource, "/")
	for _, verb := range r.Verbs {
		for _, name := range names {
			a := authv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: r.Group, Resource: main, Subresource: sub, Name: name}
			review := &authv1.SelfSubjectAccessReview{Spec: authv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}
			answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
			if err != nil {
				return nil, fmt.Errorf("what the user may do: %w", err)
			}
			if !answer.Status.Allowed && !slices.Contains(verbs, verb) {
				verbs = append(verbs, verb)
			}
		}
	}
	return verbs, nil
}

// String names the right as an administrator looks for it: "create deployments.apps", "get secrets shop".
func (r Right) String() string {
	what := r.Resource
	if strings.Contains(r.Group, ".") && !strings.HasSuffix(r.Group, ".k8s.io") {
		what += "." + r.Group // a CRD's
	}
	if len(r.Names) > 0 {
		what += " " + strings.Join(r.Names, " ")
	}
	var all []string
	for _, v := range r.Verbs {
		all = append(all, v+" "+what)
	}
	return strings.Join(all, ", ")
}

// List names rights, each once.
func List(all []Right) string {
	var names []string
	for _, r := range all {
		if name := r.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Necessary are those of the missing rights without which there is no run; of the others, by is what is lost without them.
func Necessary(missing []Right) (necessary []Right, by map[string][]Right) {
	by = map[string][]Right{}
	for _, r := range missing {
		if r.Lost == "" {
			necessary = append(necessary, r)
		} else {
			by[r.Lost] = append(by[r.Lost], r)
		}
	}
	return necessary, by
}
