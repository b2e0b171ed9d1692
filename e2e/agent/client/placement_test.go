package client

import (
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func in(key string, values ...string) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
}

func term(all ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: all}
}

func onNode(name string, all ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: all, MatchFields: []corev1.NodeSelectorRequirement{in("metadata.name", name)}}
}

func required(terms ...corev1.NodeSelectorTerm) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}}
}

// Agents run on the nodes that the pods' own constraints admit, and on no others.
func TestPlaceByNode(t *testing.T) {
	free := &corev1.PodSpec{}
	selected := &corev1.PodSpec{NodeSelector: map[string]string{"pool": "beam", "arch": "arm64"}}
	affine := &corev1.PodSpec{Affinity: required(term(in("zone", "a", "b")), onNode("n7", in("zone", "c")))}
	preferred := &corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 1, Preference: term(in("zone", "a"))}}}}}
	both := &corev1.PodSpec{NodeSelector: map[string]string{"pool": "beam"}, NodeName: "n1", Affinity: affine.Affinity}
	beam := []corev1.NodeSelectorRequirement{in("arch", "arm64"), in("pool", "beam")}
	for name, c := range map[string]struct {
		pods []*corev1.PodSpec
		want []corev1.NodeSelectorTerm
	}{
		"no pods":                       {nil, nil},
		"anywhere":                      {[]*corev1.PodSpec{free}, nil},
		"a preference is no constraint": {[]*corev1.PodSpec{preferred}, nil},
		"a nodeSelector":                {[]*corev1.PodSpec{selected}, []corev1.NodeSelectorTerm{term(beam...)}},
		"required affinity":             {[]*corev1.PodSpec{affine}, []corev1.NodeSelectorTerm{term(in("zone", "a", "b")), onNode("n7", in("zone", "c"))}},
		"a fixed node":                  {[]*corev1.PodSpec{{NodeName: "n1"}}, []corev1.NodeSelectorTerm{onNode("n1")}},
		"one or the other workload":     {[]*corev1.PodSpec{selected, affine}, []corev1.NodeSelectorTerm{term(beam...), term(in("zone", "a", "b")), onNode("n7", in("zone", "c"))}},
		"the same twice":                {[]*corev1.PodSpec{selected, selected}, []corev1.NodeSelectorTerm{term(beam...)}},
		"one of them anywhere":          {[]*corev1.PodSpec{selected, free}, nil},
		"a term that matches no node":   {[]*corev1.PodSpec{{NodeSelector: map[string]string{"pool": "beam"}, Affinity: required(corev1.NodeSelectorTerm{}, term(in("zone", "a")))}}, []corev1.NodeSelectorTerm{term(in("zone", "a"), in("pool", "beam"))}},
		"all of one pod hold together": {[]*corev1.PodSpec{both}, []corev1.NodeSelectorTerm{
			onNode("n1", in("zone", "a", "b"), in("pool", "beam")),
			{MatchExpressions: []corev1.NodeSelectorRequirement{in("zone", "c"), in("pool", "beam")}, MatchFields: []corev1.NodeSelectorRequirement{in("metadata.name", "n7"), in("metadata.name", "n1")}},
		}},
	} {
		p := Place(c.pods)
		if len(p.Terms) != len(c.want) || len(c.want) > 0 && !slices.EqualFunc(p.Terms, c.want, func(a, b corev1.NodeSelectorTerm) bool { return reflect.DeepEqual(normal(a), normal(b)) }) {
			t.Errorf("%s: %+v, want %+v", name, p.Terms, c.want)
		}
		if a := DaemonSet("ns", Options{Where: p}).Spec.Template.Spec.Affinity; (a == nil) != (c.want == nil) {
			t.Errorf("%s: the agents' affinity is %+v", name, a)
		}
	}
	if len(selected.NodeSelector) != 2 || len(affine.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchExpressions) != 1 {
		t.Error("the pods were changed")
	}
}

// normal has no difference between no requirements and none yet.
func normal(t corev1.NodeSelectorTerm) corev1.NodeSelectorTerm {
	if len(t.MatchFields) == 0 {
		t.MatchFields = nil
	}
	if len(t.MatchExpressions) == 0 {
		t.MatchExpressions = nil
	}
	return t
}

// Agents tolerate the taints that the pods tolerate, and no others.
func TestPlaceByTaint(t *testing.T) {
	beam := corev1.Toleration{Key: "beam", Operator: corev1.TolerationOpEqual, Value: "only", Effect: corev1.TaintEffectNoSchedule}
	minute := int64(60)
	spot := corev1.Toleration{Key: "spot", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &minute}
	forEver := spot
	forEver.TolerationSeconds = nil
	p := Place([]*corev1.PodSpec{{}, {Tolerations: []corev1.Toleration{beam, spot}}, {Tolerations: []corev1.Toleration{beam}}})
	if !reflect.DeepEqual(p.Tolerations, []corev1.Toleration{beam, forEver}) || p.Terms != nil {
		t.Errorf("%+v", p)
	}
	if spec := DaemonSet("ns", Options{Where: p}).Spec.Template.Spec; !reflect.DeepEqual(spec.Tolerations, p.Tolerations) {
		t.Errorf("%+v", spec.Tolerations)
	}
	if spec := DaemonSet("ns", Options{Where: Place([]*corev1.PodSpec{{}})}).Spec.Template.Spec; len(spec.Tolerations) != 0 {
		t.Errorf("the agents tolerate %+v, their pods nothing", spec.Tolerations)
	}
	named := Place([]*corev1.PodSpec{{NodeName: "n1"}})
	if len(named.Tolerations) != 1 || named.Tolerations[0].Effect != corev1.TaintEffectNoSchedule {
		t.Errorf("a pod that names its node: %+v", named)
	}
}

// What the agents need is stated, and no CPU limit can make them blind.
func TestResources(t *testing.T) {
	c := DaemonSet("ns", Options{}).Spec.Template.Spec.Containers[0]
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		request, requested := c.Resources.Requests[name]
		limit, limited := c.Resources.Limits[name]
		if !requested || limited == (name == corev1.ResourceCPU) || limited && limit.Cmp(request) < 0 {
			t.Errorf("%s: request %s, limit %s", name, request.String(), limit.String())
		}
	}
	if s := c.SecurityContext; s.RunAsUser == nil || *s.RunAsUser != 0 || s.AllowPrivilegeEscalation != nil || !*s.ReadOnlyRootFilesystem {
		t.Errorf("%+v", s)
	}
}
