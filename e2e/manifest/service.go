package manifest

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Service is a Service of the set.
type Service struct {
	*Document
	Spec corev1.ServiceSpec
}

// Services are all Services of the set.
func (s *Set) Services() []*Service {
	var all []*Service
	for _, d := range s.Documents {
		if o, is := d.Object.(*corev1.Service); is {
			all = append(all, &Service{d, o.Spec})
		}
	}
	return all
}

// Service is the Service of that name, nil where there is none.
func (s *Set) Service(namespace, name string) *Service {
	d := s.Find("Service", namespace, name)
	if d == nil {
		return nil
	}
	o, is := d.Object.(*corev1.Service)
	if !is {
		return nil
	}
	return &Service{d, o.Spec}
}

// Headless reports whether the Service's name is the pods' own addresses in DNS, and not one virtual address.
func (s *Service) Headless() bool { return s.Spec.ClusterIP == corev1.ClusterIPNone }

// PublishesNotReady reports whether DNS lists pods that are not ready.
func (s *Service) PublishesNotReady() bool { return s.Spec.PublishNotReadyAddresses }

// Selects reports whether the Service selects pods with these labels. One without a selector selects none: somebody else writes
// its endpoints.
func (s *Service) Selects(pod map[string]string) bool { return Covers(pod, s.Spec.Selector) }

// Port is the port of that name, nil where there is none.
func (s *Service) Port(name string) *corev1.ServicePort {
	for i := range s.Spec.Ports {
		if s.Spec.Ports[i].Name == name {
			return &s.Spec.Ports[i]
		}
	}
	return nil
}

// Covers reports whether labels hold everything that want asks for. What asks for nothing is not covered, as a Service without
// a selector selects no pod.
func Covers(have, want map[string]string) bool {
	return len(want) > 0 && labels.SelectorFromValidatedSet(want).Matches(labels.Set(have))
}

// Selects reports whether a selector of the API selects these labels: nil selects nothing, an empty one everything. One that the
// API server would refuse is an error.
func Selects(selector *metav1.LabelSelector, have map[string]string) (bool, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, err
	}
	return s.Matches(labels.Set(have)), nil
}
