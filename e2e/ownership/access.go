package ownership

import (
	"context"
	"fmt"

	authv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// needed is what a user must be allowed to do so that a run has a reaper. Nobody may grant a right that he does not have: hence
// get and delete.
func needed() []authv1.ResourceAttributes {
	return []authv1.ResourceAttributes{
		{Verb: "create", Group: rbacAPI, Resource: "clusterroles"},
		{Verb: "get", Group: rbacAPI, Resource: "clusterroles"},
		{Verb: "delete", Group: rbacAPI, Resource: "clusterroles"},
		{Verb: "create", Group: rbacAPI, Resource: "clusterrolebindings"},
		{Verb: "create", Group: rbacAPI, Resource: "roles"},
		{Verb: "create", Group: rbacAPI, Resource: "rolebindings"},
		{Verb: "create", Group: "", Resource: "serviceaccounts"},
		{Verb: "get", Group: "coordination.k8s.io", Resource: "leases"},
		{Verb: "create", Group: "apps", Resource: "deployments"},
	}
}

// Forbidden is what the user lacks for a run with a reaper: "create clusterroles". It asks the API server and changes nothing.
func Forbidden(ctx context.Context, client kubernetes.Interface) (lacks []string, err error) {
	for _, a := range needed() {
		review := &authv1.SelfSubjectAccessReview{Spec: authv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return nil, fmt.Errorf("what the user may do: %w", err)
		}
		if !answer.Status.Allowed {
			lacks = append(lacks, a.Verb+" "+a.Resource)
		}
	}
	return lacks, nil
}
