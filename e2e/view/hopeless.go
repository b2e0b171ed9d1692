package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// pulls is how long a node may go on failing to get an image: the kubelet tries again after 10 s, and a registry that
// hiccups once is none that lacks the image.
const pulls = 15 * time.Second

// NoImage is a container that waits for an image that cannot be had.
type NoImage struct {
	Pod       *Pod
	Container recording.Container
	From      time.Duration // when that was first reported
}

// NoImages are the containers of pods that are not on their way out and wait for an image that could not be had so far.
func (v *View) NoImages() []NoImage {
	var all []NoImage
	for _, p := range v.Pods() {
		if p.Leaving(v.end) {
			continue
		}
		for i, c := range p.Last().Containers {
			if !lacksImage(c) {
				continue
			}
			n := NoImage{p, c, v.end}
			for _, e := range slices.Backward(p.states) {
				if len(e.Pod.Containers) <= i || !lacksImage(e.Pod.Containers[i]) {
					break
				}
				n.From = e.T
			}
			all = append(all, n)
		}
	}
	return all
}

func lacksImage(c recording.Container) bool {
	return c.State == "waiting" && (forEver(c) || c.Reason == "ErrImagePull" || c.Reason == "ImagePullBackOff")
}

// forEver reports whether no second attempt can help.
func forEver(c recording.Container) bool {
	return c.Reason == "ErrImageNeverPull" || c.Reason == "InvalidImageName"
}

// Hopeless says why no time can bring the mesh about, "" where it may: an image that a pod needs cannot be had.
func (v *View) Hopeless() string {
	for _, n := range v.NoImages() {
		if forEver(n.Container) || v.end-n.From >= pulls {
			return "the image " + n.Container.Image + " of " + n.Pod.Name + " cannot be had (" + n.Container.Reason + ")"
		}
	}
	return v.unspoken()
}

// others is how long what can be seen is looked at beside a node that cannot be asked.
const others = 10 * time.Second

// unspoken says which node nobody can ask however long it runs: it speaks TLS only, and there is no certificate for it.
func (v *View) unspoken() string {
	for _, p := range v.Pods() {
		over, _ := p.OverTLS()
		if over && v.Profile.TLS == "" && !p.Leaving(v.end) && len(p.VMs) > 0 && v.end-p.VMs[0].T >= others {
			return p.Name + " speaks distribution over TLS, and the profile names no certificate to ask it with (spec.tls.secret)"
		}
	}
	return ""
}
