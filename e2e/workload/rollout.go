package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// Roll is one workload whose pod template changes in the next version: its controller replaces the pods when the template is
// set.
type Roll struct {
	Kind, Name string
	template   any
}

// nextVersion adds patches of the next version. at is the place of the i-th of them in its file.
func (w *Workload) nextVersion(dir string, patches []string, at func(i int) string) error {
	for i, p := range patches {
		c, err := readChange(dir, profile.Kustomize{Patches: []string{p}})
		if err != nil {
			return fmt.Errorf("%s: rollout: %w", at(i), err)
		}
		w.from.rollout = append(w.from.rollout, c)
	}
	return nil
}

// renderRollout returns the manifests of the next version, as [Workload.Render] returns those of the first. It is nil if there
// is none.
func (w *Workload) renderRollout(namespace string, images map[string]string) (*manifest.Set, error) {
	if len(w.from.rollout) == 0 {
		return nil, nil
	}
	return w.variant(slices.Concat(w.from.shape, w.from.rollout), namespace, images)
}

// Rolls are the workloads whose pods the next version replaces, none if there is no next version. It is an error if the next
// version changes no pods, or anything other than pod templates: that would not be applied.
func (w *Workload) Rolls(namespace string, images map[string]string) ([]Roll, error) {
	if len(w.from.rollout) == 0 {
		return nil, nil
	}
	now, err := w.Render(namespace, images)
	if err != nil {
		return nil, err
	}
	next, err := w.renderRollout(namespace, images)
	if err != nil {
		return nil, err
	}
	return w.rolls(now, next)
}

// rolls compares the rendered manifests of two versions; next is nil if there is none.
func (w *Workload) rolls(now, next *manifest.Set) ([]Roll, error) {
	if next == nil {
		return nil, nil
	}
	old := map[string]*manifest.Document{}
	for _, d := range now.Documents {
		old[d.String()] = d
	}
	var all []Roll
	for _, d := range next.Documents {
		before := old[d.String()]
		if before != nil && reflect.DeepEqual(before.Raw, d.Raw) {
			continue
		}
		if d.Kind != "Deployment" && d.Kind != "StatefulSet" || before == nil || dict(before.Raw["spec"]) == nil {
			return nil, fmt.Errorf("%s: the rollout changes %s; it can change only pod templates of Deployments and StatefulSets", w.Profile.At("spec", "rollout"), d)
		}
		template, changed := dict(d.Raw["spec"])["template"], before.Copy()
		dict(changed["spec"])["template"] = template
		if !reflect.DeepEqual(changed, d.Raw) {
			return nil, fmt.Errorf("%s: the rollout changes other fields of %s; it can change only the pod template", w.Profile.At("spec", "rollout"), d)
		}
		all = append(all, Roll{d.Kind, d.Name, template})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: the rollout changes nothing, so no pod would be replaced", w.Profile.At("spec", "rollout"))
	}
	return all, nil
}

// Begin sets the new template of the workload; its controller does the rest.
func (r Roll) Begin(ctx context.Context, client kubernetes.Interface, namespace string) error {
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec/template", "value": r.template}})
	if err != nil {
		return err
	}
	strict := metav1.PatchOptions{FieldValidation: metav1.FieldValidationStrict}
	if r.Kind == "Deployment" {
		_, err = client.AppsV1().Deployments(namespace).Patch(ctx, r.Name, types.JSONPatchType, patch, strict)
	} else {
		_, err = client.AppsV1().StatefulSets(namespace).Patch(ctx, r.Name, types.JSONPatchType, patch, strict)
	}
	if err != nil {
		return fmt.Errorf("rolling out %s %s: %w", strings.ToLower(r.Kind), r.Name, err)
	}
	return nil
}
