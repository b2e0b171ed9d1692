package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestPlaceToWrite() check.Check {
	return check.Check{
		ID: "manifest/place-to-write", Title: "has a writable volume where the VM and its start script write", Rung: check.Manifest, Level: check.Advice, Scenario: "formation",
		Why:    "With a read-only root file system a VM that is given no cookie cannot make its .erlang.cookie in HOME, and a start script cannot write the vm.args and sys.config that it renders: the node does not start.",
		Source: "https://github.com/vernemq/docker-vernemq/issues/243",
		Causes: map[string][]string{"read-only": nil, "nowhere": nil},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				f.Skip("no container of " + w.String() + " has a read-only root file system")
				for _, c := range w.Containers(manifest.Main) {
					if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || !runsNode(m, w, c) {
						continue
					}
					if placesToWrite(m, w, c, f); f.Outcome == check.Fail {
						return
					}
				}
			})
		},
	}
}

// runsNode reports whether the container is the one with the node. Where nothing shows which one is, all of them may be.
func runsNode(m *objects.Manifests, w *manifest.Workload, c *manifest.Container) bool {
	shows := func(c *manifest.Container) bool {
		return objects.ProductOf(c) != nil || c.Port("epmd") != 0 || slices.ContainsFunc(m.Env(w, c).Variables, func(v manifest.Variable) bool { return objects.HoldsCookie(v.Name) })
	}
	return shows(c) || !slices.ContainsFunc(w.Containers(manifest.Main), shows)
}

// placesToWrite fails the finding if something that has to be written cannot be.
func placesToWrite(m *objects.Manifests, w *manifest.Workload, c *manifest.Container, f *check.Finding) {
	var known, closed []string
	for _, place := range places(m, w, c) {
		known = append(known, place.at)
		if !objects.Writable(w, objects.MountAt(c, place.at)) {
			closed = append(closed, place.at+" ("+place.what+")")
		}
	}
	writable := writableVolumes(w, c)
	switch {
	case len(closed) > 0:
		f.Fail("read-only", fmt.Sprintf("container %s of %s has a read-only root file system and no writable volume at %s", c.Name, w, check.List(closed)),
			"mount an emptyDir there: volumes: [{name: NAME, emptyDir: {}}], volumeMounts: [{name: NAME, mountPath: PATH}]; or remove readOnlyRootFilesystem: true")
	case len(known) > 0:
		f.Outcome, f.Message = check.Pass, ""
	case len(writable) == 0 && ofMix(m, w, c):
		f.Skip("container " + c.Name + " of " + w.String() + " can write nowhere, and a release of mix needs to only with reboot_system_after_config (RELEASE_TMP)")
	case len(writable) == 0:
		f.Fail("nowhere", fmt.Sprintf("container %s of %s has a read-only root file system and no writable volume at all: a VM that is given no cookie cannot make .erlang.cookie, and a start script cannot render vm.args or sys.config", c.Name, w),
			"mount an emptyDir at /tmp, and add {name: HOME, value: /tmp} to the env of the container; for a release of relx also {name: RELX_OUT_FILE_PATH, value: /tmp}")
	default:
		f.Skip("where the image of container " + c.Name + " of " + w.String() + " writes is not in the manifests; it can write to " + check.List(writable))
	}
}

// place is a folder into which something is written.
type place struct{ at, what string }

// places are the folders of which the manifests, or the image's own start script, tell that the container writes there.
func places(m *objects.Manifests, w *manifest.Workload, c *manifest.Container) []place {
	var all []place
	add := func(at, what string) {
		if at = path.Clean(at); strings.HasPrefix(at, "/") && !slices.ContainsFunc(all, func(p place) bool { return p.at == at }) {
			all = append(all, place{at, what})
		}
	}
	e := m.Env(w, c)
	value := func(name string) string {
		v, _ := e.Lookup(name)
		if !v.Known() || len(v.Value.Unresolved) > 0 {
			return ""
		}
		return v.Value.Value
	}
	product := objects.ProductOf(c)
	home := value("HOME")
	if product != nil && home == "" {
		home = product.Home
	}
	// With -setcookie the VM makes no file, and a file that is mounted is there already.
	if home != "" && !flagged(m, w) && !slices.ContainsFunc(m.Cookies(w), func(k objects.Cookie) bool { return k.File != "" }) {
		add(home, "the home of the VM, with its .erlang.cookie")
	}
	if product != nil && product.Rendered != "" {
		add(product.Rendered, "the start script of "+product.Name+" writes its configuration there")
	}
	for _, name := range []string{"RELX_OUT_FILE_PATH", "RELEASE_TMP"} {
		if at := value(name); at != "" {
			add(at, name)
		}
	}
	return all
}

// ofMix reports whether the container runs a release of mix, whose start script gives the VM its cookie.
func ofMix(m *objects.Manifests, w *manifest.Workload, c *manifest.Container) bool {
	return slices.ContainsFunc(m.Env(w, c).Variables, func(v manifest.Variable) bool {
		return slices.Contains([]string{"RELEASE_COOKIE", "RELEASE_NODE", "RELEASE_DISTRIBUTION"}, v.Name)
	})
}

// flagged reports whether a flag gives the VM its cookie.
func flagged(m *objects.Manifests, w *manifest.Workload) bool {
	return slices.ContainsFunc(m.Places(w), func(p objects.Place) bool {
		return slices.Contains(objects.Words(p.Text), "-setcookie")
	})
}

// writableVolumes are the paths of the container's volumes that it can write to.
func writableVolumes(w *manifest.Workload, c *manifest.Container) []string {
	var all []string
	for i := range c.VolumeMounts {
		if objects.Writable(w, &c.VolumeMounts[i]) {
			all = append(all, c.VolumeMounts[i].MountPath)
		}
	}
	return all
}
