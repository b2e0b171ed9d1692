package workload

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"meshproof.dev/meshproof/e2e/ownership"
)

// terminating is a namespace that is being deleted, as the namespace controller describes it.
func terminating(name string, conditions ...corev1.NamespaceCondition) *corev1.Namespace {
	now := metav1.Now()
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, DeletionTimestamp: &now, Finalizers: []string{"x"}}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceTerminating, Conditions: conditions}}
}

func says(of corev1.NamespaceConditionType, is corev1.ConditionStatus, message string) corev1.NamespaceCondition {
	return corev1.NamespaceCondition{Type: of, Status: is, Message: message}
}

// A deletion that is waited for shortly is either over, under way, or held by something that has a name.
func TestNamespacesThatAreLeaving(t *testing.T) {
	content := says(corev1.NamespaceContentRemaining, corev1.ConditionTrue, "pods has 1 resource instances")
	client := fake.NewClientset(
		terminating("under-way", content, says(corev1.NamespaceFinalizersRemaining, corev1.ConditionFalse, "")),
		terminating("held", content, says(corev1.NamespaceFinalizersRemaining, corev1.ConditionTrue, "example.com/hold in 1 resource instances")),
	)
	going, err := Leaving(t.Context(), client, []string{"gone", "under-way"}, 300*time.Millisecond)
	if err != nil || !slices.Equal(going, []string{"under-way"}) {
		t.Errorf("going are %v, %v", going, err)
	}
	going, err = Leaving(t.Context(), client, []string{"gone", "under-way", "held"}, 300*time.Millisecond)
	var still *ownership.StillThere
	if !errors.As(err, &still) || still.Object() != "namespace held" || still.Why != "it is being deleted, but example.com/hold in 1 resource instances" || !slices.Equal(going, []string{"under-way"}) {
		t.Errorf("going are %v, %v", going, err)
	}
}

// Kubernetes looks at what holds a namespace only when its pods are gone: until then it says that nothing does.
func TestANamespaceThatIsHeldLater(t *testing.T) {
	client, looks := fake.NewClientset(), 0
	client.PrependReactor("get", "namespaces", func(k8stesting.Action) (bool, runtime.Object, error) {
		if looks++; looks < 3 {
			return true, terminating("held", says(corev1.NamespaceContentRemaining, corev1.ConditionTrue, "pods. has 3 resource instances"), says(corev1.NamespaceFinalizersRemaining, corev1.ConditionFalse, "")), nil
		}
		return true, terminating("held", says(corev1.NamespaceFinalizersRemaining, corev1.ConditionTrue, "example.com/hold in 1 resource instances")), nil
	})
	going, err := Leaving(t.Context(), client, []string{"held"}, time.Second)
	if still := new(ownership.StillThere); !errors.As(err, &still) || len(going) > 0 {
		t.Errorf("going are %v, %v", going, err)
	}
}

// What was waited for and is not gone has its name and kind in the error.
func TestANamespaceThatIsNotGone(t *testing.T) {
	client := fake.NewClientset()
	held := terminating("held", says(corev1.NamespaceFinalizersRemaining, corev1.ConditionTrue, "example.com/hold in 1 resource instances"))
	held.Labels = map[string]string{ownership.Label: "r1"}
	if err := client.Tracker().Add(held); err != nil {
		t.Fatal(err)
	}
	client.PrependReactor("delete", "namespaces", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, nil })
	err := DeleteNamespace(t.Context(), client, "held", &ownership.Run{Name: "r1"}, 300*time.Millisecond)
	var still *ownership.StillThere
	if !errors.As(err, &still) || still.Object() != "namespace held" || !strings.Contains(still.Why, "example.com/hold") {
		t.Errorf("the error is %v", err)
	}
}
