package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestVariablesSet() check.Check {
	return check.Check{
		ID: "manifest/variables-set", Title: "defines every variable that its command lines use", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "Kubernetes does not replace $(NAME) if the container has no such variable, and a start script replaces ${NAME} by an empty string: a node with the name shop@ does not start, or has a wrong name.",
		Source: "https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/",
		Causes: check.Alike(check.From(check.DNS, "pods/*", "vm/*"), "left-as-is", "unset"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				seen := environment(v, w)
				// The image may define the variable: what a running VM has would show it.
				defer func() {
					if f.Outcome == check.Fail && v.Unseen(recording.Environment) != "" {
						f.OutOfSight(v, recording.Environment)
					}
				}()
				for _, n := range m.Names(w) {
					if asWritten(v, w, n, f); f.Outcome != check.Pass {
						return
					}
				}
				used := false
				for _, p := range m.Places(w) {
					if leftAsIs(m.Env(w, p.In), w, p, f); f.Outcome == check.Fail {
						return
					}
					used = used || objects.HasReference(p.Text)
					for _, ref := range objects.Reference.FindAllString(p.Text, -1) {
						name := strings.TrimRight(strings.TrimLeft(ref, "$({"), ")}")
						kubes := strings.HasPrefix(ref, "$(")
						switch {
						case strings.HasPrefix(ref, "$$"), kubes && p.Config, strings.Contains(name, "-"): // escaped, not replaced, or with a default
						case hasVariable(m.Env(w, p.In), name), slices.Contains(seen, name), strings.Contains(p.Text, name+"="):
						case kubes && !serviceLink.MatchString(name):
							f.Fail("left-as-is", fmt.Sprintf("%s of %s uses $(%s), which the container does not define: Kubernetes does not replace it", p.Where, w, name), define(name))
							return
						case !kubes && !given.MatchString(name):
							f.Fail("unset", fmt.Sprintf("%s of %s uses ${%s}, which the container does not define: it is replaced by an empty string", p.Where, w, name), define(name))
							if !v.KubeSeen() { // only a running VM shows what its image defines
								f.Outcome, f.Code, f.Message = check.Unseen, "", f.Message+", unless the image or a start script in it defines it"
							}
							return
						}
					}
				}
				if !used {
					f.Skip("no reference to a variable was seen in the variables, command lines and files of " + w.String())
				}
			})
		},
	}
}

// leftAsIs fails the finding if a variable has a reference that Kubernetes leaves as it is: to one that the container defines below
// it, anywhere in a value that comes from a ConfigMap, or in a node name to a command of a shell.
func leftAsIs(e *manifest.Env, w *manifest.Workload, p objects.Place, f *check.Finding) {
	v, there := e.Lookup(p.Variable)
	if !there || p.Variable == "" {
		return
	}
	if strings.HasPrefix(v.From, "configMap") {
		for _, ref := range objects.Reference.FindAllString(p.Text, -1) {
			name := strings.TrimRight(strings.TrimLeft(ref, "$({"), ")}")
			if _, has := e.Lookup(name); has && strings.HasPrefix(ref, "$(") {
				f.Fail("left-as-is", fmt.Sprintf("%s of %s uses $(%s): Kubernetes does not replace it in a value that comes from a ConfigMap", p.Where, w, name),
					"write "+p.Variable+" with its value in the env of the container, after "+name)
				return
			}
		}
		return
	}
	for _, name := range v.Value.Unresolved {
		if _, has := e.Lookup(name); has {
			f.Fail("left-as-is", fmt.Sprintf("%s of %s uses $(%s), which the container defines only after it: Kubernetes does not replace it", p.Where, w, name), "move "+name+" before "+p.Variable+" in the env of the container")
			return
		}
		if command.MatchString(name) && objects.IsNode(p.Variable) {
			f.Fail("left-as-is", fmt.Sprintf("%s of %s has $(%s): Kubernetes runs no command in a value, so the node name has it as it is written", p.Where, w, name),
				"set "+p.Variable+" in a start script (rel/env.sh of a release), or take the host from the pod: define {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}} above it and write $(POD_IP)")
			return
		}
	}
}

// asWritten fails the finding if a node name has a reference of a shell's form where no shell reads it. Where the image's env.sh may read
// it, or set the name again, it is not known.
func asWritten(v *view.View, w *manifest.Workload, n objects.NodeName, f *check.Finding) {
	shells := slices.DeleteFunc(slices.Concat(n.Literal, n.ForShell), func(ref string) bool { return strings.HasPrefix(ref, "$(") })
	if len(shells) == 0 || n.Maybe {
		return
	}
	ref, name := shells[0], strings.Trim(shells[0], "$(){}")
	message := fmt.Sprintf("%s of %s has %s in the node name: Kubernetes replaces $(%s) and no other form, ", n.Where, w, ref, name)
	remedy := "write $(" + name + ") instead of " + ref
	switch {
	case strings.HasPrefix(ref, "$$"):
		f.Fail("left-as-is", fmt.Sprintf("%s of %s has %s in the node name: two $ are an escape, and the name has $(%s) as it is written", n.Where, w, ref, name), remedy)
	case len(n.Literal) > 0:
		f.Fail("left-as-is", message+"and no shell reads this text, so the name has it as it is written", remedy)
	case !v.KubeSeen():
		f.Outcome, f.Message, f.Remedy = check.Unseen, message+"so the name has it as it is written, unless a start script in the image reads it as a shell does or sets the name again", remedy
	}
}

// command is a command of a shell that prints a host: hostname -f.
var command = regexp.MustCompile(`^(hostname|cat|echo|getent|ip|curl)\b`)

// serviceLink is a variable that Kubernetes makes for each Service; given is one that the image, the shell or the start
// script of a release defines.
var (
	serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)|_PORT(_|$)`)
	given       = regexp.MustCompile(`^(HOME|HOSTNAME|PATH|PWD|USER|SHELL|LANG|TERM|TMPDIR|ROOTDIR|BINDIR|EMU|PROGNAME|RELEASE_.*|RELX_.*|REL_.*|ERTS_.*|KUBERNETES_.*|.*_SERVICE_(HOST|PORT).*)$`)
)

// hasVariable reports whether the container defines the variable, or may define it: the content of a ConfigMap or Secret that is
// not in the manifests is not known.
func hasVariable(e *manifest.Env, name string) bool {
	_, defined := e.Lookup(name)
	return defined || len(e.Unnamed()) > 0
}

// environment are the variables that were seen in a running VM of w.
func environment(v *view.View, w *manifest.Workload) []string {
	for _, p := range v.Pods() {
		if vm := p.VM(); vm != nil && manifest.Covers(p.Last().Labels, w.Labels()) {
			return vm.Names
		}
	}
	return nil
}

func define(name string) string {
	for _, known := range []struct{ part, field string }{{"IP", "status.podIP"}, {"POD_NAMESPACE", "metadata.namespace"}, {"POD_NAME", "metadata.name"}, {"HOSTNAME", "metadata.name"}, {"NAMESPACE", "metadata.namespace"}} {
		if strings.Contains(name, known.part) {
			return "add to the env of the container, before the variables that use it: {name: " + name + ", valueFrom: {fieldRef: {fieldPath: " + known.field + "}}}"
		}
	}
	return "add " + name + " to the env of the container, before the variables that use it"
}
