package check

import (
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

func imageAvailable() Check {
	return Check{
		ID: "image/available", Title: "has its images on the nodes", Rung: Image, Level: Required, Episode: "formation",
		Why:    "A pod whose image cannot be built or pulled never starts; every later symptom is a shadow of that.",
		Source: "https://kubernetes.io/docs/concepts/containers/images/",
		Causes: map[string][]string{"image-failed": append([]string{"pods/*", "service/*", "vm/*", "dns/*", "probe/*"}, aboveVM()...)},
		Judge: func(v *view.View) []Finding {
			var all []Finding
			for _, im := range v.Images() {
				f := Finding{Subject: Subject{Kind: "image", Name: im.Name}, Outcome: Pass, Took: im.Took}
				if im.Outcome == "failed" {
					f.Outcome, f.Code = Fail, "image-failed"
					f.Says = "image " + im.Name + " could not be made available"
					f.Seen = strings.Split(im.Detail, "\n")
					f.Remedy = "mend what the last lines of the build say"
				}
				all = append(all, f)
			}
			if len(all) == 0 {
				return none(v, "no image of the workload was recorded")
			}
			return all
		},
	}
}
