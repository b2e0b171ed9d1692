package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func imageAvailable() check.Check {
	return check.Check{
		ID: "image/available", Title: "has its images available on the nodes", Rung: check.Image, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod},
		Why:    "A pod whose image cannot be built or pulled never starts; all later symptoms follow from that.",
		Source: "https://kubernetes.io/docs/concepts/containers/images/",
		Causes: check.Alike(check.From(check.Pods), "image-failed", "not-pulled"),
		Judge: func(v *view.View) []check.Finding {
			var all []check.Finding
			for _, im := range v.Images() {
				f := check.Finding{Subject: check.Subject{Kind: "image", Name: im.Name}, Outcome: check.Pass, Took: im.Took}
				if im.Outcome == "failed" {
					f.Outcome, f.Code, f.Reads = check.Fail, "image-failed", []recording.Kind{recording.KindImage}
					f.Message = "image " + im.Name + " could not be made available"
					f.Seen = strings.Split(im.Detail, "\n")
					f.Remedy = "correct the Dockerfile, the image reference or the archive that spec.images of the profile has for it"
				}
				all = append(all, pulled(v, im.Name, f)...)
			}
			if len(all) == 0 {
				return check.NothingSeen(v, "no image of the workload was recorded")
			}
			return all
		},
	}
}

// pulled are the findings about an image that the nodes have to pull: one for each pod that waits for it, since one Kubernetes node may have the
// image and another not, and one for the image itself, which is f if no pod waits.
func pulled(v *view.View, name string, f check.Finding) []check.Finding {
	all := []check.Finding{f}
	for _, n := range v.NoImages() {
		if n.Container.Image != name {
			continue
		}
		not := check.Finding{
			Subject: check.OnPod(n.Pod), Outcome: check.Fail, Code: "not-pulled", At: n.From,
			Message: fmt.Sprintf("node %s cannot pull image %s for container %s of %s (%s)", n.Pod.Last().Node, name, n.Container.Name, n.Pod.Name, n.Container.Reason),
			Seen:    append([]string{n.Container.Message}, evidence.Warnings(v, "Pod/"+n.Pod.Name)...),
			Remedy:  "list the image in spec.images of the profile with its source (build, archive, local or pull); or correct its name, or add an imagePullSecret to the pods",
			Try:     fmt.Sprintf("kubectl -n %s describe pod %s", v.Header.Namespace, n.Pod.Name),
		}
		if len(all) == 1 {
			all[0] = not
			all[0].Subject = f.Subject
		}
		all = append(all, not)
	}
	return all
}
