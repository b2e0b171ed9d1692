package client

import (
	"maps"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Placement is where agents run: on the nodes where the pods under test may run, and on no others. The zero value is every
// node without a taint.
type Placement struct {
	Terms       []corev1.NodeSelectorTerm // a node must match one of them; none: any node
	Tolerations []corev1.Toleration
}

// Place is the placement for pods under test. Where the pods of one workload may run anywhere, so may the agents. What the
// API server adds to a pod later (the scheduling of a RuntimeClass) is not known here.
func Place(pods []*corev1.PodSpec) (p Placement) {
	anywhere := false
	for _, pod := range pods {
		terms, constrained := nodesOf(pod)
		anywhere = anywhere || !constrained
		for _, t := range terms {
			p.Terms = appendNew(p.Terms, t)
		}
		for _, t := range tolerationsOf(pod) {
			p.Tolerations = appendNew(p.Tolerations, t)
		}
	}
	if anywhere {
		p.Terms = nil
	}
	return p
}

// nodesOf are the terms of which a pod's node matches one: its nodeSelector and its nodeName hold together with each term of
// its required affinity. constrained means that it may not run anywhere; without terms it runs nowhere.
func nodesOf(pod *corev1.PodSpec) (terms []corev1.NodeSelectorTerm, constrained bool) {
	var both corev1.NodeSelectorTerm
	for _, key := range slices.Sorted(maps.Keys(pod.NodeSelector)) {
		both.MatchExpressions = append(both.MatchExpressions, corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{pod.NodeSelector[key]}})
	}
	if pod.NodeName != "" {
		both.MatchFields = append(both.MatchFields, corev1.NodeSelectorRequirement{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{pod.NodeName}})
	}
	if pod.Affinity == nil || pod.Affinity.NodeAffinity == nil || pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		if empty(both) {
			return nil, false
		}
		return []corev1.NodeSelectorTerm{both}, true
	}
	for _, t := range pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		if empty(t) {
			continue // it matches no node
		}
		terms = append(terms, corev1.NodeSelectorTerm{
			MatchExpressions: slices.Concat(t.MatchExpressions, both.MatchExpressions), MatchFields: slices.Concat(t.MatchFields, both.MatchFields),
		})
	}
	return terms, true
}

func empty(t corev1.NodeSelectorTerm) bool { return len(t.MatchExpressions)+len(t.MatchFields) == 0 }

// tolerationsOf are the taints in spite of which the pod runs. A pod that tolerates one for a time only is observed to its
// end. A pod that names its node goes there in spite of all taints that only keep the scheduler away.
func tolerationsOf(pod *corev1.PodSpec) (all []corev1.Toleration) {
	for _, t := range pod.Tolerations {
		t.TolerationSeconds = nil
		all = append(all, t)
	}
	if pod.NodeName != "" {
		all = append(all, corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
	}
	return all
}

// affinity is the placement as the pods of a DaemonSet state it.
func (p Placement) affinity() *corev1.Affinity {
	if len(p.Terms) == 0 {
		return nil
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: p.Terms}}}
}

func appendNew[T any](all []T, one T) []T {
	if slices.ContainsFunc(all, func(other T) bool { return reflect.DeepEqual(other, one) }) {
		return all
	}
	return append(all, one)
}
