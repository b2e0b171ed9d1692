package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestServiceOneApplication(t *testing.T) {
	try(t, "service/one-application", []trial{
		manifestsNotRecorded(),
		{"a Job's pods too", job(`{"app":"derl"}`), []want{{svc, check.Fail, "job", []string{"Job migrate", "app: derl", "get pods -l app=derl"}}}},
		{"a CronJob's pods too", object("CronJob", "nightly", `{"metadata":{"name":"nightly"},"spec":{"jobTemplate":{"spec":{"template":{"metadata":{"labels":{"app":"derl"}}}}}}}`), []want{{svc, check.Fail, "job", []string{"CronJob nightly"}}}},
		{"another application", second("shop/front:1"), []want{{svc, check.Fail, "two-applications", []string{"Deployment derl", "Deployment derl-worker", "meshproof/derl", "shop/front"}}}},
		{"a Job with other labels", job(`{"app":"migrate"}`), nil},
		{"web and worker, one image", second(rt.Image), nil},
		{"a canary of another tag", second(rt.Image + ":2"), nil},
		{"no Service for them", mistyped, []want{{whole, check.NotApplicable, "", []string{"no Service"}}}},
	})
}
