package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Variable is one variable of a container's environment.
type Variable struct {
	Name string
	// Value is what the container gets, after expansion, as far as manifests decide it: see Text.
	Value Text
	// Written is the value as the manifests have it, before expansion.
	Written string
	// From is where the value comes from, in the words of the API: "" for a value that is written out, "fieldRef status.podIP",
	// "configMapKeyRef shop/node", "secretKeyRef shop/cookie", "configMapRef shop", "secretRef shop", "resourceFieldRef limits.cpu".
	From string
	// Missing tells that From names a ConfigMap or Secret, or a key of one, that is not in the set.
	Missing bool
	// Path leads to the entry of env or envFrom in the workload's document.
	Path []any

	prefix string // of a whole ConfigMap or Secret that is not in the set
}

// Known reports whether the manifests alone decide the whole value.
func (v Variable) Known() bool { return len(v.Value.Open) == 0 && !v.Missing }

// Text is a text after expansion.
type Text struct {
	Value string
	// Open are the variables in it whose values only a cluster knows; in Value they are still references, $(NAME).
	Open []string
	// Unresolved are the references to variables that the container does not have at that place. Kubernetes leaves them as they
	// are, and so they are in Value.
	Unresolved []string
}

// Env is the environment of a container.
type Env struct {
	// Variables are in the order in which the kubelet decides them: those of envFrom, then those of env. Of one that is there
	// several times the last counts.
	Variables []Variable

	links func(name string) bool
}

// Lookup is the variable of that name as the container gets it.
func (e *Env) Lookup(name string) (Variable, bool) {
	for i := len(e.Variables) - 1; i >= 0; i-- {
		if name != "" && e.Variables[i].Name == name {
			return e.Variables[i], true
		}
	}
	return Variable{}, false
}

// Decided are the variables that the container has: of one that is there several times the last, at its own place.
func (e *Env) Decided() []Variable {
	var all []Variable
	for i, v := range e.Variables {
		if v.Name == "" || !slices.ContainsFunc(e.Variables[i+1:], func(later Variable) bool { return later.Name == v.Name }) {
			all = append(all, v)
		}
	}
	return all
}

// Expand is an element of command or args as the kubelet expands it: with the whole environment, whatever its order
// (ExpandContainerCommandAndArgs in kubernetes/pkg/kubelet/container/helpers.go). Files, and what a shell replaces (${NAME}), it leaves
// alone.
func (e *Env) Expand(text string) Text { return expand(text, e.Lookup, e.mayHave) }

// mayHave reports whether a variable that is not in the manifests may be there all the same: Kubernetes makes it for a Service, or
// a ConfigMap or Secret that is not in the set brings it.
func (e *Env) mayHave(name string) bool {
	return e.links(name) || slices.ContainsFunc(e.Unnamed(), func(v Variable) bool { return strings.HasPrefix(name, v.prefix) })
}

// Env is the environment of one of the workload's containers, decided as the kubelet does (makeEnvironmentVariables in
// kubernetes/pkg/kubelet/kubelet_pods.go; https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/):
//
//   - envFrom comes first, then env in its order; a later one takes the place of an earlier one of the same name.
//   - $(NAME) in a value of env means the variable as far as it is decided by then: one of envFrom, an earlier entry of env, or one
//     that Kubernetes makes for a Service. Any other reference stays as it is; it is open where envFrom names something that is not
//     in the set.
//   - $$ is one $, so that $$(NAME) is the text $(NAME).
//   - What comes from envFrom or valueFrom is never expanded. A value that is not empty hides a valueFrom beside it.
//   - An optional key that is not there leaves the variable as it was.
//
// Values of Secrets are never shown, and what only the cluster knows is open (see [Text]).
func (s *Set) Env(w *Workload, c *Container) *Env {
	e := &Env{links: s.links(w)}
	for i, from := range c.EnvFrom {
		e.Variables = append(e.Variables, s.envFrom(w, from, c.At("envFrom", i))...)
	}
	for i, v := range c.Env {
		one := Variable{Name: v.Name, Written: v.Value, Path: c.At("env", i)}
		if v.Value != "" || v.ValueFrom == nil {
			one.Value = expand(v.Value, e.Lookup, e.mayHave)
		} else if !s.valueFrom(w, v.ValueFrom, &one) {
			continue
		}
		e.Variables = append(e.Variables, one)
	}
	return e
}

// open is the value of a variable that only the cluster knows.
func open(name string) Text { return Text{Value: "$(" + name + ")", Open: []string{name}} }

// envFrom are the variables that a ConfigMap or a Secret brings. Of one that is not in the set nothing is known, not even names:
// it is one Variable without a name.
func (s *Set) envFrom(w *Workload, from corev1.EnvFromSource, path []any) []Variable {
	var all []Variable
	switch {
	case from.ConfigMapRef != nil:
		source := "configMapRef " + from.ConfigMapRef.Name
		m, there := find[*corev1.ConfigMap](s, "ConfigMap", w.Namespace, from.ConfigMapRef.Name)
		if !there {
			return []Variable{{From: source, Missing: true, Path: path, prefix: from.Prefix}}
		}
		for _, k := range slices.Sorted(maps.Keys(m.Data)) {
			all = append(all, Variable{Name: from.Prefix + k, Written: m.Data[k], Value: Text{Value: m.Data[k]}, From: source, Path: path})
		}
	case from.SecretRef != nil:
		source := "secretRef " + from.SecretRef.Name
		m, there := find[*corev1.Secret](s, "Secret", w.Namespace, from.SecretRef.Name)
		if !there {
			return []Variable{{From: source, Missing: true, Path: path, prefix: from.Prefix}}
		}
		for _, k := range Keys(m) {
			all = append(all, Variable{Name: from.Prefix + k, Value: open(from.Prefix + k), From: source, Path: path})
		}
	}
	return all
}

// Unnamed are the entries of envFrom whose ConfigMap or Secret is not in the set: any variable may come from there.
func (e *Env) Unnamed() []Variable {
	var all []Variable
	for _, v := range e.Variables {
		if v.Name == "" && v.Missing {
			all = append(all, v)
		}
	}
	return all
}

// valueFrom fills in what a valueFrom gives. It is false where nothing is set: an optional key that is not there.
func (s *Set) valueFrom(w *Workload, from *corev1.EnvVarSource, v *Variable) bool {
	v.Value = open(v.Name)
	switch {
	case from.FieldRef != nil:
		v.From = "fieldRef " + from.FieldRef.FieldPath
	case from.ResourceFieldRef != nil:
		v.From = "resourceFieldRef " + from.ResourceFieldRef.Resource
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		v.From = fmt.Sprintf("configMapKeyRef %s/%s", ref.Name, ref.Key)
		m, there := find[*corev1.ConfigMap](s, "ConfigMap", w.Namespace, ref.Name)
		if !there {
			v.Missing = true
			return true // it may be in the cluster, optional or not
		}
		text, has := m.Data[ref.Key]
		if !has {
			v.Missing = true
			return ref.Optional == nil || !*ref.Optional
		}
		v.Written, v.Value = text, Text{Value: text}
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		v.From = fmt.Sprintf("secretKeyRef %s/%s", ref.Name, ref.Key)
		m, there := find[*corev1.Secret](s, "Secret", w.Namespace, ref.Name)
		v.Missing = !there || !slices.Contains(Keys(m), ref.Key)
		return !there || !v.Missing || ref.Optional == nil || !*ref.Optional
	case from.FileKeyRef != nil:
		v.From = fmt.Sprintf("fileKeyRef %s/%s", from.FileKeyRef.Path, from.FileKeyRef.Key)
	}
	return true
}

// Keys are the keys of a Secret, whichever of its two fields they stand in.
func Keys(s *corev1.Secret) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(s.Data)), maps.Keys(s.StringData))
	slices.Sort(all)
	return slices.Compact(all)
}

// links reports whether a variable is one that the kubelet makes for a Service (getServiceEnvVarMap in kubelet_pods.go,
// pkg/kubelet/envvars): always for kubernetes itself, and unless enableServiceLinks is false for each that has a cluster IP.
func (s *Set) links(w *Workload) func(string) bool {
	prefixes := []string{"KUBERNETES_SERVICE_", "KUBERNETES_PORT"}
	if on := w.Pod().EnableServiceLinks; on == nil || *on {
		for _, x := range s.Services() {
			if !x.Headless() && x.Spec.Type != corev1.ServiceTypeExternalName && SameNamespace(x.Namespace, w.Namespace) {
				name := strings.ToUpper(strings.ReplaceAll(x.Name, "-", "_"))
				prefixes = append(prefixes, name+"_SERVICE_", name+"_PORT")
			}
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
}
