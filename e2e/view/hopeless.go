package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// imagePullGrace is how long pulling an image may fail before it counts as not available: the kubelet tries again after 10 s, and a registry
// may fail once.
const imagePullGrace = 15 * time.Second

// NoImage is a container that waits for an image that is not available.
type NoImage struct {
	Pod       *Pod
	Container recording.Container
	From      time.Duration // when that was first reported
}

// NoImages are the containers that wait for an image that was not available so far; pods that are being deleted do not count.
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
	return c.State == "waiting" && (permanent(c) || c.Reason == "ErrImagePull" || c.Reason == "ImagePullBackOff")
}

// permanent reports whether another attempt cannot help.
func permanent(c recording.Container) bool {
	return c.Reason == "ErrImageNeverPull" || c.Reason == "InvalidImageName"
}

// Hopeless says why the mesh cannot form however long the run waits: an image is not available, Kubernetes refuses to create pods, or
// a node can never be queried.
// "" if it may still form.
func (v *View) Hopeless() string {
	for _, n := range v.NoImages() {
		if permanent(n.Container) || v.end-n.From >= imagePullGrace {
			return "the image " + n.Container.Image + " of " + n.Pod.Name + " is not available (" + n.Container.Reason + ")"
		}
	}
	if why := v.refused(); why != "" {
		return why
	}
	return v.notAskable()
}

// tlsGrace is how long a node that cannot be queried is observed from outside.
const tlsGrace = 10 * time.Second

// notAskable names a node that can never be queried: it accepts only TLS, and the profile names no certificate.
func (v *View) notAskable() string {
	for _, p := range v.Pods() {
		over, _ := p.OverTLS()
		if over && v.Profile.TLS == "" && !p.Leaving(v.end) && len(p.VMs) > 0 && v.end-p.VMs[0].T >= tlsGrace {
			return p.Name + " accepts distribution connections only over TLS, and the profile names no certificate for them (set spec.tls.secret)"
		}
	}
	return ""
}
