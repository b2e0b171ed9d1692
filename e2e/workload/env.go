package workload

import (
	"slices"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// withEnv sets the variables in the containers of the application's workloads. An existing one gets the new value in its place,
// because $(NAME) in later ones refers to it; new ones come first, so that all others can refer to them.
func withEnv(all *manifest.Set, env map[string]string) *manifest.Set {
	return edited(all, func(o map[string]any) {
		if kind, _ := o["kind"].(string); !profile.Runs(kind) {
			return
		}
		list, _ := dict(dict(dict(o["spec"])["template"])["spec"])["containers"].([]any)
		for _, c := range list {
			if c := dict(c); c != nil {
				setEnv(c, env)
			}
		}
	})
}

// edited is the set with each object changed. It changes copies, because others may use the given objects.
func edited(all *manifest.Set, change func(o map[string]any)) *manifest.Set {
	changed := &manifest.Set{}
	for _, d := range all.Documents {
		o := d.Copy()
		change(o)
		changed.Documents = append(changed.Documents, d.With(o))
	}
	return changed
}

func setEnv(container map[string]any, env map[string]string) {
	list, _ := container["env"].([]any)
	var added []any
	for _, name := range sortedKeys(env) {
		v := map[string]any{"name": name, "value": env[name]}
		at := slices.IndexFunc(list, func(have any) bool { return dict(have)["name"] == name })
		if at >= 0 {
			list[at] = v
		} else {
			added = append(added, v)
		}
	}
	container["env"] = append(added, list...)
}

// present lets nodes use the images that were loaded onto them: with the pull policy Always they would ask a registry, which does
// not have them.
func present(all *manifest.Set, images map[string]string) *manifest.Set {
	refs := map[string]bool{}
	for _, ref := range images {
		refs[ref] = true
	}
	if len(refs) == 0 {
		return all
	}
	return edited(all, func(o map[string]any) { relax(o, refs) })
}

// relax changes the pull policy of all containers in v that use one of the images, at any depth: it may be a custom resource.
// Without a policy the tag latest means Always.
func relax(v any, refs map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			relax(x, refs)
		}
	case map[string]any:
		for k, x := range v {
			relax(x, refs)
			if list, is := x.([]any); is && (k == "containers" || k == "initContainers") {
				for _, c := range list {
					if ref, is := dict(c)["image"].(string); is && refs[ref] {
						dict(c)["imagePullPolicy"] = "IfNotPresent"
					}
				}
			}
		}
	}
}
